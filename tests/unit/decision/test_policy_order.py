"""The policy over the whole domain: the order of verdicts, and what never makes one better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.policy import HARD_SIGNS, decide
from kyc_rtc.decision.verdict import ReasonCode, VerdictStatus
from kyc_rtc.detection.evidence import DETECTORS, AnalyserName, Evidence, Sign
from tests.unit.decision.cases import (
    ORDER,
    all_findings,
    near_passing,
    statement,
    statements,
    thresholds,
    units,
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


WORSE_UP = ("challenges_failed", "challenges_timed_out", "unasked_actions", "answers_unseen")
WORSE_DOWN = ("challenges_passed", "frames_judgeable", "face_frames")
FLAGS = (
    "several_faces", "face_changed", "face_doubted", "link_lost", "completed_early", "time_limit_reached",
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


def _counting(findings: Findings, count: str, value: int) -> Findings:
    return replace(findings, **{count: value})  # type: ignore[arg-type]  # the names are of counts


def _with(findings: Findings, flag: str) -> Findings:
    return replace(findings, **{flag: True})  # type: ignore[arg-type]  # the names are of flags


@given(findings=all_findings | near_passing, limits=thresholds, name=st.sampled_from(FLAGS))
def test_a_trouble_more_never_passes(findings: Findings, limits: Thresholds, name: str) -> None:
    assert decide(_with(findings, name), limits).status is not VerdictStatus.PASSED


@given(findings=all_findings | near_passing, limits=thresholds, count=st.integers(1, 3))
def test_an_answer_that_no_detector_saw_never_passes(
    findings: Findings, limits: Thresholds, count: int
) -> None:
    unseen = replace(findings, answers_unseen=count)
    assert decide(unseen, limits).status is not VerdictStatus.PASSED


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
        decided = {r for r, weight in zip(verdict.reasons, verdict.weights, strict=True) if weight}
        assert blamed.isdisjoint(decided)
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


@given(findings=all_findings | near_passing, limits=thresholds)
def test_of_uploaded_pictures_a_score_alone_fails_nobody_and_passes_nobody(
    findings: Findings, limits: Thresholds
) -> None:
    uploaded = decide(replace(findings, uploaded=True), limits)
    filmed = decide(replace(findings, uploaded=False), limits)
    calm = decide(replace(findings, uploaded=True, evidence=()), limits)
    assert (uploaded.status is VerdictStatus.PASSED) == (filmed.status is VerdictStatus.PASSED)
    if uploaded.status is filmed.status:
        assert set(uploaded.reasons) >= set(filmed.reasons)
    else:
        assert ReasonCode.DEEPFAKE_SCORE_HIGH in filmed.reasons
        assert uploaded.needs_review
        assert calm.status is not VerdictStatus.FAILED


@given(findings=all_findings | near_passing, limits=thresholds, voids=st.integers(0, 9))
def test_voids_say_nothing_against_anybody(
    findings: Findings, limits: Thresholds, voids: int
) -> None:
    assert decide(replace(findings, voids=voids), limits) == decide(findings, limits)


@given(findings=all_findings | near_passing, limits=thresholds, more=st.integers(1, 2))
def test_what_the_applicant_cannot_do_passes_nobody_and_fails_nobody(
    findings: Findings, limits: Thresholds, more: int
) -> None:
    """What else was seen stands; what was not answered is not held against anybody."""
    verdict = decide(replace(findings, cannot=more), limits)
    assert verdict.status is not VerdictStatus.PASSED
    assert ReasonCode.CHALLENGES_EXCLUDED in verdict.reasons
    if verdict.status is VerdictStatus.INCONCLUSIVE:
        assert verdict.needs_review
    answered = replace(findings, challenges_failed=0, challenges_timed_out=0, cannot=0)
    if verdict.status is VerdictStatus.FAILED:
        assert rank(answered, limits) == ORDER[VerdictStatus.FAILED]


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        ("challenges_unsettled", ReasonCode.MIRROR_UNSETTLED),
        ("challenges_too_small", ReasonCode.MOVEMENT_TOO_SMALL),
    ],
)
@given(findings=all_findings | near_passing, limits=thresholds, more=st.integers(1, 3))
def test_what_is_not_the_applicants_doing_passes_nobody_and_fails_nobody(
    findings: Findings, limits: Thresholds, more: int, count: str, reason: ReasonCode
) -> None:
    """A picture that may be mirrored, and somebody who begins as asked and cannot go further."""
    counted = max(0, getattr(findings, count)) + more
    asked = _counting(replace(findings, mode=Mode.LIVE), count, counted)
    verdict = decide(asked, limits)
    assert verdict.status is not VerdictStatus.PASSED
    assert reason in verdict.reasons
    if verdict.status is VerdictStatus.FAILED:
        assert rank(_counting(asked, count, 0), limits) == ORDER[VerdictStatus.FAILED]


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    name=st.sampled_from(sorted(DETECTORS)),
)
def test_a_detector_that_could_not_judge_lets_nobody_pass_and_fails_nobody(
    findings: Findings, limits: Thresholds, name: AnalyserName
) -> None:
    others = tuple(item for item in findings.evidence if item.analyser is not name)
    silent = replace(findings, evidence=(*others, Evidence(name, 0.5, 0.0, (0, 0))))
    assert decide(silent, limits).status is not VerdictStatus.PASSED
    without = replace(findings, evidence=others)
    if decide(silent, limits).status is VerdictStatus.FAILED:
        assert decide(without, limits).status is VerdictStatus.FAILED


@given(findings=all_findings | near_passing, limits=thresholds)
def test_missing_evidence_never_passes(findings: Findings, limits: Thresholds) -> None:
    blind = replace(findings, evidence=())
    assert decide(blind, limits).status is not VerdictStatus.PASSED
