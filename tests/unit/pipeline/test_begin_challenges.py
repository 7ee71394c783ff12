"""Detectors begin anew with the challenges where much was shown before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kyc_rtc.detection.analysers import Suite
from kyc_rtc.detection.features import QUESTIONS, Features
from kyc_rtc.detection.net_views import VIEWS, Views
from kyc_rtc.frames import Frame
from kyc_rtc.pipeline.analysis import MOST_BEFORE_MS, FrameAnalysis
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from tests.support.clock import ManualClock
from tests.support.portrait import AnimatedPortrait, Expression

STEP_MS = 100


class Undecided:
    """A face net without an opinion."""

    def logits(self, _views: Views) -> NDArray[np.float32]:
        return np.zeros((len(VIEWS), len(QUESTIONS)), np.float32)


@pytest.mark.parametrize(
    ("before_ms", "anew"), [(MOST_BEFORE_MS - 1_000, False), (MOST_BEFORE_MS + 1_000, True)]
)
def test_what_was_shown_for_long_before_the_first_prompt_does_not_count(
    face_model: Path, before_ms: int, *, anew: bool
) -> None:
    picture = AnimatedPortrait(face_model).render(Expression())
    suite = Suite(Features(Undecided()), ())
    analysis = FrameAnalysis(MediaPipeObserver(face_model), suite, ManualClock())
    answers: list[int] = []
    try:
        for number in range(before_ms // STEP_MS + 6):
            if number == before_ms // STEP_MS:
                analysis.begin_challenges()
            at_ms = number * STEP_MS
            result = analysis.analyse(Frame(at_ms, float(at_ms), number, picture.copy))
            answers.append(result.net_answers or 0)
    finally:
        analysis.close()
    seen_before = answers[before_ms // STEP_MS - 1]
    assert seen_before >= before_ms // 600
    assert (answers[-1] < seen_before) is anew
