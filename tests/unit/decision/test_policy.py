"""The policy: tables of known cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.decision.findings import Findings, Mode
from kyc_rtc.decision.policy import HARD_SIGNS, decide, reason_for_sign
from kyc_rtc.decision.verdict import ReasonCode, VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName, Sign
from kyc_rtc.vision.quality import QualityIssue
from tests.unit.decision.cases import CALM, LIMITS, LIVE, PASSIVE, alarm, statement

STANDSTILL = {Sign.FROZEN_FRAMES, Sign.NO_MOTION}
MISSED = replace(LIVE, challenges_passed=2, challenges_timed_out=1)


@pytest.mark.parametrize(
    ("findings", "status", "first"),
    [
        (LIVE, VerdictStatus.PASSED, ReasonCode.CHALLENGES_PASSED),
        (PASSIVE, VerdictStatus.PASSED, ReasonCode.NOT_ASKED),
        (Findings(Mode.LIVE), VerdictStatus.INCONCLUSIVE, ReasonCode.TOO_FEW_FRAMES),
        (Findings(Mode.PASSIVE), VerdictStatus.INCONCLUSIVE, ReasonCode.TOO_FEW_FRAMES),
        (
            replace(MISSED, evidence=alarm(0.95, Sign.NO_MOTION)),
            VerdictStatus.FAILED,
            ReasonCode.NO_MOTION,
        ),
        (
            replace(LIVE, evidence=alarm(0.9, Sign.TEMPORAL)),
            VerdictStatus.FAILED,
            ReasonCode.DEEPFAKE_SCORE_HIGH,
        ),
        (replace(LIVE, face_changed=True), VerdictStatus.FAILED, ReasonCode.FACE_CHANGED),
        (replace(LIVE, face_doubted=True), VerdictStatus.INCONCLUSIVE, ReasonCode.FACE_DOUBTED),
        (replace(LIVE, answers_too_few=1), VerdictStatus.INCONCLUSIVE, ReasonCode.TOO_FEW_FRAMES),
        (
            replace(LIVE, evidence=(*CALM, statement(AnalyserName.SWAP, 0.5, 0.0))),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.TOO_FEW_FRAMES,
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_failed=1),
            VerdictStatus.FAILED,
            ReasonCode.CHALLENGE_FAILED,
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_timed_out=1),
            VerdictStatus.FAILED,
            ReasonCode.CHALLENGE_TIMEOUT,
        ),
        (
            replace(
                LIVE,
                challenges_passed=2,
                challenges_timed_out=1,
                persistent_issue=QualityIssue.TOO_DARK,
            ),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.POOR_QUALITY,
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_timed_out=1, link_lost=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.LINK_LOST,
        ),
        (
            replace(LIVE, challenges_passed=1, challenges_asked=2, link_lost=True, voids=5),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.LINK_LOST,
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_failed=1, picture_lost=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.POOR_QUALITY,
        ),
        (
            replace(LIVE, picture_lost=True, evidence=alarm(0.95, Sign.VIDEO_LOOP)),
            VerdictStatus.FAILED,
            ReasonCode.VIDEO_LOOP,
        ),
        (
            replace(LIVE, cannot=1),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.CHALLENGES_EXCLUDED,
        ),
        (
            replace(LIVE, head_left_out=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.HEAD_LEFT_OUT,
        ),
        (
            replace(MISSED, head_left_out=True),
            VerdictStatus.FAILED,
            ReasonCode.CHALLENGE_TIMEOUT,
        ),
        (
            replace(MISSED, cannot=1),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.CHALLENGES_EXCLUDED,
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_too_small=1),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.MOVEMENT_TOO_SMALL,
        ),
        (
            replace(LIVE, challenges_passed=1, challenges_too_small=1, challenges_timed_out=1),
            VerdictStatus.FAILED,
            ReasonCode.CHALLENGE_TIMEOUT,
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_unsettled=1),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.MIRROR_UNSETTLED,
        ),
        (
            replace(LIVE, challenges_passed=1, challenges_unsettled=1, challenges_failed=1),
            VerdictStatus.FAILED,
            ReasonCode.CHALLENGE_FAILED,
        ),
        (
            replace(LIVE, cannot=1, evidence=alarm(0.95, Sign.VIDEO_LOOP)),
            VerdictStatus.FAILED,
            ReasonCode.VIDEO_LOOP,
        ),
        (
            replace(LIVE, uploads_need_review=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.UPLOADED_PICTURES,
        ),
        (
            replace(LIVE, uploads_need_review=True, challenges_passed=2, challenges_failed=1),
            VerdictStatus.FAILED,
            ReasonCode.CHALLENGE_FAILED,
        ),
        (
            replace(LIVE, seen_elsewhere=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.SEEN_BEFORE,
        ),
        (
            replace(LIVE, voids=4, challenges_planned=3),
            VerdictStatus.PASSED,
            ReasonCode.CHALLENGES_PASSED,
        ),
        (
            replace(LIVE, challenges_planned=4),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.COMPLETED_EARLY,
        ),
        (
            replace(LIVE, evidence=alarm(0.9), persistent_issue=QualityIssue.BLURRED),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.POOR_QUALITY,
        ),
        (
            replace(LIVE, persistent_issue=QualityIssue.OFF_CENTRE),
            VerdictStatus.PASSED,
            ReasonCode.CHALLENGES_PASSED,
        ),
        *(
            (replace(LIVE, persistent_issue=issue), VerdictStatus.INCONCLUSIVE, ReasonCode.NO_FACE)
            for issue in (
                QualityIssue.NO_FACE,
                QualityIssue.NOT_UPRIGHT,
                QualityIssue.CUT_OFF,
                QualityIssue.FACE_TOO_SMALL,
            )
        ),
        (
            replace(LIVE, several_faces=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.SEVERAL_FACES,
        ),
        (
            replace(LIVE, frames_judgeable=LIMITS.min_judgeable_frames - 1),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.TOO_FEW_FRAMES,
        ),
        (
            replace(LIVE, completed_early=True, challenges_passed=1, challenges_asked=1),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.COMPLETED_EARLY,
        ),
        (
            replace(LIVE, time_limit_reached=True),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.TIME_LIMIT,
        ),
        (
            replace(LIVE, internal_error=True, evidence=alarm(0.95, Sign.VIDEO_LOOP)),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.INTERNAL_ERROR,
        ),
        (
            replace(LIVE, challenges_asked=0, challenges_passed=0),
            VerdictStatus.INCONCLUSIVE,
            ReasonCode.NOT_ASKED,
        ),
    ],
)
def test_known_cases(findings: Findings, status: VerdictStatus, first: ReasonCode) -> None:
    verdict = decide(findings, LIMITS)
    assert (verdict.status, verdict.reasons[0]) == (status, first)


@pytest.mark.parametrize("issue", [None, *QualityIssue])
def test_life_that_was_too_small_to_see_is_not_called_missing(issue: QualityIssue | None) -> None:
    unsure = (statement(AnalyserName.TEMPORAL, 0.5, 0.0), statement(AnalyserName.SWAP, 0.2))
    verdict = decide(replace(LIVE, evidence=unsure, persistent_issue=issue), LIMITS)
    assert verdict.status is VerdictStatus.INCONCLUSIVE
    missing = ReasonCode.LIFE_NOT_SEEN in verdict.reasons
    assert missing is (issue is not QualityIssue.FACE_TOO_SMALL)


@pytest.mark.parametrize("analyser", [name for name in AnalyserName if name != "temporal"])
def test_without_judged_motion_nothing_passes(analyser: AnalyserName) -> None:
    unsure = (statement(AnalyserName.TEMPORAL, 0.5, 0.0), statement(analyser, 0.2))
    verdict = decide(replace(LIVE, evidence=unsure), LIMITS)
    assert verdict.status is VerdictStatus.INCONCLUSIVE
    assert ReasonCode.LIFE_NOT_SEEN in verdict.reasons
    assert ReasonCode.TOO_FEW_FRAMES not in verdict.reasons


@pytest.mark.parametrize("sign", list(Sign))
def test_every_sign_has_its_reason(sign: Sign) -> None:
    assert reason_for_sign(sign) is ReasonCode[sign.name]


@pytest.mark.parametrize("sign", sorted(HARD_SIGNS))
@pytest.mark.parametrize("findings", [LIVE, MISSED, PASSIVE])
def test_a_hard_sign_fails_even_in_poor_light(findings: Findings, sign: Sign) -> None:
    if (findings is LIVE and sign in STANDSTILL) or (
        findings is PASSIVE and sign == Sign.NO_MOTION
    ):
        return  # the next test
    dark = replace(findings, evidence=alarm(0.95, sign), persistent_issue=QualityIssue.TOO_DARK)
    verdict = decide(dark, LIMITS)
    assert verdict.status is VerdictStatus.FAILED
    assert verdict.reasons[0] is reason_for_sign(sign)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        (LIVE, VerdictStatus.INCONCLUSIVE),
        (replace(LIVE, challenges_planned=4, link_lost=True), VerdictStatus.INCONCLUSIVE),
        (MISSED, VerdictStatus.FAILED),
        (replace(LIVE, challenges_passed=2, challenges_unsettled=1), VerdictStatus.INCONCLUSIVE),
        (replace(LIVE, challenges_asked=0, challenges_passed=0), VerdictStatus.FAILED),
        (PASSIVE, VerdictStatus.FAILED),
    ],
)
@pytest.mark.parametrize(
    "signs", [(Sign.FROZEN_FRAMES,), (Sign.NO_MOTION,), (Sign.FROZEN_FRAMES, Sign.NO_MOTION)]
)
def test_a_picture_that_stood_still_is_looked_at_where_all_that_came_of_it_was_answered(
    findings: Findings, status: VerdictStatus, signs: tuple[Sign, ...]
) -> None:
    """An encoder stalls; a photograph, or a stopped video, answers nothing."""
    stalled = replace(findings, evidence=alarm(0.95, *signs))
    verdict = decide(stalled, LIMITS)
    missed = findings.challenges_failed + findings.challenges_timed_out > 0
    if signs == (Sign.NO_MOTION,) and not missed:  # who is asked for nothing may sit still
        status = VerdictStatus.INCONCLUSIVE
    assert verdict.status is status
    assert {reason_for_sign(sign) for sign in signs} <= set(verdict.reasons)
    assert verdict.needs_review is (status is VerdictStatus.INCONCLUSIVE)


def test_a_hard_sign_without_the_confidence_to_decide_is_looked_at() -> None:
    unsure = statement(AnalyserName.TEMPORAL, 0.95, 0.2, Sign.VIDEO_LOOP)
    verdict = decide(replace(LIVE, evidence=(*CALM, unsure)), LIMITS)
    assert verdict.status is VerdictStatus.INCONCLUSIVE
    assert verdict.needs_review
    assert ReasonCode.VIDEO_LOOP in verdict.reasons


@pytest.mark.parametrize("other", sorted(HARD_SIGNS - STANDSTILL))
def test_a_stall_excuses_no_other_sign(other: Sign) -> None:
    stalled = replace(LIVE, evidence=alarm(0.95, Sign.FROZEN_FRAMES, other))
    assert decide(stalled, LIMITS).status is VerdictStatus.FAILED


@pytest.mark.parametrize("score", [0.8, 0.95])
@pytest.mark.parametrize(
    "poor",
    [
        {"several_faces": True},
        {"persistent_issue": QualityIssue.TOO_DARK},
        {"internal_error": True},
    ],
)
def test_more_suspicion_in_a_poor_picture_needs_no_less_review(
    poor: dict[str, Any], score: float
) -> None:
    """Whoever makes the picture poor, so as not to fail, is looked at."""
    verdict = decide(replace(LIVE, evidence=alarm(score, Sign.FACE_SWAP), **poor), LIMITS)
    assert verdict.status is VerdictStatus.INCONCLUSIVE
    assert verdict.needs_review


@pytest.mark.parametrize("issue", QualityIssue)
def test_no_issue_of_quality_fails_by_itself(issue: QualityIssue) -> None:
    timed_out = replace(LIVE, challenges_passed=0, challenges_timed_out=3, persistent_issue=issue)
    tolerable = issue in {QualityIssue.OFF_CENTRE, QualityIssue.FACE_TOO_LARGE}
    expected = VerdictStatus.FAILED if tolerable else VerdictStatus.INCONCLUSIVE
    assert decide(timed_out, LIMITS).status is expected


@pytest.mark.parametrize(
    "wrong",
    [{"liveness_threshold": 1.1}, {"confidence_threshold": -0.1}, {"min_judgeable_frames": 0}],
)
def test_thresholds_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"thresholds lie|at least one"):
        replace(LIMITS, **wrong)  # type: ignore[arg-type]
