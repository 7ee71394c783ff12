"""Findings to begin with: a check that passes, a recording that does, and whatever Hypothesis finds."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.verdict import VerdictStatus
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
    challenges_too_small=counts,
    unasked_actions=counts,
    response_ms=st.lists(st.integers(0, 20_000), max_size=3).map(tuple),
    evidence=st.lists(statements, max_size=4).map(tuple),
    frames_analysed=st.integers(0, 500),
    frames_judgeable=st.integers(0, 500),
    face_frames=st.integers(0, 600),
    persistent_issue=st.none() | st.sampled_from(QualityIssue),
    several_faces=st.booleans(),
    face_changed=st.booleans(),
    face_doubted=st.booleans(),
    link_lost=st.booleans(),
    completed_early=st.booleans(),
    time_limit_reached=st.booleans(),
    internal_error=st.booleans(),
    picture_lost=st.booleans(),
    uploaded=st.booleans(),
    uploads_need_review=st.booleans(),
    seen_elsewhere=st.booleans(),
    voids=st.integers(0, 5),
    challenges_planned=counts,
    challenges_unsettled=counts,
    cannot=st.integers(0, 2),
    answers_unseen=st.integers(0, 2),
    answers_too_few=st.integers(0, 2),
)
near_passing = st.sampled_from([LIVE, PASSIVE])
thresholds = st.builds(
    Thresholds,
    liveness_threshold=units,
    deepfake_threshold=units,
    confidence_threshold=units,
    min_judgeable_frames=st.integers(1, 300),
)
