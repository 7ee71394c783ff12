"""Fusion: bounded, monotone, and deaf to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode
from kyc_rtc.decision.fusion import deepfake_score, liveness_score
from kyc_rtc.detection.evidence import AnalyserName, Evidence

units = st.floats(0, 1)
statements = st.builds(
    Evidence,
    analyser=st.sampled_from(AnalyserName),
    score=units,
    confidence=units,
    span_ms=st.just((0, 9_000)),
)
many = st.lists(statements, min_size=1, max_size=5)


def statement(
    score: float, confidence: float = 1.0, name: AnalyserName = AnalyserName.TEXTURE
) -> Evidence:
    return Evidence(name, score, confidence, (0, 9_000))


def detector(
    score: float, confidence: float = 1.0, name: AnalyserName = AnalyserName.SWAP
) -> Evidence:
    return statement(score, confidence, name)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ([], None),
        ([statement(0.9, 0.29)], None),
        ([statement(0.9, 0.0)], None),
        ([statement(0.2)], 0.0),
        ([statement(0.5)], 0.0),
        ([statement(0.65)], 0.0),
        ([statement(1.0)], 0.9999),
        ([statement(0.9, 0.5)], 25 / 32),
        ([statement(0.75), statement(0.75)], 16 / 23),
        ([statement(0.9), *[statement(0.0)] * 5], 50 / 57),
        ([detector(0.2)], 0.2),
        ([detector(0.2, 0.5)], 1 / 9),
        ([detector(0.2), detector(0.2, name=AnalyserName.GENERATED)], 1 / 3),
        ([detector(0.8, 0.5), statement(0.75)], 22 / 29),
        ([statement(0.9, name=AnalyserName.PULSE)], None),
        ([statement(0.9, name=AnalyserName.STREAM), detector(0.1)], 0.1),
    ],
)
def test_deepfake_score_of_known_evidence(evidence: list[Evidence], expected: float | None) -> None:
    assert deepfake_score(evidence, 0.3) == (
        None if expected is None else pytest.approx(expected, abs=1e-6)
    )


def test_without_a_threshold_confidence_zero_still_does_not_count() -> None:
    assert deepfake_score([statement(0.9, 0.0)], 0.0) is None


@given(evidence=many, threshold=units, at=st.integers(0, 4), up=units)
def test_a_higher_score_never_lowers_the_result(
    evidence: list[Evidence], threshold: float, at: int, up: float
) -> None:
    at %= len(evidence)
    worse = [*evidence]
    worse[at] = replace(worse[at], score=max(worse[at].score, up))
    before, after = deepfake_score(evidence, threshold), deepfake_score(worse, threshold)
    assert (before is None) == (after is None)
    assert before is None or after is None or after >= before - 1e-12


@given(evidence=many, threshold=units, at=st.integers(0, 4), up=units)
def test_a_surer_statement_never_lowers_the_result(
    evidence: list[Evidence], threshold: float, at: int, up: float
) -> None:
    at %= len(evidence)
    surer = replace(evidence[at], confidence=max(evidence[at].confidence, up))
    before = deepfake_score(evidence, threshold)
    after = deepfake_score([*evidence[:at], surer, *evidence[at + 1 :]], threshold)
    assert before is None or (after is not None and after >= before - 1e-12)


@given(evidence=many, calm=st.lists(st.builds(statement, st.floats(0, 0.5), units), max_size=4))
def test_calm_never_outvotes(evidence: list[Evidence], calm: list[Evidence]) -> None:
    before, after = deepfake_score(evidence, 0.3), deepfake_score([*evidence, *calm], 0.3)
    assert before is None or (after is not None and after >= before)


LIVE = Findings(
    Mode.LIVE,
    challenges_asked=2,
    challenges_passed=2,
    response_ms=(1_000, 1_000),
    frames_analysed=100,
    face_frames=100,
)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (Findings(Mode.LIVE), None),
        (Findings(Mode.LIVE, frames_analysed=10), None),
        (Findings(Mode.PASSIVE, frames_analysed=10), None),
        (LIVE, 1.0),
        (replace(LIVE, challenges_passed=1, challenges_failed=1), 0.5),
        (replace(LIVE, challenges_passed=0, challenges_timed_out=2), 0.0),
        (replace(LIVE, response_ms=(1_000, 10_000)), 0.85),
        (replace(LIVE, face_frames=0), 0.85),
        (replace(LIVE, unasked_actions=2), 0.9),
        (replace(LIVE, unasked_actions=99), 0.8),
    ],
)
def test_liveness_of_known_findings(findings: Findings, expected: float | None) -> None:
    score = liveness_score(findings)
    assert score == (None if expected is None else pytest.approx(expected))


@given(score=units)
def test_without_challenges_liveness_stays_at_half(score: float) -> None:
    moving = Evidence(AnalyserName.TEMPORAL, score, 0.9, (0, 9_000))
    findings = Findings(Mode.PASSIVE, evidence=(moving,), frames_analysed=50, face_frames=50)
    result = liveness_score(findings)
    assert result is not None
    assert 0.0 <= result <= 0.5
