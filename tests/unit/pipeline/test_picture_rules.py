"""What an open challenge brings into the picture is not said against it."""

from __future__ import annotations

import pytest

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, ChallengeVoided, VoidReason
from kyc_rtc.pipeline.picture import PictureRules
from kyc_rtc.vision.quality import QualityIssue

Q = QualityIssue
CLOSER = Challenge(ChallengeType.COME_CLOSER)
BACK = Challenge(ChallengeType.STEP_BACK)
SMILE = Challenge(ChallengeType.SMILE)


def asked(challenge: Challenge) -> PictureRules:
    rules = PictureRules()
    rules.note([ChallengeIssued("c", challenge, 1, 1, 1, 2, 10_000)])
    return rules


@pytest.mark.parametrize(
    ("challenge", "issues", "to_be_mended", "judged"),
    [
        (CLOSER, (Q.FACE_TOO_LARGE, Q.OFF_CENTRE), (), True),
        (CLOSER, (Q.CUT_OFF, Q.TOO_DARK), (Q.TOO_DARK,), False),
        (CLOSER, (Q.FACE_TOO_SMALL,), (Q.FACE_TOO_SMALL,), False),
        (BACK, (Q.FACE_TOO_SMALL, Q.BLURRED), (Q.BLURRED,), True),
        (BACK, (Q.FACE_TOO_LARGE,), (Q.FACE_TOO_LARGE,), True),
        (SMILE, (Q.FACE_TOO_LARGE,), (Q.FACE_TOO_LARGE,), True),
        (SMILE, (Q.FACE_TOO_SMALL,), (Q.FACE_TOO_SMALL,), False),
        (BACK, (Q.NO_FACE,), (Q.NO_FACE,), False),
    ],
)
def test_nobody_is_told_to_undo_what_was_asked(
    challenge: Challenge,
    issues: tuple[QualityIssue, ...],
    to_be_mended: tuple[QualityIssue, ...],
    judged: bool,
) -> None:
    rules = asked(challenge)
    assert rules.to_be_mended(issues) == to_be_mended
    assert rules.allow_judging(issues) is judged


@pytest.mark.parametrize(
    "end",
    [
        ChallengeEnded("c", BACK, True, None, False),
        ChallengeVoided("c", BACK, VoidReason.GAP, True),
    ],
    ids=["ended", "voided"],
)
def test_after_it_everything_is_said_again(end: ChallengeEnded | ChallengeVoided) -> None:
    rules = asked(BACK)
    rules.note([end])
    assert rules.to_be_mended((Q.FACE_TOO_SMALL,)) == (Q.FACE_TOO_SMALL,)
    assert not rules.allow_judging((Q.FACE_TOO_SMALL,))
