"""Weights of reasons: tables of known cases, and over the whole domain that worse weighs no less."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.fusion import suspicion
from kyc_rtc.decision.policy import HARD_SIGNS, HINDRANCES, decide, reason_for_sign
from kyc_rtc.decision.verdict import (
    NO_PASS,
    ReasonCode,
    Verdict,
    VerdictStatus,
    WeightWord,
    weight_word,
)
from kyc_rtc.detection.evidence import AnalyserName, Sign
from kyc_rtc.vision.quality import QualityIssue
from tests.unit.decision.cases import (
    CALM,
    LIMITS,
    LIVE,
    PASSIVE,
    alarm,
    all_findings,
    near_passing,
    statement,
    thresholds,
    units,
)

R = ReasonCode
SWAP = statement(AnalyserName.SWAP, 0.9, 0.9, Sign.FACE_SWAP)
TEXTURE = statement(AnalyserName.TEXTURE, 0.8, 0.5, Sign.TEXTURE)
SUSPECT = (CALM[0], TEXTURE, SWAP)


def weights_of(findings: Findings, limits: Thresholds = LIMITS) -> dict[ReasonCode, float]:
    verdict = decide(findings, limits)
    return dict(zip(verdict.reasons, verdict.weights, strict=True))


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (PASSIVE, {R.NOT_ASKED: 0.0}),
        (replace(PASSIVE, face_changed=True), {R.FACE_CHANGED: 1.0, R.NOT_ASKED: 0.0}),
        (replace(LIVE, challenges_asked=0, challenges_passed=0), {R.NOT_ASKED: 1.0}),
        (replace(LIVE, time_limit_reached=True), {R.TIME_LIMIT: 1.0}),
        (Findings(Mode.LIVE), {R.TOO_FEW_FRAMES: 1.0, R.NOT_ASKED: 1.0}),
        (
            replace(LIVE, link_lost=True, persistent_issue=QualityIssue.TOO_DARK),
            {R.LINK_LOST: 1.0, R.POOR_QUALITY: 1.0},
        ),
        (replace(LIVE, challenges_passed=2, challenges_failed=1), {R.CHALLENGE_FAILED: 1.0}),
        (replace(LIVE, seen_elsewhere=True), {R.SEEN_BEFORE: 1.0, R.NEEDS_REVIEW: 1.0}),
        (
            replace(LIVE, seen_elsewhere=True, uploads_need_review=True),
            {R.UPLOADED_PICTURES: 1.0, R.SEEN_BEFORE: 1.0, R.NEEDS_REVIEW: 1.0},
        ),
        (
            replace(LIVE, challenges_passed=2, challenges_failed=1, seen_elsewhere=True),
            {R.CHALLENGE_FAILED: 1.0, R.SEEN_BEFORE: 0.0},
        ),
        (
            replace(LIVE, challenges_passed=1, picture_lost=True, challenges_planned=3, voids=5),
            {R.POOR_QUALITY: 1.0},
        ),
    ],
)
def test_known_cases(findings: Findings, expected: dict[ReasonCode, float]) -> None:
    assert list(weights_of(findings).items()) == list(expected.items())


def test_a_pass_weighs_what_the_liveness_score_says() -> None:
    slow = replace(LIVE, response_ms=(9_000, 9_000, 9_000))
    for findings in (LIVE, slow):
        (weight,) = decide(findings, LIMITS).weights
        assert weight == round(decide(findings, LIMITS).liveness_score or 0.0, 3)
    assert weights_of(slow)[R.CHALLENGES_PASSED] < weights_of(LIVE)[R.CHALLENGES_PASSED]


def test_an_alarm_weighs_what_it_adds_and_the_score_weighs_itself() -> None:
    verdict = decide(replace(LIVE, evidence=SUSPECT), LIMITS)
    assert verdict.deepfake_score is not None
    assert dict(zip(verdict.reasons, verdict.weights, strict=True)) == {
        R.DEEPFAKE_SCORE_HIGH: round(verdict.deepfake_score, 3),
        R.FACE_SWAP: round(suspicion(SWAP), 3),
        R.TEXTURE: round(suspicion(TEXTURE), 3),
    }


def test_of_two_that_tell_one_sign_the_heavier_counts() -> None:
    fainter = statement(AnalyserName.GEOMETRY, 0.6, 0.4, Sign.FACE_SWAP)
    for evidence in ((*SUSPECT, fainter), (fainter, *SUSPECT)):
        weights = weights_of(replace(LIVE, evidence=evidence))
        assert weights[R.FACE_SWAP] == round(suspicion(SWAP), 3)


@pytest.mark.parametrize("sign", sorted(HARD_SIGNS))
@pytest.mark.parametrize("confidence", [0.01, 0.9])
def test_a_hard_sign_decides_or_stands_in_the_way_alone(sign: Sign, confidence: float) -> None:
    evidence = (*CALM, statement(AnalyserName.BLINK, 0.6, confidence, sign))
    weights = weights_of(replace(PASSIVE, evidence=evidence))
    expected = {reason_for_sign(sign): 1.0, R.NOT_ASKED: 0.0}
    if sign is Sign.NO_MOTION and confidence > LIMITS.confidence_threshold:
        expected[R.NEEDS_REVIEW] = 1.0  # who is asked for nothing may sit still
    assert weights == expected


def test_what_decides_alone_stands_before_what_was_measured() -> None:
    unmet = replace(LIVE, evidence=alarm(0.9, Sign.TEMPORAL), challenges_passed=2)
    verdict = decide(replace(unmet, challenges_timed_out=1), LIMITS)
    assert verdict.reasons == (R.CHALLENGE_TIMEOUT, R.DEEPFAKE_SCORE_HIGH, R.TEMPORAL)
    assert verdict.weights[0] == 1.0


@given(findings=all_findings | near_passing, limits=thresholds)
def test_every_reason_has_a_weight_and_the_heaviest_comes_first(
    findings: Findings, limits: Thresholds
) -> None:
    verdict = decide(findings, limits)
    assert len(verdict.weights) == len(verdict.reasons)
    assert all(0.0 <= weight <= 1.0 for weight in verdict.weights)
    assert all(heavy >= light for heavy, light in pairwise(verdict.weights))
    if verdict.status is not VerdictStatus.PASSED:
        assert verdict.weights[0] > 0.0 or limits.deepfake_threshold < 0.001


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    at=st.integers(0, 3),
    score=units,
    confidence=units,
)
def test_worse_evidence_never_lowers_the_weight_of_a_reason(
    findings: Findings, limits: Thresholds, at: int, score: float, confidence: float
) -> None:
    if at >= len(findings.evidence):
        return
    worse = list(findings.evidence)
    item = worse[at]
    worse[at] = replace(
        item, score=max(item.score, score), confidence=max(item.confidence, confidence)
    )
    before = weights_of(findings, limits)
    after = weights_of(replace(findings, evidence=tuple(worse)), limits)
    # These bar a pass, and are context where the verdict is FAILED.
    common = (before.keys() & after.keys()) - {R.SEEN_BEFORE} - HINDRANCES
    assert all(after[reason] >= before[reason] for reason in common)


@given(findings=all_findings | near_passing, limits=thresholds, at=st.integers(0, 3), score=units)
def test_a_higher_score_keeps_the_reasons_of_the_same_verdict(
    findings: Findings, limits: Thresholds, at: int, score: float
) -> None:
    if at >= len(findings.evidence):
        return
    worse = list(findings.evidence)
    worse[at] = replace(worse[at], score=max(worse[at].score, score))
    higher = replace(findings, evidence=tuple(worse))
    if decide(higher, limits).status is decide(findings, limits).status:
        assert weights_of(findings, limits).keys() <= weights_of(higher, limits).keys()


@given(
    findings=all_findings | near_passing,
    limits=thresholds,
    name=st.sampled_from(("challenges_failed", "challenges_timed_out", "unasked_actions")),
    more=st.integers(1, 3),
)
def test_more_that_went_wrong_never_lowers_a_weight(
    findings: Findings, limits: Thresholds, name: str, more: int
) -> None:
    before = weights_of(findings, limits)
    after = weights_of(replace(findings, **{name: getattr(findings, name) + more}), limits)
    # A pass is the one reason that speaks for the applicant, so that worse takes from it.
    common = (before.keys() & after.keys()) - {R.CHALLENGES_PASSED, R.SEEN_BEFORE} - HINDRANCES
    assert all(after[reason] >= before[reason] for reason in common)


@pytest.mark.parametrize(
    ("weight", "word"),
    [
        (1.0, WeightWord.DECISIVE),
        (0.999, WeightWord.STRONG),
        (0.5, WeightWord.STRONG),
        (0.499, WeightWord.MODERATE),
        (0.25, WeightWord.MODERATE),
        (0.249, WeightWord.SLIGHT),
        (0.001, WeightWord.SLIGHT),
        (0.0, WeightWord.NONE),
    ],
)
def test_words_for_weights(weight: float, word: WeightWord) -> None:
    assert weight_word(weight) is word


@pytest.mark.parametrize(
    "weights",
    [(), (1.0,), (1.0, 0.5, 0.2), (1.1, 0.5), (0.5, -0.1), (0.5, float("nan")), (0.4, 0.5)],
)
def test_a_verdict_with_other_weights_is_refused(weights: tuple[float, ...]) -> None:
    reasons = (R.DEEPFAKE_SCORE_HIGH, R.TEXTURE)
    with pytest.raises(ValueError, match=r"weight|heaviest"):
        Verdict(VerdictStatus.FAILED, reasons, 0.2, 0.8, weights)


def test_what_rules_out_a_pass_stands_in_every_verdict() -> None:
    """Else whether another attempt is offered would say whether a detector alarmed."""
    assert NO_PASS <= HINDRANCES
