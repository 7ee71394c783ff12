"""The temporal analyser on known streams: photograph, freeze, loop, living face, darkness."""

from __future__ import annotations

import numpy as np
import pytest

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.detection.evidence import Evidence, Sign
from kyc_rtc.detection.temporal import TemporalAnalyser
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.quality import FaceQuality
from tests.unit.detection import synthetic
from tests.unit.detection.synthetic import Mesh

STEP_MS = 40
PHOTO = synthetic.texture()


def blinking(mesh: Mesh, at_ms: int) -> Mesh:
    return synthetic.blinked(mesh, max(0.0, 1 - abs(at_ms % 3_100 - 1_500) / 150))


def wander(seed: int) -> np.ndarray:
    """A smooth path in pixels that never repeats, one place for every 40 ms."""
    walk = np.cumsum(np.random.default_rng(seed).normal(size=600))
    smooth = np.convolve(walk, np.ones(12) / 12, "same")
    return np.asarray(smooth * 2.0)


PATH = np.stack([wander(1), wander(2)], axis=1)


def picture(at_ms: int, seed: int, *, moving: bool = True) -> BgrImage:
    """The scene, shifted, with the noise of a camera."""
    across, down = np.round(PATH[at_ms // STEP_MS]).astype(int) if moving else (0, 0)
    return synthetic.as_luma(np.roll(PHOTO, (down, across), axis=(0, 1)), 3.0, seed)


def judged(
    times_ms: list[int],
    *,
    alive: bool,
    moving: bool = True,
    quality: FaceQuality = synthetic.GOOD,
    pause_ms: int = 0,
) -> Evidence:
    """Evidence on a stream that at each step shows the scene of the given time. `pause_ms`: of the stamps,
    after every 25th."""
    analyser, mesh, rng = TemporalAnalyser(), synthetic.face_mesh(), np.random.default_rng(3)
    for index, at_ms in enumerate(times_ms):
        shape = blinking(mesh, at_ms) if alive else mesh
        seen = synthetic.face(shape + 0.2 * rng.normal(size=mesh.shape))
        luma = picture(at_ms, index, moving=moving)
        stamp_ms = index * STEP_MS + index // 25 * pause_ms
        analyser.update(synthetic.sample(stamp_ms, luma, seen, quality))
    return analyser.evidence()


def until(end_ms: int) -> list[int]:
    return list(range(0, end_ms, STEP_MS))


def test_a_living_face_is_calm_and_sure() -> None:
    evidence = judged(until(10_000), alive=True)
    assert evidence.score <= 0.5
    assert evidence.confidence >= 0.9
    assert evidence.span_ms == (0, 10_000 - STEP_MS)


def test_a_photograph_with_noise_does_not_move() -> None:
    evidence = judged(until(10_000), alive=False, moving=False)
    assert evidence.signs == (Sign.NO_MOTION,)
    assert evidence.score >= 0.9


def test_a_photograph_is_not_cleared_while_it_is_short() -> None:
    evidence = judged(until(5_000), alive=False, moving=False)
    assert (evidence.confidence, evidence.signs) == (0.0, ())


def test_later_life_clears_a_calm_beginning() -> None:
    calm, lively = [0] * 230, [*range(1_000, 11_000, STEP_MS)]
    assert judged(calm, alive=True, moving=False).signs == (Sign.NO_MOTION,)
    assert judged([*calm, *lively], alive=True).signs == ()


def test_a_loop_is_a_hard_sign() -> None:
    looped = [*until(6_000), *range(1_000, 6_000, STEP_MS)]
    assert judged(looped, alive=True).signs == (Sign.VIDEO_LOOP,)


def test_a_loop_with_some_pictures_altered_bars_a_pass_and_decides_nothing() -> None:
    again = [
        ms + (160 if number % 6 == 0 else 0)
        for number, ms in enumerate(range(1_000, 6_000, STEP_MS))
    ]
    evidence = judged([*until(6_000), *again], alive=True)
    assert evidence.signs == (Sign.VIDEO_LOOP,)
    assert 0.0 < evidence.confidence < Thresholds().confidence_threshold


def test_stamps_under_which_no_loop_could_be_found_clear_nobody() -> None:
    evidence = judged(until(12_000), alive=True, pause_ms=340)
    assert (evidence.confidence, evidence.signs) == (0.0, ())


def test_frozen_frames_are_a_hard_sign() -> None:
    analyser, mesh = TemporalAnalyser(), synthetic.face_mesh()
    for index in range(150):
        live = index < 60 or index > 110
        luma = picture(index * STEP_MS if live else 0, index if live else 0)
        analyser.update(synthetic.sample(index * STEP_MS, luma, synthetic.face(mesh)))
    assert Sign.FROZEN_FRAMES in analyser.evidence().signs


@pytest.mark.parametrize("alive", [True, False])
def test_darkness_is_not_judged(*, alive: bool) -> None:
    evidence = judged(until(10_000), alive=alive, quality=synthetic.DARK)
    assert (evidence.confidence, evidence.signs) == (0.0, ())
