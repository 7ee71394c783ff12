"""Blinks: known trains are counted; clockwork, one-sidedness and halves are noticed, calm is not."""

from __future__ import annotations

import numpy as np
import pytest

from kyc_rtc.detection.blink import BlinkAnalyser, BlinkDetector
from kyc_rtc.detection.evidence import Evidence, Sign
from kyc_rtc.vision.observation import HeadPose
from kyc_rtc.vision.quality import FaceQuality
from tests.unit.detection import synthetic

LUMA = np.full((240, 320), 100, np.uint8)
UNEVEN_MS = (1_000, 3_400, 8_200, 9_900, 15_000, 17_300, 23_500, 25_200, 31_000)


def closure(at_ms: int, starts_ms: tuple[int, ...], peak: float, half_ms: int = 120) -> float:
    """The coefficient of an eye that rests at 0.1 and blinks in triangles of 240 ms."""
    rise = max((1 - abs(at_ms - start - half_ms) / half_ms for start in starts_ms), default=0.0)
    return 0.1 + (peak - 0.1) * max(0.0, rise)


def watched(
    starts_ms: tuple[int, ...],
    until_ms: int,
    peaks: tuple[float, float] = (0.8, 0.8),
    quality: FaceQuality = synthetic.GOOD,
    yaw_deg: float = 0.0,
) -> Evidence:
    analyser, mesh = BlinkAnalyser(), synthetic.face_mesh()
    for at_ms in range(0, until_ms, 33):
        eyes = (closure(at_ms, starts_ms, peaks[0]), closure(at_ms, starts_ms, peaks[1]))
        seen = synthetic.face(mesh, HeadPose(yaw_deg, 0.0, 0.0), eyes)
        analyser.update(synthetic.sample(at_ms, LUMA, seen, quality))
    return analyser.evidence()


def test_a_known_train_is_counted_and_measured() -> None:
    detector = BlinkDetector()
    for at_ms in range(0, 34_000, 25):
        left, right = closure(at_ms, UNEVEN_MS, 0.9), closure(at_ms, UNEVEN_MS, 0.7)
        detector.update(at_ms, left, right)
    assert len(detector.blinks) == len(UNEVEN_MS)
    for blink, start_ms in zip(detector.blinks, UNEVEN_MS, strict=True):
        assert start_ms <= blink.start_ms <= start_ms + 100
        assert 100 <= blink.duration_ms <= 240
        assert blink.closure == pytest.approx(0.8, abs=0.1)
        assert blink.asymmetry == pytest.approx(0.2, abs=0.05)


def test_eyes_that_stay_closed_are_not_a_blink() -> None:
    detector = BlinkDetector()
    for at_ms in range(0, 6_000, 25):
        shut = 0.8 if 2_000 < at_ms < 3_500 else 0.1
        detector.update(at_ms, shut, shut)
    assert not detector.blinks


def test_a_gap_ends_a_blink_that_was_going_on() -> None:
    detector = BlinkDetector()
    for at_ms in range(0, 1_000, 25):
        detector.update(at_ms, 0.1, 0.1)
    detector.update(1_000, 0.9, 0.9)
    detector.update(5_000, 0.1, 0.1)
    assert not detector.blinks


def test_uneven_blinks_are_calm() -> None:
    evidence = watched(UNEVEN_MS, 34_000)
    assert evidence.score < 0.5
    assert evidence.signs == ()


def test_clockwork_is_clear() -> None:
    evidence = watched(tuple(range(1_000, 33_000, 3_000)), 34_000)
    assert evidence.score >= 0.65
    assert evidence.signs == (Sign.BLINK_PATTERN,)


@pytest.mark.parametrize("peaks", [(0.95, 0.25), (0.39, 0.41)])
def test_one_eye_and_halves_are_noticed_but_never_clear(peaks: tuple[float, float]) -> None:
    evidence = watched(UNEVEN_MS, 34_000, peaks)
    assert 0.5 < evidence.score < 0.65


@pytest.mark.parametrize(
    ("until_ms", "score", "confidence"),
    [(15_000, 0.5, 0.0), (40_000, 0.55, 0.4), (90_000, 0.6, 0.4)],
)
def test_absence_counts_late_and_little(until_ms: int, score: float, confidence: float) -> None:
    evidence = watched((), until_ms)
    assert evidence.score == pytest.approx(score, abs=0.01)
    assert evidence.confidence == confidence


@pytest.mark.parametrize("unseen", [{"quality": synthetic.DARK}, {"yaw_deg": 40.0}])
def test_what_cannot_be_seen_is_not_judged(unseen: dict[str, object]) -> None:
    assert watched((), 40_000, **unseen).confidence == 0.0  # type: ignore[arg-type]
