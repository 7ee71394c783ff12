"""The pulse analyser on synthetic skin: a known pulse, none, motion, gaps, junk."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.detection.evidence import Sample
from kyc_rtc.detection.pos import RATE_HZ, find_pulse, pos_signal
from kyc_rtc.detection.pulse import PulseAnalyser
from kyc_rtc.detection.thumbnail import thumbnail
from kyc_rtc.vision.observation import FaceObservation
from tests.unit.detection import synthetic

SKIN_RGB = np.array([190.0, 140.0, 115.0])
PULSE_RGB = np.array([0.33, 0.77, 0.53])
"""Relative strength of the pulse in the three colours (Wang et al. 2017, after de Haan 2014)."""

MESH = synthetic.face_mesh()


def frame(at_ms: int, bpm: float, strength: float = 0.006, across_px: float = 0.0) -> Sample:
    """A frame of plain skin whose colour beats, with the noise of a camera."""
    rng = np.random.default_rng(at_ms)
    light = 1 + 0.02 * math.sin(2 * math.pi * 0.12 * at_ms / 1000)
    beat = 1 + strength * PULSE_RGB * math.sin(2 * math.pi * bpm / 60 * at_ms / 1000)
    bgr = (SKIN_RGB * light * beat)[::-1]
    shape = (synthetic.HEIGHT, synthetic.WIDTH, 3)
    image = np.clip(bgr + rng.normal(scale=2.0, size=shape), 0, 255).astype(np.uint8)
    mesh = MESH + np.array([across_px, 0.0, 0.0])
    size = (synthetic.WIDTH, synthetic.HEIGHT)
    seen = FaceObservation(at_ms, at_ms, size, (synthetic.face(mesh),))
    luma = image[:, :, 1]
    return Sample(image, luma, thumbnail(luma), seen, synthetic.GOOD, float(at_ms))


def watched(until_ms: int, bpm: float, step_ms: int = 50, strength: float = 0.006) -> PulseAnalyser:
    analyser = PulseAnalyser()
    for at_ms in range(0, until_ms, step_ms):
        analyser.update(frame(at_ms, bpm, strength))
    return analyser


@pytest.mark.parametrize("bpm", [50, 72, 96, 150])
@pytest.mark.parametrize("step_ms", [40, 100])
def test_a_known_pulse_is_counted(bpm: int, step_ms: int) -> None:
    analyser = watched(12_500, bpm, step_ms)
    assert analyser.bpm == pytest.approx(bpm, abs=2)
    evidence = analyser.evidence()
    assert evidence.score <= 0.3
    assert evidence.confidence >= 0.7
    assert evidence.signs == ()


def test_skin_without_a_pulse_says_nothing() -> None:
    evidence = watched(14_000, 72, strength=0.0).evidence()
    assert (evidence.score, evidence.confidence) == (0.5, 0.0)


def test_nothing_is_said_before_eight_seconds() -> None:
    analyser = watched(8_000, 72)
    assert analyser.bpm is None
    assert analyser.evidence().confidence == 0.0


def test_a_gap_starts_anew() -> None:
    analyser = watched(12_000, 72)
    assert analyser.bpm is not None
    analyser.update(frame(13_000, 72))
    assert {analyser.bpm, analyser.snr_db} == {None}
    assert analyser.evidence().span_ms == (13_000, 13_000)


def test_motion_takes_the_confidence() -> None:
    analyser = PulseAnalyser()
    for at_ms in range(0, 12_500, 50):
        analyser.update(frame(at_ms, 72, across_px=25 * math.sin(at_ms / 250)))
    assert analyser.evidence().confidence == 0.0


def test_frames_that_cannot_be_judged_do_not_count() -> None:
    analyser = PulseAnalyser()
    grey = synthetic.as_luma(synthetic.texture())
    analyser.update(synthetic.sample(0, grey, synthetic.face(MESH), synthetic.DARK))
    analyser.update(synthetic.sample(40, grey, None))
    assert analyser.evidence().span_ms == (0, 0)


def test_memory_is_bounded_whatever_the_rate() -> None:
    analyser = PulseAnalyser()
    for at_ms in range(3_000):
        analyser.update(synthetic.sample(at_ms, _GREY, _FACE))
    assert len(analyser._trace) <= 720


_GREY = synthetic.as_luma(synthetic.texture())
_FACE = synthetic.face(MESH)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(-500, 900),
            st.floats(-2_000, 2_000) | st.just(math.nan) | st.just(math.inf),
            st.sampled_from([0.0, 0.001, 1.0, 30.0]),
        ),
        max_size=60,
    )
)
def test_junk_never_breaks_it(frames: list[tuple[int, float, float]]) -> None:
    """Gaps, times that go back, meshes outside the picture, of no size or of no number."""
    analyser, at_ms = PulseAnalyser(), 0
    for step_ms, shift, size in frames:
        at_ms += step_ms
        with np.errstate(invalid="ignore"):
            mesh = MESH * size + shift
        analyser.update(synthetic.sample(at_ms, _GREY, synthetic.face(mesh)))
        evidence = analyser.evidence()
        assert 0.2 <= evidence.score <= 0.5
        assert analyser.snr_db is None or math.isfinite(analyser.snr_db)


@given(st.integers(0, 240), st.sampled_from([0.0, 1.0, 255.0]), st.integers(0, 9))
def test_any_trace_gives_a_finite_pulse_or_none(length: int, level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    signal = pos_signal(level * rng.random((length, 3)))
    assert signal.shape == (length,)
    assert np.isfinite(signal).all()
    pulse = find_pulse(signal) if length else None
    assert pulse is None or (42 <= pulse.bpm <= 210 and math.isfinite(pulse.snr_db))


def test_the_spectrum_finds_a_sine_in_noise() -> None:
    times_s = np.arange(240) / RATE_HZ
    noise = np.random.default_rng(1).normal(scale=0.3, size=240)
    pulse = find_pulse(np.sin(2 * np.pi * 1.5 * times_s) + noise)
    assert pulse is not None
    assert pulse.bpm == pytest.approx(90, abs=1)
    assert pulse.snr_db > 7
