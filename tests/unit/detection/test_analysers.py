"""What all analysers share, and the calibration of their scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.detection.analysers import Learned, new_suite
from kyc_rtc.detection.calibration import CLEAR, NEUTRAL, ramp, score
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.detection.geometry import GeometryAnalyser
from kyc_rtc.vision.observation import HeadPose
from tests.unit.detection import synthetic

LUMA = synthetic.as_luma(synthetic.texture())


class Alarmed:
    """A detector that is sure of everything it is asked about."""

    def probability(self, features: dict[str, float], *, pictures: bool) -> float:
        return 1.0


LEARNED = Learned(None, dict.fromkeys(SIGNS, Alarmed()))


def test_there_is_one_of_each() -> None:
    analysers = new_suite(LEARNED).analysers
    assert sorted(analyser.name for analyser in analysers) == sorted(AnalyserName)


def test_a_species_without_a_detector_has_no_evidence() -> None:
    names = {analyser.name for analyser in new_suite().analysers}
    assert names == set(AnalyserName) - set(SIGNS)


@pytest.mark.parametrize("frames", [0, 3])
def test_nobody_judges_without_frames(frames: int) -> None:
    for analyser in new_suite(LEARNED).analysers:
        for index in range(frames):
            seen = synthetic.face(synthetic.face_mesh())
            analyser.update(synthetic.sample(index * 40, LUMA, seen))
        assert analyser.evidence().confidence == 0.0


def test_nobody_judges_what_is_not_judgeable_or_has_no_face() -> None:
    seen = synthetic.face(synthetic.face_mesh())
    for analyser in new_suite(LEARNED).analysers:
        for index in range(300):
            analyser.update(synthetic.sample(index * 40, LUMA, seen, synthetic.DARK))
            analyser.update(synthetic.sample(index * 40 + 20, LUMA, None))
        evidence = analyser.evidence()
        assert (evidence.confidence, evidence.signs) == (0.0, ())


def test_a_face_of_constant_proportions_stands_out() -> None:
    """A mesh that turns as a rigid body varies less than any observed head does."""
    rng, mesh = np.random.default_rng(1), synthetic.face_mesh()
    rigid, living = GeometryAnalyser(), GeometryAnalyser()
    for index in range(300):
        pose = HeadPose(15 * np.sin(index / 20), 8 * np.sin(index / 31), 3 * np.sin(index / 17))
        for analyser, wobble_px in ((rigid, 0.05), (living, 3.0)):
            seen = synthetic.face(mesh + wobble_px * rng.normal(size=mesh.shape), pose)
            analyser.update(synthetic.sample(index * 40, LUMA, seen))
    assert rigid.constancy() > living.constancy() + 1
    assert rigid.evidence().score > 0.5 > living.evidence().score


@pytest.mark.parametrize(
    ("value", "expected"), [(-9, 0.2), (0, 0.2), (1, 0.5), (2, 0.65), (3, 0.8), (99, 0.9)]
)
def test_a_score_passes_through_its_marks(value: float, expected: float) -> None:
    assert score(value, calm=0, neutral=1, clear=2, ceiling=0.9) == pytest.approx(expected)
    assert score(-value, calm=0, neutral=-1, clear=-2, ceiling=0.9) == pytest.approx(expected)


@given(a=st.floats(-10, 10), b=st.floats(-10, 10))
def test_a_score_rises_with_its_feature(a: float, b: float) -> None:
    low, high = sorted((a, b))
    marks = {"calm": -1.0, "neutral": 0.5, "clear": 2.0, "ceiling": 0.8}
    assert score(low, **marks) <= score(high, **marks)
    assert NEUTRAL < CLEAR


def test_a_ramp_needs_two_ends() -> None:
    with pytest.raises(ValueError, match="two different ends"):
        ramp(1.0, 2.0, 2.0)


@pytest.mark.parametrize(("value", "confidence"), [(1.1, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_evidence_out_of_range_is_refused(value: float, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"lie in 0\.\.1"):
        Evidence(AnalyserName.BLINK, value, confidence, (0, 1))
