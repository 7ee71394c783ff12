"""The policy: tables of known cases, and the order of verdicts over the whole domain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.policy import HARD_SIGNS, decide, reason_for_sign
from kyc_rtc.decision.verdict import ReasonCode, VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.vision.quality import QualityIssue

ORDER = {VerdictStatus.FAILED: 0, VerdictStatus.INCONCLUSIVE: 1, VerdictStatus.PASSED: 2}
LIMITS = Thresholds()


def statement(
    analyser: AnalyserName, score: float, confidence: float = 0.9, *signs: Sign
) -> Evidence:
    return Evidence(analyser, score, confidence, (0, 9_000), signs)


CALM = (statement(AnalyserName.TEMPORAL, 0.2), statement(AnalyserName.TEXTURE, 0.3))
LIVE = Findings(
    Mode.LIVE,
    challenges_asked=3,
    challenges_passed=3,
    response_ms=(900, 1_500, 1_200),
    evidence=CALM,
    frames_analysed=300,
    frames_judgeable=280,
    face_frames=300,
)
PASSIVE = replace(LIVE, mode=Mode.PASSIVE, challenges_asked=0, challenges_passed=0, response_ms=())


def alarm(score: float = 0.95, *signs: Sign) -> tuple[Evidence, ...]:
    return (statement(AnalyserName.TEMPORAL, score, 0.9, *signs), CALM[1])


@pytest.mark.parametrize(
    ("findings", "status", "first"),
    [
        (LIVE, VerdictStatus.PASSED, ReasonCode.CHALLENGES_PASSED),
        (PASSIVE, VerdictStatus.PASSED, ReasonCode.NOT_ASKED),
        (Findings(Mode.LIVE), VerdictStatus.INCONCLUSIVE, ReasonCode.TOO_FEW_FRAMES),
        (Findings(Mode.PASSIVE), VerdictStatus.INCONCLUSIVE, ReasonCode.TOO_FEW_FRAMES),
        (
            replace(LIVE, evidence=alarm(0.95, Sign.NO_MOTION)),
            VerdictStatus.FAILED,
            ReasonCode.NO_MOTION,
        ),
        (
            replace(LIVE, evidence=alarm(0.9, Sign.TEMPORAL)),
            VerdictStatus.FAILED,
            ReasonCode.DEEPFAKE_SCORE_HIGH,
        ),
        (replace(LIVE, face_changed=True), VerdictStatus.FAILED, ReasonCode.FACE_CHANGED),
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
@pytest.mark.parametrize("findings", [LIVE, PASSIVE])
def test_a_hard_sign_fails_even_in_poor_light(findings: Findings, sign: Sign) -> None:
    dark = replace(findings, evidence=alarm(0.95, sign), persistent_issue=QualityIssue.TOO_DARK)
    verdict = decide(dark, LIMITS)
    assert verdict.status is VerdictStatus.FAILED
    assert verdict.reasons[0] is reason_for_sign(sign)


@pytest.mark.parametrize("issue", [i for i in QualityIssue if i != "face_changed"])
def test_no_issue_of_quality_fails_by_itself(issue: QualityIssue) -> None:
    timed_out = replace(LIVE, challenges_passed=0, challenges_timed_out=3, persistent_issue=issue)
    tolerable = issue in {QualityIssue.OFF_CENTRE, QualityIssue.FACE_TOO_LARGE}
    expected = VerdictStatus.FAILED if tolerable else VerdictStatus.INCONCLUSIVE
    assert decide(timed_out, LIMITS).status is expected


units = st.floats(0, 1)
counts = st.integers(-1, 6)
statements = st.builds(
    Evidence,
    analyser=st.sampled_from(AnalyserName),
    score=units,
    confidence=units,
    span_ms=st.just((0, 9_000)),
    signs=st.lists(st.sampled_from(Sign), max_size=2).map(tuple),
)
all_findings = st.builds(
    Findings,
    mode=st.sampled_from(Mode),
    challenges_asked=counts,
    challenges_passed=counts,
    challenges_failed=counts,
    challenges_timed_out=counts,
    unasked_actions=counts,
    response_ms=st.lists(st.integers(0, 20_000), max_size=3).map(tuple),
    evidence=st.lists(statements, max_size=4).map(tuple),
    frames_analysed=st.integers(0, 500),
    frames_judgeable=st.integers(0, 500),
    face_frames=st.integers(0, 600),
    persistent_issue=st.none() | st.sampled_from(QualityIssue),
    several_faces=st.booleans(),
    face_changed=st.booleans(),
    link_lost=st.booleans(),
    completed_early=st.booleans(),
    time_limit_reached=st.booleans(),
    internal_error=st.booleans(),
    picture_lost=st.booleans(),
    uploads_need_review=st.booleans(),
    seen_elsewhere=st.booleans(),
    voids=st.integers(0, 5),
    challenges_planned=counts,
)
near_passing = st.sampled_from([LIVE, PASSIVE])
thresholds = st.builds(
    Thresholds,
    liveness_threshold=units,
    deepfake_threshold=units,
    confidence_threshold=units,
    min_judgeable_frames=st.integers(1, 300),
)


def rank(findings: Findings, limits: Thresholds) -> int:
    return ORDER[decide(findings, limits).status]


@given(findings=all_findings, limits=thresholds)
def test_every_finding_has_a_verdict_with_reasons(findings: Findings, limits: Thresholds) -> None:
    verdict = decide(findings, limits)
    assert verdict.reasons
    assert len(set(verdict.reasons)) == len(verdict.reasons)
    for value in (verdict.liveness_score, verdict.deepfake_score):
        assert value is None or 0.0 <= value <= 1.0
    if verdict.status is VerdictStatus.PASSED:
        assert verdict.reasons in {(ReasonCode.CHALLENGES_PASSED,), (ReasonCode.NOT_ASKED,)}


@given(findings=all_findings | near_passing, limits=thresholds, at=st.integers(0, 3), up=units)
def test_a_higher_score_never_helps(
    findings: Findings, limits: Thresholds, at: int, up: float
) -> None:
    if at >= len(findings.evidence):
        return
    worse = list(findings.evidence)
    worse[at] = replace(worse[at], score=max(worse[at].score, up))
    assert rank(replace(findings, evidence=tuple(worse)), limits) <= rank(findings, limits)


@given(findings=all_findings | near_passing, limits=thresholds, more=statements)
def test_one_more_alarm_never_helps(findings: Findings, limits: Thresholds, more: Evidence) -> None:
    alarmed = replace(more, score=max(more.score, 0.5))
    if decide(findings, limits).deepfake_score is None or alarmed.analyser == "temporal":
        return  # the first statement may turn "nothing was judged" into a judgement
    worse = replace(findings, evidence=(*findings.evidence, alarmed))
    assert rank(worse, limits) <= rank(findings, limits)


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    sign=st.sampled_from(sorted(HARD_SIGNS)),
)
def test_a_hard_sign_never_passes(findings: Findings, limits: Thresholds, sign: Sign) -> None:
    worse = replace(
        findings, evidence=(*findings.evidence, statement(AnalyserName.BLINK, 0.9, 0.9, sign))
    )
    assert decide(worse, limits).status is not VerdictStatus.PASSED


WORSE_UP = ("challenges_failed", "challenges_timed_out", "unasked_actions")
WORSE_DOWN = ("challenges_passed", "frames_judgeable", "face_frames")
FLAGS = (
    "several_faces", "face_changed", "link_lost", "completed_early", "time_limit_reached",
    "internal_error", "picture_lost", "uploads_need_review", "seen_elsewhere",
)  # fmt: skip


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    name=st.sampled_from(WORSE_UP),
    more=st.integers(1, 3),
)
def test_more_that_went_wrong_never_helps(
    findings: Findings, limits: Thresholds, name: str, more: int
) -> None:
    worse = replace(findings, **{name: getattr(findings, name) + more})
    assert rank(worse, limits) <= rank(findings, limits)


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    name=st.sampled_from(WORSE_DOWN),
    less=st.integers(1, 300),
)
def test_less_never_passes_what_did_not_pass(
    findings: Findings, limits: Thresholds, name: str, less: int
) -> None:
    fewer = replace(findings, **{name: max(0, getattr(findings, name) - less)})
    if getattr(findings, name) >= 0 and rank(findings, limits) < ORDER[VerdictStatus.PASSED]:
        assert rank(fewer, limits) < ORDER[VerdictStatus.PASSED]


def _with(findings: Findings, flag: str) -> Findings:
    return replace(findings, **{flag: True})  # type: ignore[arg-type]  # the names are of flags


@given(findings=all_findings | near_passing, limits=thresholds, name=st.sampled_from(FLAGS))
def test_a_trouble_more_never_passes(findings: Findings, limits: Thresholds, name: str) -> None:
    assert decide(_with(findings, name), limits).status is not VerdictStatus.PASSED


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    name=st.sampled_from(("uploads_need_review", "seen_elsewhere")),
)
def test_what_needs_review_never_makes_a_verdict_better(
    findings: Findings, limits: Thresholds, name: str
) -> None:
    worse = _with(findings, name)
    verdict = decide(worse, limits)
    assert ORDER[verdict.status] <= rank(findings, limits)
    assert verdict.needs_review is (verdict.status is VerdictStatus.INCONCLUSIVE)
    if name == "seen_elsewhere":
        assert ReasonCode.SEEN_BEFORE in verdict.reasons


@given(findings=all_findings | near_passing, limits=thresholds)
def test_a_lost_picture_refuses_nobody_and_hides_no_hard_sign(
    findings: Findings, limits: Thresholds
) -> None:
    """As with a lost link, what was not answered is not held against anybody; all else stands."""
    verdict = decide(_with(findings, "picture_lost"), limits)
    blamed = {ReasonCode.CHALLENGE_FAILED, ReasonCode.CHALLENGE_TIMEOUT}
    answered = replace(findings, challenges_failed=0, challenges_timed_out=0)
    if verdict.status is VerdictStatus.FAILED:
        assert blamed.isdisjoint(verdict.reasons)
        assert rank(findings, limits) == ORDER[VerdictStatus.FAILED]
    elif not findings.internal_error:
        assert ORDER[VerdictStatus.FAILED] < rank(answered, limits)


@given(findings=all_findings | near_passing, limits=thresholds, more=st.integers(1, 3))
def test_whoever_was_asked_less_than_was_planned_never_passes(
    findings: Findings, limits: Thresholds, more: int
) -> None:
    short = replace(
        findings, mode=Mode.LIVE, challenges_planned=max(0, findings.challenges_asked) + more
    )
    assert decide(short, limits).status is not VerdictStatus.PASSED


@given(findings=all_findings | near_passing, limits=thresholds, voids=st.integers(0, 9))
def test_voids_say_nothing_against_anybody(
    findings: Findings, limits: Thresholds, voids: int
) -> None:
    assert decide(replace(findings, voids=voids), limits) == decide(findings, limits)


@given(findings=all_findings | near_passing, limits=thresholds)
def test_missing_evidence_never_passes(findings: Findings, limits: Thresholds) -> None:
    blind = replace(findings, evidence=())
    assert decide(blind, limits).status is not VerdictStatus.PASSED


@pytest.mark.parametrize(
    "wrong",
    [{"liveness_threshold": 1.1}, {"confidence_threshold": -0.1}, {"min_judgeable_frames": 0}],
)
def test_thresholds_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"thresholds lie|at least one"):
        replace(LIMITS, **wrong)  # type: ignore[arg-type]
