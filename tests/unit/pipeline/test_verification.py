"""A verification, fed with written results: phases, endings, and what never happens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Mode, Remarks
from kyc_rtc.decision.verdict import ReasonCode, VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.liveness.run import ChallengeIssued
from kyc_rtc.pipeline.verification import (
    EXTRA_WATCH_MS,
    GOOD_PICTURE_MS,
    Decided,
    Ending,
    Phase,
    PhaseChanged,
    QualityChanged,
    ReadyToDecide,
)
from kyc_rtc.vision.quality import QualityIssue
from tests.unit.liveness.fakes.actor import Actor, pulses_for
from tests.unit.pipeline.staged import (
    CALM,
    FRAME_MS,
    PLAN,
    new_verification,
    obedient,
    result,
    step,
)

SUSPECTED = tuple(
    replace(item, score=0.6) if item.analyser is AnalyserName.SWAP else item for item in CALM
)
UNJUDGED = tuple(
    replace(item, confidence=0.0) if item.analyser is AnalyserName.TEMPORAL else item
    for item in CALM
)


def test_an_open_challenge_neither_helps_nor_harms_the_running_score() -> None:
    verification = new_verification()
    scores = [
        verification.scores().liveness
        for event in obedient(verification)
        if isinstance(event, ChallengeIssued)
    ]
    assert scores[0] is None
    assert all(score is not None and score > 0.9 for score in scores[1:])
    assert len(scores) == len(PLAN) > 1


def test_an_obedient_person_goes_through_the_phases_and_passes() -> None:
    verification = new_verification()
    events = list(obedient(verification))
    phases = [event.phase for event in events if isinstance(event, PhaseChanged)]
    assert phases == [Phase.CHALLENGING, Phase.DECIDING]
    assert sum(isinstance(event, ReadyToDecide) for event in events) == 1
    assert isinstance(events[-1], Decided)
    assert verification.verdict is not None
    assert verification.verdict.status is VerdictStatus.PASSED
    assert verification.phase is Phase.DECIDED


def test_a_quick_person_is_watched_until_there_are_signs_of_life() -> None:
    unseen = Evidence(AnalyserName.TEMPORAL, 0.5, 0.0, (0, 1_000))
    verification, actor = new_verification(), Actor()
    deciding_since_ms: int | None = None
    for now_ms in range(0, 60_000, FRAME_MS):
        seen_long = deciding_since_ms is not None and now_ms > deciding_since_ms + 1_000
        evidence = CALM if seen_long else (*CALM[:2], unseen, CALM[3])
        for event in step(verification, result(now_ms, actor, evidence=evidence)):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
            if isinstance(event, PhaseChanged) and event.phase is Phase.DECIDING:
                deciding_since_ms = now_ms
    assert verification.verdict is not None
    assert verification.verdict.status is VerdictStatus.PASSED


def test_the_first_challenge_waits_for_a_good_picture() -> None:
    verification = new_verification()
    actor = Actor()
    for now_ms in range(0, 2_000, FRAME_MS):
        step(verification, result(now_ms, actor, issues=(QualityIssue.TOO_DARK,)))
    assert verification.phase.value == "checking_quality"
    for now_ms in range(2_000, 2_000 + GOOD_PICTURE_MS + 2 * FRAME_MS, FRAME_MS):
        step(verification, result(now_ms, actor))
    assert verification.phase.value == "challenging"


def test_a_picture_that_stays_poor_is_inconclusive_and_says_why() -> None:
    verification = new_verification()
    for now_ms in range(0, 6_000, FRAME_MS):
        step(verification, result(now_ms, Actor(), issues=(QualityIssue.TOO_DARK,)))
    assert verification.verdict is not None
    assert verification.verdict.status is VerdictStatus.INCONCLUSIVE
    assert ReasonCode.POOR_QUALITY in verification.verdict.reasons


def test_quality_is_reported_when_it_changes_and_only_then() -> None:
    verification = new_verification()
    issues: list[tuple[QualityIssue, ...]] = [(QualityIssue.BLURRED,)] * 3 + [()] * 3
    changes = [
        event.issues
        for number, at_time in enumerate(issues)
        for event in step(verification, result(number * FRAME_MS, Actor(), issues=at_time))
        if isinstance(event, QualityChanged)
    ]
    assert changes == [(QualityIssue.BLURRED,), ()]


@pytest.mark.parametrize(
    ("changed_ms", "status", "reason"),
    [
        ((3_000, 60_000), VerdictStatus.FAILED, ReasonCode.FACE_CHANGED),
        ((3_000, 4_000), VerdictStatus.INCONCLUSIVE, ReasonCode.FACE_DOUBTED),
    ],
    ids=["to the end", "for a second"],
)
def test_another_face_never_passes_and_fails_if_it_stays(
    changed_ms: tuple[int, int], status: VerdictStatus, reason: ReasonCode
) -> None:
    verification, actor = new_verification(), Actor()
    begin_ms, end_ms = changed_ms
    for now_ms in range(0, 60_000, FRAME_MS):
        frame = result(
            now_ms, actor, changed=begin_ms <= now_ms < end_ms, doubted=now_ms >= begin_ms
        )
        for event in step(verification, frame):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 1_500)
    verdict = verification.verdict
    assert verdict is not None
    assert (verdict.status, reason in verdict.reasons) == (status, True)
    assert verdict.needs_review is (status is VerdictStatus.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("blurred", "shown", "reason"),
    [
        (True, {}, ReasonCode.POOR_QUALITY),
        (False, {"compared": 7}, ReasonCode.TOO_FEW_FRAMES),
        (False, {"net_answers": 7}, ReasonCode.TOO_FEW_FRAMES),
    ],
    ids=["in a blurred picture", "with a face that is not compared", "without pairs for the net"],
)
def test_who_answers_unseen_does_not_pass(
    *, blurred: bool, shown: dict[str, Any], reason: ReasonCode
) -> None:
    """A good picture before and between the answers is not enough. Nobody is suspected for it."""
    verification, actor = new_verification(), Actor()
    answering_until = 0
    for now_ms in range(0, 60_000, FRAME_MS):
        hidden = blurred and now_ms < answering_until
        issues = (QualityIssue.BLURRED,) if hidden else ()
        for event in step(verification, result(now_ms, actor, issues=issues, **shown)):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
                answering_until = now_ms + 3_000
    verdict = verification.verdict
    assert verdict is not None
    assert (verdict.status, verdict.reasons[0]) == (VerdictStatus.INCONCLUSIVE, reason)
    assert not verdict.needs_review


@pytest.mark.parametrize(
    ("evidence", "waits"),
    [(CALM, False), (SUSPECTED, True), (UNJUDGED, True)],
    ids=["passes", "is suspected", "gave no sign of life"],
)
def test_whoever_did_all_that_was_asked_and_does_not_pass_waits_equally_long(
    evidence: tuple[Evidence, ...], *, waits: bool
) -> None:
    """The time would say which analyser spoke."""
    verification, actor = new_verification(), Actor()
    deciding_ms = 0
    for now_ms in range(0, 60_000, FRAME_MS):
        events = step(verification, result(now_ms, actor, evidence=evidence))
        for event in events:
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
            if event == PhaseChanged(Phase.DECIDING):
                deciding_ms = now_ms
        if verification.verdict is not None:
            break
    assert verification.outcome.passed == len(PLAN)
    assert now_ms - deciding_ms == (EXTRA_WATCH_MS if waits else 0)


def test_somebody_who_does_nothing_does_not_pass() -> None:
    verification = new_verification()
    for now_ms in range(0, 60_000, FRAME_MS):
        step(verification, result(now_ms, Actor()))
    assert verification.verdict is not None
    assert verification.verdict.status is VerdictStatus.FAILED
    assert ReasonCode.CHALLENGE_TIMEOUT in verification.verdict.reasons


def test_a_hard_sign_fails_even_the_obedient() -> None:
    loop = Evidence(AnalyserName.TEMPORAL, 0.95, 0.95, (0, 5_000), (Sign.VIDEO_LOOP,))
    verification, actor = new_verification(), Actor()
    for now_ms in range(0, 60_000, FRAME_MS):
        for event in step(verification, result(now_ms, actor, evidence=(*CALM[:2], loop, CALM[3]))):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
    assert verification.verdict is not None
    assert verification.verdict.status is VerdictStatus.FAILED
    assert verification.verdict.reasons[0] is ReasonCode.VIDEO_LOOP


@pytest.mark.parametrize("ending", list(Ending))
def test_an_early_end_is_never_a_pass(ending: Ending) -> None:
    verification = new_verification()
    for now_ms in range(0, 2_000, FRAME_MS):
        step(verification, result(now_ms, Actor()))
    events = verification.conclude(ending)
    assert events == (PhaseChanged(Phase.DECIDING), ReadyToDecide())
    (decided,) = verification.decide(Remarks())
    assert decided.verdict.status is VerdictStatus.INCONCLUSIVE
    assert verification.conclude(ending) == ()
    assert verification.update(result(3_000, Actor())) == ()


def test_a_recording_is_asked_for_nothing_and_judged_at_its_end() -> None:
    verification = new_verification(Mode.PASSIVE, plan=())
    for now_ms in range(0, 4_000, FRAME_MS):
        assert not verification.update(result(now_ms, Actor()))
    (decided,) = verification.conclude(Ending.COMPLETED)
    assert isinstance(decided, Decided)
    assert decided.verdict.status is VerdictStatus.PASSED
    assert ReasonCode.NOT_ASKED in decided.verdict.reasons


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3_000),
            st.booleans(),
            st.sets(st.sampled_from(list(QualityIssue)), max_size=2),
        ),
        max_size=120,
    )
)
def test_whoever_does_not_act_never_passes(
    frames: list[tuple[int, bool, set[QualityIssue]]],
) -> None:
    verification, now_ms, verdicts = new_verification(), 0, 0
    for gap_ms, face, issues in frames:
        now_ms += gap_ms
        actor = Actor() if face else None
        events = step(verification, result(now_ms, actor, issues=tuple(sorted(issues))))
        verdicts += sum(isinstance(event, Decided) for event in events)
    if verification.conclude(Ending.COMPLETED):
        verdicts += len(verification.decide(Remarks()))
    assert verdicts == 1
    assert verification.verdict is not None
    assert not verification.verdict.verified


# Real time, voids, and what is left to the session.
