"""A verification, fed with written results: gaps, voids, slow servers, and whatever comes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Remarks
from kyc_rtc.decision.verdict import ReasonCode, VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeVoided, VoidReason
from kyc_rtc.liveness.run import ChallengeIssued
from kyc_rtc.pipeline.verification import (
    EXTRA_WATCH_MS,
    Decided,
    Ending,
    Phase,
    PhaseChanged,
    ReadyToDecide,
    Verification,
    VerificationEvent,
)
from kyc_rtc.vision.quality import QualityIssue
from tests.unit.liveness.fakes.actor import Actor, pulses_for
from tests.unit.pipeline.staged import (
    CALM,
    FRAME_MS,
    PLAN,
    SETTINGS,
    new_verification,
    result,
    step,
)


def until_prompt(verification: Verification, now_ms: int = 0) -> int:
    """Rest until a prompt is issued, and do not send it; when that was."""
    for at_ms in range(now_ms, now_ms + 30_000, FRAME_MS):
        events = verification.update(result(at_ms, Actor()))
        if any(isinstance(event, ChallengeIssued) for event in events):
            return at_ms
    raise AssertionError("no prompt came")


def test_a_prompt_stands_in_media_time_where_real_time_says() -> None:
    """Media time lags by 5 s here; the smile begins 300 ms after the prompt was sent."""
    verification = new_verification()
    now_ms = until_prompt(verification)
    late = dataclasses.replace(result(now_ms + FRAME_MS, Actor()), received_at_ms=now_ms + 5_040.0)
    verification.update(late)
    verification.sent(now_ms + 5_540.0)
    actor = Actor(pulses=pulses_for(PLAN[0], now_ms + 540 + 300))
    for at_ms in range(now_ms + 560, now_ms + 3_000, FRAME_MS):
        shown = result(at_ms, actor)
        verification.update(dataclasses.replace(shown, received_at_ms=at_ms + 5_000.0))
    outcome = verification.outcome
    assert outcome.passed == 1
    assert 300 <= outcome.responses_ms[0] <= 600
    assert outcome.responses_ms[0] < outcome.answers_ms[0] < 2_500


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (VoidReason.GAP, ReasonCode.LINK_LOST),
        (VoidReason.PEER, ReasonCode.LINK_LOST),
        (VoidReason.PICTURE, ReasonCode.POOR_QUALITY),
    ],
)
def test_too_many_voids_are_inconclusive_with_the_reason_of_the_link_or_the_picture(
    reason: VoidReason, code: ReasonCode
) -> None:
    verification, now_ms = new_verification(), 0
    for number in range(1, 6):
        now_ms = until_prompt(verification, now_ms + FRAME_MS)
        verification.sent(now_ms)
        events = verification.void(reason)
        assert isinstance(events[0], ChallengeVoided)
        assert events[0].will_redraw is (number < 5)
    assert events[1:] == (PhaseChanged(Phase.DECIDING), ReadyToDecide())
    (decided,) = verification.decide(Remarks())
    assert decided.verdict.status is VerdictStatus.INCONCLUSIVE
    assert decided.verdict.reasons == (code,)
    assert verification.findings.voids == 5


@pytest.mark.parametrize("noticed_by", ["frame", "check"])
def test_a_gap_is_voided_by_whoever_notices_it_first(noticed_by: str) -> None:
    verification = new_verification()
    now_ms = until_prompt(verification)
    verification.sent(now_ms)
    verification.gap_limit_ms = 3_000
    assert verification.check(now_ms + 3_000.0, now_ms) == ()
    if noticed_by == "frame":
        events = verification.update(result(now_ms + 3_001, Actor()), gap_ms=3_001)
    else:
        events = verification.check(now_ms + 3_001.0, now_ms)
    assert any(isinstance(event, ChallengeVoided) for event in events)


def test_a_poor_picture_between_challenges_is_given_up_in_the_end() -> None:
    verification, now_ms = new_verification(), until_prompt(new_verification()) - 400
    for at_ms in range(0, now_ms, FRAME_MS):
        verification.update(result(at_ms, Actor()))
    events: list[VerificationEvent] = []
    for at_ms in range(now_ms, now_ms + 6_000, FRAME_MS):
        events += verification.update(result(at_ms, None))
    assert isinstance(events[-1], ReadyToDecide)
    (decided,) = verification.decide(Remarks())
    assert decided.verdict.status is VerdictStatus.INCONCLUSIVE
    assert ReasonCode.POOR_QUALITY in decided.verdict.reasons


@pytest.mark.parametrize(
    ("remarks", "reasons"),
    [
        (Remarks(), (ReasonCode.CHALLENGES_PASSED,)),
        (
            Remarks(uploads_need_review=True),
            (ReasonCode.UPLOADED_PICTURES, ReasonCode.NEEDS_REVIEW),
        ),
        (Remarks(seen_elsewhere=True), (ReasonCode.SEEN_BEFORE, ReasonCode.NEEDS_REVIEW)),
    ],
)
def test_what_is_known_of_the_footage_is_part_of_the_verdict(
    remarks: Remarks, reasons: tuple[ReasonCode, ...]
) -> None:
    verification, actor, ready = new_verification(), Actor(), False
    for now_ms in range(0, 60_000, FRAME_MS):
        events = verification.update(result(now_ms, actor))
        if any(isinstance(event, ChallengeIssued) for event in events):
            verification.sent(now_ms)
            issued = next(event for event in events if isinstance(event, ChallengeIssued))
            actor.pulses += pulses_for(issued.challenge, now_ms + 500)
        ready = ready or any(isinstance(event, ReadyToDecide) for event in events)
    assert ready
    assert verification.verdict is None
    (decided,) = verification.decide(remarks)
    assert decided.verdict.reasons == reasons
    assert decided.verdict.needs_review is (len(reasons) == 2)
    assert verification.findings.seen_elsewhere is remarks.seen_elsewhere
    assert verification.decide(Remarks()) == ()


def test_once_the_findings_are_complete_nothing_changes_them() -> None:
    verification = new_verification()
    now_ms = until_prompt(verification)
    with pytest.raises(RuntimeError, match="before the findings"):
        verification.decide(Remarks())
    verification.conclude(Ending.LINK_LOST)
    before = verification.findings, verification.scores(), verification.outcome
    verification.sent(now_ms)
    assert verification.update(result(now_ms + FRAME_MS, Actor(), changed=True)) == ()
    assert verification.conclude(Ending.INTERNAL_ERROR) == ()
    assert verification.void(VoidReason.PEER) == ()
    assert verification.check(now_ms + 90_000.0, now_ms) == ()
    assert (verification.findings, verification.scores(), verification.outcome) == before
    assert verification.phase is Phase.DECIDING
    (decided,) = verification.decide(Remarks())
    assert decided.verdict.reasons[0] is ReasonCode.LINK_LOST


def test_before_the_challenges_an_end_brings_no_change_of_phase() -> None:
    verification = new_verification()
    verification.update(result(0, Actor()))
    assert verification.conclude(Ending.COMPLETED) == (ReadyToDecide(),)


def test_a_blackout_while_it_watches_on_does_not_use_up_the_time_to_watch() -> None:
    unseen = Evidence(AnalyserName.TEMPORAL, 0.5, 0.0, (0, 1_000))
    blind = (*CALM[:2], unseen, CALM[3])
    verification, actor, now_ms = new_verification(), Actor(), 0
    while verification.phase is not Phase.DECIDING:
        now_ms += FRAME_MS
        for event in step(verification, result(now_ms, actor, evidence=blind)):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
    assert step(verification, result(now_ms + 10_000, actor, evidence=blind), 10_000) == ()
    verdict: list[VerificationEvent] = []
    for at_ms in range(now_ms + 10_000, now_ms + 10_000 + EXTRA_WATCH_MS, FRAME_MS):
        verdict += step(verification, result(at_ms, actor, evidence=blind))
    assert isinstance(verdict[-1], Decided)


@pytest.mark.parametrize("every", [1, 2, 6])
def test_the_speed_of_the_server_refuses_nobody(every: int) -> None:
    """Of the same frames it analyses all, or one in so many; gaps are those of the link."""
    verification, actor, now_ms = new_verification(), Actor(), 0
    ended: list[ChallengeEnded] = []
    while verification.verdict is None:
        now_ms += FRAME_MS
        if now_ms // FRAME_MS % every:
            continue
        for event in step(verification, result(now_ms, actor), gap_ms=FRAME_MS):
            if isinstance(event, ChallengeIssued):
                actor.pulses += pulses_for(event.challenge, now_ms + 500)
            elif isinstance(event, ChallengeEnded):
                ended.append(event)
    assert verification.verdict.status is VerdictStatus.PASSED
    assert all(event.passed for event in ended)
    assert verification.findings.voids == 0


troubles = st.lists(
    st.tuples(
        st.sampled_from(["dark", "gone", "gap", "peer", "check"]),
        st.sampled_from([300, 1_400, 1_600, 11_000]),
    ),
    max_size=8,
)


class Attempt:
    """Frames, ten a second, of somebody who does what is asked, or does not; and what goes wrong."""

    def __init__(self, *, obeys: bool) -> None:
        self.verification = new_verification()
        self._obeys = obeys
        self._actor = Actor()
        self._now_ms = 0

    def show(self, after_ms: int = 100, *issues: QualityIssue, away: bool = False) -> None:
        self._now_ms += after_ms
        frame = result(self._now_ms, None if away else self._actor, issues=issues)
        for event in step(self.verification, frame, after_ms):
            if isinstance(event, ChallengeIssued) and self._obeys:
                self._actor.pulses = pulses_for(event.challenge, self._now_ms + 400)

    def suffer(self, trouble: str, for_ms: int) -> None:
        match trouble:
            case "gap":
                self.show(for_ms)
            case "peer":
                self.verification.void(VoidReason.PEER)
            case "check":
                self.verification.check(self._now_ms + for_ms, self._now_ms)
                self._now_ms += for_ms
            case _:
                for _ in range(0, for_ms, 100):
                    self.show(100, QualityIssue.TOO_DARK, away=trouble == "gone")


@settings(max_examples=25, deadline=None)
@given(troubles=troubles, seed=st.integers(0, 9), obeys=st.booleans())
def test_only_who_passed_all_that_was_asked_is_passed(
    troubles: list[tuple[str, int]], seed: int, obeys: bool
) -> None:
    attempt, left = Attempt(obeys=obeys), list(troubles)
    verification = attempt.verification
    while verification.verdict is None:
        for _ in range(20 + 5 * seed):
            attempt.show()
        if left:
            attempt.suffer(*left.pop())
        if verification.phase is Phase.DECIDING:
            verification.decide(Remarks())
    outcome = verification.outcome
    assert outcome.voids <= SETTINGS.liveness.voids + 1
    if verification.verdict.verified:
        assert obeys
        assert outcome.passed == outcome.asked == outcome.planned >= len(PLAN)
    assert verification.verdict.status is not VerdictStatus.FAILED or not obeys
