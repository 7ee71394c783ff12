"""Voids: what they cost, what follows, and that nobody passes or fails by them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.liveness.run import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeVoided,
    RunFinished,
)
from kyc_rtc.vision.observation import Face
from tests.unit.liveness.fakes.actor import Pulse, obey, pulses_for
from tests.unit.liveness.fakes.chance import DRAWN
from tests.unit.liveness.fakes.faces import make_face
from tests.unit.liveness.fakes.stage import FRAME_MS, LEFT, LIMIT_MS, REST, SMILE, Stage

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
    assert set(drawn) == DRAWN
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


def test_a_gap_while_nothing_is_open_is_not_a_void() -> None:
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
    closed = outcome.passed + outcome.failed_wrong + outcome.timed_out + outcome.too_small
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
