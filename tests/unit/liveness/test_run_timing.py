"""The clock of a run: deadlines, gaps, poor pictures and voids, to the millisecond of real time."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.run import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeProgressed,
    ChallengeRun,
    ChallengeVoided,
    LivenessEvent,
    RunFinished,
)
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import Face
from tests.unit.liveness.fakes.actor import Actor, Pulse, obey, pulses_for
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import Look, make_face, make_observation

LEFT = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
SMILE = Challenge(ChallengeType.SMILE)
FRAME_MS = 40
LIMIT_MS = 10_000
REST = make_face(Look())
E = TypeVar("E", bound=LivenessEvent)


class Stage:
    """A run in front of which frames go by, 25 a second; captured as received, less `delay_ms`."""

    def __init__(self, *plan: Challenge, seed: int = 1, **limits: int) -> None:
        ids = itertools.count(1)
        self.settings = LivenessSettings(**limits)
        issuer = seeded_issuer(self.settings, seed)
        plan = plan or issuer.plan()
        self.run = ChallengeRun(plan, self.settings, lambda: f"c{next(ids)}", issuer)
        self.events: list[LivenessEvent] = []
        self.actor = Actor()
        self.now_ms = 0
        self.send = True

    def frame(
        self, now_ms: int, face: Face | None = None, *, usable: bool = True, gap_ms: float = 0.0
    ) -> tuple[LivenessEvent, ...]:
        self.now_ms = now_ms
        found = self.run.update(make_observation(face, now_ms), usable, now_ms, gap_ms)
        self.events += found
        if self.send and any(isinstance(event, ChallengeIssued) for event in found):
            self.run.sent(now_ms, now_ms)
        return found

    def rest(self, for_ms: int) -> None:
        """The face is there and does what the actor does."""
        for now_ms in range(self.now_ms + FRAME_MS, self.now_ms + for_ms + 1, FRAME_MS):
            self.frame(now_ms, make_face(self.actor.look(now_ms)))

    def until_prompt(self) -> ChallengeIssued:
        """Rest until the next prompt."""
        while True:
            found = self.frame(
                self.now_ms + FRAME_MS, make_face(self.actor.look(self.now_ms + FRAME_MS))
            )
            for event in found:
                if isinstance(event, ChallengeIssued):
                    return event
            assert self.now_ms < 600_000, "no prompt came"
            assert not self.run.finished

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def kinds(events: tuple[LivenessEvent, ...]) -> list[type]:
    return [type(event) for event in events]


# Deadlines.


@pytest.mark.parametrize(("after_ms", "over"), [(LIMIT_MS, False), (LIMIT_MS + 1, True)])
def test_a_deadline_is_kept_to_the_millisecond(after_ms: int, over: bool) -> None:
    stage = Stage(LEFT, LEFT)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    stage.rest(LIMIT_MS - FRAME_MS)
    found = stage.frame(prompt_ms + after_ms, REST)
    assert (ChallengeEnded in kinds(found)) is over
    (progressed,) = [event for event in found if isinstance(event, ChallengeProgressed)]
    assert (progressed.remaining_ms, progressed.paused) == (0, False)


def test_the_deadline_runs_from_the_sent_prompt_and_not_from_the_issued_one() -> None:
    stage = Stage(LEFT)
    stage.send = False
    stage.until_prompt()
    stage.rest(30_000)
    assert not stage.of(ChallengeEnded)
    assert not stage.of(ChallengeProgressed)
    sent_ms = stage.now_ms
    stage.run.sent(sent_ms, sent_ms)
    (progressed,) = stage.frame(sent_ms + FRAME_MS, REST)
    assert isinstance(progressed, ChallengeProgressed)
    assert progressed.remaining_ms == LIMIT_MS - FRAME_MS
    stage.rest(LIMIT_MS)
    assert len(stage.of(ChallengeEnded)) == 1


def test_nothing_is_judged_before_the_prompt_was_sent() -> None:
    stage = Stage(LEFT)
    stage.send = False
    stage.until_prompt()
    stage.actor.pulses += pulses_for(LEFT, stage.now_ms + 300)
    stage.rest(3_000)
    stage.run.sent(stage.now_ms, stage.now_ms)
    late = make_face(Look(yaw_deg=30))
    assert stage.run.update(make_observation(late, stage.now_ms), True, stage.now_ms) == ()
    stage.rest(2_000)
    assert (stage.run.outcome.passed, stage.run.outcome.unasked_actions) == (0, 0)


def test_sent_without_an_issued_prompt_is_ignored() -> None:
    stage = Stage(LEFT)
    stage.run.sent(0, 0)
    stage.until_prompt()
    stage.run.sent(stage.now_ms + 5_000, stage.now_ms + 5_000)
    found = stage.frame(stage.now_ms + FRAME_MS, REST)
    assert isinstance(found[0], ChallengeProgressed)
    assert found[0].remaining_ms == LIMIT_MS - FRAME_MS
    assert (stage.run.outcome.asked, stage.run.outcome.attempts) == (1, 1)


@pytest.mark.parametrize(("last_ms", "passes"), [(LIMIT_MS, True), (LIMIT_MS + 1, False)])
def test_an_answer_counts_by_the_frame_that_was_received_by_the_deadline(
    last_ms: int, passes: bool
) -> None:
    """However late it is analysed: `check` is called, long after, before the last frame's result."""
    stage = Stage(SMILE, attempts=1)
    stage.until_prompt()
    last_ms += stage.now_ms
    stage.rest(LIMIT_MS - 500)
    smiling = make_face(Look(smile=0.8))
    stage.frame(last_ms - 240, smiling)
    assert stage.run.check(last_ms + 1_400, last_ms + 1_390) == ()
    stage.frame(last_ms, smiling)
    assert (stage.run.outcome.passed == 1) is passes
    assert stage.run.outcome.answers_ms == (LIMIT_MS,) * passes


def test_frames_that_come_and_are_not_analysed_void_the_challenge_without_blame() -> None:
    stage = Stage(LEFT, attempts=1)
    stage.until_prompt()
    deadline_ms = stage.now_ms + LIMIT_MS
    assert stage.run.check(deadline_ms + 1_500, deadline_ms + 1_490) == ()
    found = stage.run.check(deadline_ms + 1_501, deadline_ms + 1_490)
    assert kinds(found) == [ChallengeVoided]
    assert stage.run.outcome.timed_out == 0


def test_answers_are_timed_in_real_time_and_responses_in_media_time() -> None:
    stage = Stage(SMILE)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    actor = Actor(Look(), pulses_for(SMILE, prompt_ms + 500))
    for now_ms in range(prompt_ms + FRAME_MS, prompt_ms + 4_000, FRAME_MS):
        observation = make_observation(make_face(actor.look(now_ms)), now_ms)
        stage.run.update(observation, True, now_ms + 1_000.0)  # the network was slow
    outcome = stage.run.outcome
    assert outcome.all_passed
    assert 500 <= outcome.responses_ms[0] <= 800
    assert outcome.answers_ms[0] > outcome.responses_ms[0] + 1_000


# Gaps, poor pictures, and who leaves.


@pytest.mark.parametrize(("gap_ms", "voided"), [(1_500, False), (1_501, True)])
def test_a_gap_of_more_than_a_second_and_a_half_voids(gap_ms: int, voided: bool) -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    found = stage.frame(stage.now_ms + gap_ms, REST, gap_ms=gap_ms)
    assert (ChallengeVoided in kinds(found)) is voided
    assert stage.run.outcome.voids == voided


@pytest.mark.parametrize(("after_ms", "voided"), [(1_500, False), (1_501, True)])
def test_a_gap_is_noticed_without_a_frame(after_ms: int, voided: bool) -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    found = stage.run.check(stage.now_ms + after_ms, stage.now_ms)
    assert kinds(found) == [ChallengeVoided] * voided
    if voided:
        assert found == (ChallengeVoided("c1", LEFT, VoidReason.GAP, will_redraw=True),)
        assert stage.run.check(stage.now_ms + 60_000, stage.now_ms) == ()


def test_a_gap_counts_from_the_prompt_on() -> None:
    stage = Stage(LEFT)
    stage.send = False
    stage.until_prompt()
    issued_ms = stage.now_ms
    stage.run.sent(issued_ms + 5_000, issued_ms + 5_000)
    assert stage.run.check(issued_ms + 6_500, issued_ms) == ()
    stage.frame(issued_ms + 6_400, REST, gap_ms=6_400)
    assert stage.run.outcome.voids == 0
    assert kinds(stage.run.check(issued_ms + 8_000, issued_ms + 6_400)) == [ChallengeVoided]


def test_uploads_have_a_limit_of_their_own() -> None:
    stage = Stage(LEFT)
    stage.run.gap_limit_ms = stage.settings.upload_void_after_ms
    stage.until_prompt()
    stage.frame(stage.now_ms + 3_000, REST, gap_ms=3_000)
    assert stage.run.outcome.voids == 0
    stage.frame(stage.now_ms + 3_001, REST, gap_ms=3_001)
    assert stage.run.outcome.voids == 1


@pytest.mark.parametrize("face", [REST, None], ids=["poor", "no face"])
@pytest.mark.parametrize(("for_ms", "voided"), [(1_500, False), (1_501, True)])
def test_a_picture_that_cannot_be_judged_voids(
    face: Face | None, for_ms: int, voided: bool
) -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    last_ms = stage.now_ms
    for after_ms in (*range(FRAME_MS, for_ms, FRAME_MS), for_ms):
        found = stage.frame(last_ms + after_ms, face, usable=False)
    assert kinds(found) == [ChallengeVoided if voided else ChallengeProgressed]
    assert [event.reason for event in stage.of(ChallengeVoided)] == [VoidReason.PICTURE] * voided
    assert stage.run.outcome.timed_out == stage.run.outcome.failed_wrong == 0


def test_one_usable_frame_begins_the_streak_anew() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    for after_ms in range(100, 9_000, 100):
        stage.frame(stage.now_ms + 100, REST, usable=after_ms % 1_400 == 0)
    assert stage.run.outcome.voids == 0


def test_who_is_hardly_there_gets_that_hint() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    for after_ms in range(100, LIMIT_MS + 200, 100):
        stage.frame(stage.now_ms + 100, REST if after_ms % 1_000 == 0 else None)
    assert stage.of(ChallengeEnded)[0].hint is Hint.NO_FACE


def test_nothing_is_judged_in_a_poor_picture() -> None:
    stage = Stage(SMILE)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    for after_ms in range(FRAME_MS, 1_500, FRAME_MS):
        stage.frame(prompt_ms + after_ms, make_face(Look(smile=0.8)), usable=False)
    assert stage.run.outcome.passed == stage.run.outcome.unasked_actions == 0


@pytest.mark.parametrize("gap_ms", [1_501, 5_000, 50_000])
def test_an_answer_after_a_gap_never_counts(gap_ms: int) -> None:
    """Not even one that is complete on the very first frame, nor one that goes on after it."""
    stage = Stage(SMILE)
    stage.until_prompt()
    smiling = make_face(Look(smile=0.8))
    for after_ms in (400, 500, 600):
        stage.frame(stage.now_ms + after_ms // 3, smiling)
    stage.frame(stage.now_ms + gap_ms, smiling, gap_ms=gap_ms)
    for _ in range(20):
        stage.frame(stage.now_ms + FRAME_MS, smiling)
    assert stage.run.outcome.passed == 0
    assert stage.run.outcome.voids == 1


def test_media_time_that_stands_still_or_goes_back_moves_no_deadline() -> None:
    stage = Stage(SMILE, attempts=1)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    for after_ms in range(FRAME_MS, LIMIT_MS + FRAME_MS + 1, FRAME_MS):
        captured_ms = prompt_ms - (after_ms % 3) * 1_000
        stage.run.update(make_observation(REST, captured_ms), True, float(prompt_ms + after_ms))
    assert stage.run.outcome.timed_out == 1


# What a void costs, and what follows.


@pytest.mark.parametrize("allowed", range(5))
def test_voids_are_counted_and_one_too_many_ends_the_run(allowed: int) -> None:
    stage = Stage(voids=allowed)
    for number in range(1, allowed + 2):
        stage.until_prompt()
        (voided,) = stage.run.void(VoidReason.PEER)
        assert isinstance(voided, ChallengeVoided)
        assert voided.will_redraw is (number <= allowed)
        assert stage.run.outcome.voids == number
        assert stage.run.outcome.planned == 3 + (min(number, allowed) >= 2)
    assert stage.run.finished
    assert stage.run.aborted is VoidReason.PEER
    stage.rest(20_000)
    stage.run.add(SMILE)
    assert stage.run.finished
    assert len(stage.of(ChallengeIssued)) == allowed + 1
    assert not stage.of(RunFinished)


def test_a_void_costs_no_try_and_no_blame() -> None:
    stage = Stage(SMILE)
    stage.until_prompt()
    stage.rest(LIMIT_MS + 100)  # the first try is missed
    second = stage.until_prompt()
    assert second.attempt == 2
    stage.run.void(VoidReason.PEER)
    again = stage.until_prompt()
    assert (again.attempt, again.index, again.challenge_id) == (2, 1, "c3")
    stage.actor.pulses += pulses_for(again.challenge, stage.now_ms + 500)
    stage.rest(6_000)
    outcome = stage.run.outcome
    assert (outcome.asked, outcome.passed, outcome.attempts, outcome.voids) == (1, 1, 3, 1)
    assert outcome.failed_wrong == outcome.timed_out == outcome.unasked_actions == 0


def test_after_two_voids_one_more_challenge_is_asked_and_has_to_be_passed() -> None:
    stage = Stage(SMILE, SMILE)
    totals = []
    for voids in range(5):
        totals.append(stage.until_prompt().total)
        if voids < 4:
            stage.run.void(VoidReason.GAP)
    assert totals == [2, 2, 3, 3, 3]
    prompts = stage.of(ChallengeIssued)
    stage.actor.pulses += obey()(prompts[-1], stage.now_ms)
    while not stage.run.finished:
        for event in stage.frame(
            stage.now_ms + FRAME_MS, make_face(stage.actor.look(stage.now_ms + FRAME_MS))
        ):
            if isinstance(event, ChallengeIssued):
                stage.actor.pulses += obey()(event, stage.now_ms)
    assert stage.run.outcome.all_passed
    assert (stage.run.outcome.planned, stage.run.outcome.asked) == (3, 3)


@pytest.mark.parametrize("seed", range(8))
def test_a_head_turn_cannot_be_shed_by_voiding_it(seed: int) -> None:
    stage = Stage(LEFT, SMILE, seed=seed)
    stage.until_prompt()
    stage.run.void(VoidReason.PEER)
    while not stage.run.finished:
        now_ms = stage.now_ms + FRAME_MS
        for event in stage.frame(now_ms, make_face(stage.actor.look(now_ms))):
            if isinstance(event, ChallengeIssued):
                stage.actor.pulses += obey()(event, stage.now_ms)
    answered = {event.challenge.type for event in stage.of(ChallengeEnded) if event.passed}
    assert ChallengeType.HEAD_TURN in answered
    assert stage.run.outcome.all_passed


def test_another_challenge_is_drawn_from_all_also_from_those_answered() -> None:
    drawn: Counter[ChallengeType] = Counter()
    sides = set()
    for seed in range(40):
        stage = Stage(LEFT, SMILE, seed=seed)
        stage.until_prompt()
        stage.actor.pulses += pulses_for(LEFT, stage.now_ms + 400)
        stage.until_prompt()
        stage.run.void(VoidReason.GAP)
        challenge = stage.until_prompt().challenge
        drawn[challenge.type] += 1
        sides.add(challenge.direction)
    assert set(drawn) == set(ChallengeType)
    assert drawn[LEFT.type] < 20
    assert sides == {None, *Direction}


def test_a_prompt_that_was_not_sent_is_withdrawn_and_counts_as_no_void() -> None:
    stage = Stage(LEFT, voids=0)
    stage.send = False
    for number in range(1, 4):
        first = stage.until_prompt()
        (voided,) = stage.run.void(VoidReason.PEER)
        assert voided == ChallengeVoided(
            f"c{number}", first.challenge, VoidReason.PEER, will_redraw=True, shown=False
        )
        stage.run.sent(stage.now_ms, stage.now_ms)
        assert stage.run.void(VoidReason.PEER) == ()
    again = stage.until_prompt()
    assert (again.index, again.attempt, again.total) == (1, 1, 1)
    assert again.challenge.type is LEFT.type
    outcome = stage.run.outcome
    assert (outcome.voids, outcome.asked, outcome.attempts) == (0, 0, 0)


def test_with_nothing_open_there_is_nothing_to_void() -> None:
    stage = Stage(LEFT)
    assert stage.run.void(VoidReason.PEER) == ()
    assert stage.run.check(99_000, 0) == ()
    stage.rest(1_000)
    assert stage.run.void(VoidReason.PEER) == ()
    assert stage.run.outcome.voids == 0


def test_a_gap_while_nothing_is_open_is_no_void() -> None:
    stage = Stage(LEFT)
    stage.rest(1_000)
    stage.frame(stage.now_ms + 30_000, REST, gap_ms=30_000)
    stage.until_prompt()
    assert stage.run.outcome.voids == 0


def test_after_a_void_the_next_prompt_waits_for_the_pause_and_a_face_at_rest() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.run.check(stage.now_ms + 8_000, stage.now_ms)
    stage.now_ms += 8_000
    back_ms = stage.now_ms
    stage.actor.pulses.append(Pulse("yaw_deg", 30.0, back_ms, 2_500, flank=0.01))
    stage.until_prompt()
    assert stage.now_ms >= back_ms + 2_450


def test_a_prompt_never_goes_out_without_a_face() -> None:
    stage = Stage(LEFT)
    stage.rest(1_000)
    for after_ms in range(100, 20_000, 100):
        stage.frame(1_000 + after_ms, None if after_ms % 200 else REST, usable=bool(after_ms % 200))
    assert not stage.of(ChallengeIssued)
    stage.until_prompt()


# The stories of the issue.


def test_a_freeze_of_a_minute_after_each_prompt_ends_the_run_and_passes_nothing() -> None:
    stage = Stage()
    for _ in range(5):
        prompt = stage.until_prompt()
        stage.now_ms += 60_000
        stage.actor.pulses += pulses_for(prompt.challenge, stage.now_ms + 100)
        stage.frame(stage.now_ms, REST, gap_ms=60_000)
        stage.rest(500)
    assert stage.run.aborted is VoidReason.GAP
    assert (stage.run.outcome.passed, stage.run.outcome.voids) == (0, 5)


def test_darkness_of_forty_seconds_is_one_void_and_the_run_goes_on() -> None:
    stage = Stage(SMILE)
    stage.until_prompt()
    dark_ms = stage.now_ms
    for after_ms in range(FRAME_MS, 40_000, FRAME_MS):
        stage.frame(dark_ms + after_ms, REST, usable=False)
    assert (stage.run.outcome.voids, stage.run.aborted) == (1, None)
    prompt = stage.until_prompt()
    stage.actor.pulses += pulses_for(prompt.challenge, stage.now_ms + 500)
    stage.rest(6_000)
    assert stage.run.outcome.all_passed


@pytest.mark.parametrize("face", [REST, None], ids=["poor", "no face"])
@pytest.mark.parametrize("began", [False, True])
def test_a_poor_picture_has_its_limit_in_all(face: Face | None, began: bool) -> None:
    stage = Stage(LEFT, quality_time_limit_ms=5_000)
    if began:
        stage.rest(1_000)
    poor_ms = 0
    while not stage.run.finished:
        poor_ms += 100
        assert stage.frame(stage.now_ms + 100, face, usable=False) == ()
        if poor_ms == 3_000:
            stage.rest(200)  # too short for a prompt
    assert poor_ms == pytest.approx(5_000, abs=300)
    assert stage.run.aborted is VoidReason.PICTURE
    assert (stage.run.outcome.asked, stage.run.outcome.voids) == (0, 0)


def test_a_hang_up_is_a_void() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    assert stage.run.void(VoidReason.PEER) == (
        ChallengeVoided("c1", LEFT, VoidReason.PEER, will_redraw=True),
    )
    stage.actor.pulses += pulses_for(LEFT, stage.now_ms + 50_500)
    stage.now_ms += 50_000
    stage.rest(700)
    assert stage.run.outcome.passed == 0


# Whatever comes.

moves = st.lists(
    st.tuples(
        st.sampled_from(["frames", "dark", "gone", "gap", "peer", "check"]),
        st.sampled_from([300, 1_400, 1_600, 4_000, 11_000]),
    ),
    min_size=4,
    max_size=14,
)


class Storm(Stage):
    """Frames, gaps, poor pictures and new peers in any order; prompts are sent late, or never."""

    def __init__(self, seed: int, send_after: int, obeys: bool) -> None:
        super().__init__(seed=seed, time_limit_ms=2_000, quality_time_limit_ms=20_000)
        self.send = False
        self._send_after = send_after
        self._unsent: ChallengeIssued | None = None
        self._since = 0
        self._obeys = obeys

    def move(self, kind: str, span_ms: int) -> None:
        until_ms = self.now_ms + span_ms
        match kind:
            case "gap":
                self._show(until_ms, span_ms)
            case "peer":
                self.events += self.run.void(VoidReason.PEER)
            case "check":
                self.events += self.run.check(until_ms, self.now_ms)
                self.now_ms = until_ms
            case _:
                self._go_on(kind, until_ms)

    def _go_on(self, kind: str, until_ms: int) -> None:
        while self.now_ms < until_ms:
            now_ms = self.now_ms + 100
            face = None if kind == "gone" else make_face(self.actor.look(now_ms))
            self._show(now_ms, 100, face, usable=kind == "frames")

    def _show(
        self, now_ms: int, gap_ms: int, face: Face | None = REST, *, usable: bool = True
    ) -> None:
        for event in self.frame(now_ms, face, usable=usable, gap_ms=gap_ms):
            if isinstance(event, ChallengeIssued):
                self._unsent, self._since = event, 0
        self._since += 1
        if self._unsent is not None and self._since > self._send_after:
            self.run.sent(self.now_ms, self.now_ms)
            if self._obeys:
                self.actor.pulses = pulses_for(self._unsent.challenge, self.now_ms + 300, speed=1.5)
            self._unsent = None


@settings(max_examples=60, deadline=None)
@given(moves=moves, seed=st.integers(0, 99), send_after=st.integers(0, 12), obeys=st.booleans())
def test_whatever_comes_the_bounds_hold(
    moves: list[tuple[str, int]], seed: int, send_after: int, obeys: bool
) -> None:
    storm = Storm(seed, send_after, obeys)
    for kind, span_ms in moves:
        storm.move("frames", 2_500)
        storm.move(kind, span_ms)
    run, outcome = storm.run, storm.run.outcome
    shown = [event for event in storm.of(ChallengeVoided) if event.shown]
    assert outcome.voids == len(shown) <= storm.settings.voids + 1
    extra = outcome.planned - 3 - (outcome.voids >= 2)
    assert 0 <= extra <= (outcome.voids > 0)  # a voided head turn is asked in the end
    assert len(storm.of(ChallengeEnded)) + len(shown) in {outcome.attempts, outcome.attempts - 1}
    assert len(storm.of(ChallengeIssued)) >= outcome.attempts
    closed = outcome.passed + outcome.failed_wrong + outcome.timed_out
    assert closed in {outcome.asked, outcome.asked - 1}
    assert len(outcome.responses_ms) == len(outcome.answers_ms) == outcome.passed
    assert all(0 < answer_ms <= 2_000 for answer_ms in outcome.answers_ms)
    if run.finished and run.aborted is None:
        assert closed == outcome.asked >= outcome.planned >= 3
        assert len(storm.of(RunFinished)) == 1
    if outcome.all_passed:
        assert outcome.asked == outcome.passed >= 3
        assert run.aborted is None


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), gaps_ms=st.lists(st.integers(2_000, 10_000), max_size=4))
def test_honest_blackouts_end_in_a_pass(seed: int, gaps_ms: list[int]) -> None:
    stage = Stage(seed=seed)
    left = list(gaps_ms)
    while not stage.run.finished:
        prompt = stage.until_prompt()
        if left:
            gap_ms = left.pop()
            stage.frame(stage.now_ms + gap_ms, REST, gap_ms=gap_ms)
            continue
        stage.actor.pulses = pulses_for(prompt.challenge, stage.now_ms + 450)
        stage.rest(round(stage.actor.pulses[-1].end_ms) - stage.now_ms + 200)
    assert stage.run.outcome.all_passed
    assert stage.run.outcome.voids == len(gaps_ms)
