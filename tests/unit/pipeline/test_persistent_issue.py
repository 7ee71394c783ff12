"""Which of the issues that last is named: the one that explains the others."""

from __future__ import annotations

import pytest

from kyc_rtc.vision.quality import QualityIssue
from tests.unit.liveness.fakes.actor import Actor
from tests.unit.pipeline.staged import FRAME_MS, new_verification, result, step


@pytest.mark.parametrize(
    ("frames", "persistent"),
    [
        ([(QualityIssue.TOO_DARK, QualityIssue.NO_FACE)] * 4, QualityIssue.TOO_DARK),
        (
            [(QualityIssue.TOO_DARK, QualityIssue.NO_FACE)] * 2 + [(QualityIssue.NO_FACE,)] * 2,
            QualityIssue.NO_FACE,
        ),
        ([(QualityIssue.NOT_UPRIGHT,)] * 3 + [()], QualityIssue.NOT_UPRIGHT),
        ([(QualityIssue.TOO_DARK,)] * 2 + [()] * 2, None),
        ([(QualityIssue.FACE_TOO_LARGE, QualityIssue.BLURRED)] * 4, QualityIssue.BLURRED),
        ([(QualityIssue.OFF_CENTRE, QualityIssue.OCCLUDED)] * 4, QualityIssue.OCCLUDED),
        ([(QualityIssue.OFF_CENTRE,)] * 4, None),
    ],
)
def test_the_finding_is_what_explains_the_lasting_trouble(
    frames: list[tuple[QualityIssue, ...]], persistent: QualityIssue | None
) -> None:
    verification = new_verification()
    for number, found in enumerate(frames):
        step(verification, result(number * FRAME_MS, Actor(), issues=found))
    assert verification.findings.persistent_issue is persistent
