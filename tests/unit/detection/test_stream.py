"""The stream analyser on sources of known rate, clock and content."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.detection.evidence import Sample, Sign
from kyc_rtc.detection.stream import StreamAnalyser
from kyc_rtc.detection.timing import DriftMeter, IntervalMeter
from kyc_rtc.frames import BgrImage
from tests.unit.detection import synthetic

SCENE = synthetic.texture()


def picture(number: int, sigma: float = 2.0) -> BgrImage:
    """A scene that moves by two pixels from picture to picture."""
    return synthetic.as_luma(np.roll(SCENE, 2 * number, axis=1), sigma, number)


def frame(sequence: int, at_ms: int, luma: BgrImage, received_at_ms: float | None = None) -> Sample:
    taken = synthetic.sample(at_ms, luma, None)
    seen = replace(taken.observation, sequence=sequence)
    arrived = float(at_ms) if received_at_ms is None else received_at_ms
    return replace(taken, observation=seen, received_at_ms=arrived)


def watched(frames: Iterable[Sample]) -> StreamAnalyser:
    analyser = StreamAnalyser()
    for sample in frames:
        analyser.update(sample)
    return analyser


def source(count: int, shown: Callable[[int], int] = lambda number: number) -> Iterable[Sample]:
    """A camera at 30 frames a second with 2 ms of jitter, showing picture `shown(number)`."""
    rng = np.random.default_rng(7)
    for number in range(count):
        at_ms = round(number * 1000 / 30 + rng.normal(scale=2))
        yield frame(number, at_ms, picture(shown(number)))


def test_a_camera_is_neutral() -> None:
    analyser = watched(source(300))
    evidence = analyser.evidence()
    assert (evidence.score, evidence.signs) == (0.5, ())
    assert evidence.confidence > 0.5
    assert analyser.repeated_share == 0.0
    assert analyser.unevenness is not None
    assert analyser.unevenness < 0.2


def test_nothing_is_known_at_the_beginning() -> None:
    evidence = watched(source(40)).evidence()
    assert (evidence.score, evidence.confidence) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("shown", "share"),
    [
        (lambda number: number // 2 * 2, 1 / 2),
        (lambda number: number // 3 * 3, 2 / 3),
        (lambda number: number - (number % 5 == 4), 1 / 5),
    ],
)
def test_repeats_are_counted(shown: Callable[[int], int], share: float) -> None:
    analyser = watched(source(300, shown))
    assert analyser.repeated_share == pytest.approx(share, abs=0.03)
    expected = (Sign.REPEATED_FRAMES,) if share > 0.35 else ()
    assert analyser.evidence().signs == expected
    assert analyser.evidence().score <= 0.6


def test_a_still_scene_repeats_nothing() -> None:
    assert watched(source(200, lambda _: 0)).repeated_share is None


def test_dropped_frames_hide_the_repeats() -> None:
    kept = [sample for sample in source(300) if sample.observation.sequence % 3 == 0]
    analyser = watched(kept)
    assert analyser.repeated_share is None
    assert analyser.unevenness is None
    assert analyser.evidence().confidence == 0.0


def test_bursts_are_a_sign() -> None:
    times_ms = [100 * (number // 3) + 4 * (number % 3) for number in range(300)]
    analyser = watched(frame(n, at_ms, picture(n)) for n, at_ms in enumerate(times_ms))
    assert analyser.unevenness is not None
    assert analyser.unevenness > 0.6
    assert Sign.STREAM_TIMING in analyser.evidence().signs


def test_a_source_with_a_clock_of_its_own_is_a_sign() -> None:
    luma = picture(0)
    analyser = watched(
        frame(number, number * 35, luma, received_at_ms=number * 35 / 1.05) for number in range(900)
    )
    assert analyser.drift_ppm == pytest.approx(50_000, rel=0.05)
    assert analyser.evidence().signs == (Sign.STREAM_TIMING,)


@pytest.mark.parametrize("ppm", [-40_000, -2_000, 2_000, 40_000])
def test_drift_is_measured_through_jitter(ppm: int) -> None:
    meter, rng = DriftMeter(), np.random.default_rng(2)
    for number in range(1_500):
        arrived_ms = number * 33 + rng.exponential(4)
        meter.update(round(number * 33 * (1 + ppm / 1e6)), arrived_ms)
    assert meter.drift_ppm == pytest.approx(ppm, abs=300)


def test_jitter_alone_is_not_drift() -> None:
    meter, rng = DriftMeter(), np.random.default_rng(4)
    for number in range(900):
        meter.update(number * 33, number * 33 + rng.exponential(30))
    assert meter.drift_ppm is not None
    assert abs(meter.drift_ppm) < 3_000


@pytest.mark.parametrize("speed", [0.2, 1.5, 8.0])
def test_a_file_read_at_its_own_speed_has_no_drift(speed: float) -> None:
    meter = DriftMeter()
    for number in range(3_000):
        meter.update(number * 33, number * 33 / speed)
    assert meter.drift_ppm is None


def test_a_clock_that_jumps_is_measured_anew() -> None:
    meter = DriftMeter()
    for number in range(1_000):
        meter.update(number * 33 + 5_000 * (number >= 700), number * 33)
    assert meter.drift_ppm is None


def test_intervals_forget_what_is_old() -> None:
    meter = IntervalMeter()
    for number in range(1_000):
        meter.update(33 if number > 600 else 5 + number % 100)
    assert len(meter) == 300
    assert meter.unevenness == 0.0


def test_changes_of_size_are_counted_and_not_scored() -> None:
    small = picture(0)[:120, :160]
    shown = [picture(0), picture(1), small, small, picture(2)]
    analyser = watched(frame(n, n * 33, luma) for n, luma in enumerate(shown))
    assert analyser.resolution_changes == 2
    assert analyser.evidence().score == 0.5


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(-2_000, 40_000), st.integers(-3, 3), st.floats(-1e9, 1e9), st.booleans()
        ),
        max_size=120,
    )
)
def test_junk_never_breaks_it(frames: list[tuple[int, int, float, bool]]) -> None:
    """Times and sequences that go back, clocks that mean nothing, changing sizes."""
    analyser, at_ms, sequence = StreamAnalyser(), 0, 0
    for step_ms, step, received_at_ms, small in frames:
        at_ms, sequence = at_ms + step_ms, sequence + step
        luma = SMALL if small else LARGE
        analyser.update(frame(sequence, at_ms, luma, received_at_ms))
    evidence = analyser.evidence()
    assert 0.5 <= evidence.score <= 0.6
    assert analyser.drift_ppm is None or math.isfinite(analyser.drift_ppm)


LARGE = picture(0)
SMALL = LARGE[:40, :60]
