"""Pictures that lie on their side, through the whole analysis: hint, turn, and an upright face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kyc_rtc.detection.analysers import Suite
from kyc_rtc.detection.features import Features
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.frames.orientation import turn_quarters
from kyc_rtc.pipeline.analysis import FrameAnalysis, FrameResult
from kyc_rtc.vision.face_finder import MediaPipeFinder
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.quality import QualityIssue
from tests.support.clock import ManualClock
from tests.support.portrait import AnimatedPortrait, Expression


@pytest.fixture(scope="module")
def resting(face_model: Path) -> BgrImage:
    return AnimatedPortrait(face_model).render(Expression())


def analysed(model: Path, image: BgrImage, *, frames: int = 20) -> list[FrameResult]:
    observer = MediaPipeObserver(model)
    suite = Suite(Features(None), ())
    analysis = FrameAnalysis(observer, suite, ManualClock(), MediaPipeFinder(model))
    try:
        return [analysis.analyse(Frame(200 * n, 200.0 * n, n, image.copy)) for n in range(frames)]
    finally:
        analysis.close()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_sideways_camera_is_read_rightly(face_model: Path, resting: BgrImage, turns: int) -> None:
    results = analysed(face_model, turn_quarters(resting, -turns))
    first, last = results[0], results[-1]
    assert QualityIssue.NOT_UPRIGHT in first.quality.issues
    assert not any(result.quality.judgeable for result in results if not result.quarter_turns)
    assert last.quarter_turns == turns
    assert last.observation.image_size == (640, 480)
    assert last.observation.face is not None
    assert abs(last.observation.face.pose.roll_deg) < 15
    assert last.issues == ()
    assert not any(result.track.changed for result in results)


def test_an_upright_camera_is_left_alone(face_model: Path, resting: BgrImage) -> None:
    results = analysed(face_model, resting, frames=8)
    assert {result.quarter_turns for result in results} == {0}
    assert not any(QualityIssue.NOT_UPRIGHT in result.quality.issues for result in results)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, (QualityIssue.TOO_DARK, QualityIssue.NO_FACE)),
        (250, (QualityIssue.TOO_BRIGHT, QualityIssue.NO_FACE)),
        (120, (QualityIssue.NO_FACE,)),
    ],
)
def test_the_hint_names_the_light_where_no_face_is_found(
    face_model: Path, value: int, expected: tuple[QualityIssue, ...]
) -> None:
    blank = np.full((240, 320, 3), value, np.uint8)
    assert analysed(face_model, blank, frames=3)[-1].issues == expected
