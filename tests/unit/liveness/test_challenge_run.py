"""A run from the neutral face to the outcome: order, retries, clocks, bounds."""

from __future__ import annotations

import itertools
from typing import TypeVar

import pytest

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.run import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeProgressed,
    ChallengeRun,
    LivenessEvent,
    RunFinished,
)
from kyc_rtc.liveness.waiting import REST_LIMIT_MS
from kyc_rtc.settings import LivenessSettings
from tests.unit.liveness.fakes.actor import Actor, Pulse, obey, play, pulses_for, show
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import Look, make_face

LEFT = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
SMILE = Challenge(ChallengeType.SMILE)
BLINKS = Challenge(ChallengeType.BLINK, count=2)
SETTINGS = LivenessSettings()
E = TypeVar("E", bound=LivenessEvent)


def new_run(*plan: Challenge, settings: LivenessSettings = SETTINGS, seed: int = 1) -> ChallengeRun:
    ids = itertools.count(1)
    return ChallengeRun(plan, settings, lambda: f"c{next(ids)}", seeded_issuer(settings, seed))


def of_type(events: list[LivenessEvent], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("fps", [10, 15, 30])
@pytest.mark.parametrize("seed", range(6))
def test_a_willing_person_passes(seed: int, fps: float) -> None:
    limits = LivenessSettings(challenges=5)
    plan = seeded_issuer(limits, seed).plan()
    run = new_run(*plan, settings=limits, seed=seed)
    events = play(run, Actor(Look(pitch_deg=-8)), obey(450), fps=fps)
    outcome = run.outcome
    assert outcome.all_passed
    assert (outcome.asked, outcome.passed, outcome.attempts) == (5, 5, 5)
    assert outcome.unasked_actions == outcome.failed_wrong == outcome.timed_out == 0
    assert all(400 <= response_ms <= 900 for response_ms in outcome.responses_ms)
    assert events[-1] == RunFinished(outcome)


def test_prompts_come_in_the_plans_order_each_closed_before_the_next() -> None:
    run = new_run(SMILE, LEFT, BLINKS)
    events = play(run, Actor(), obey())
    issued, ended = of_type(events, ChallengeIssued), of_type(events, ChallengeEnded)
    assert [one.challenge for one in issued] == [SMILE, LEFT, BLINKS]
    assert [one.index for one in issued] == [1, 2, 3]
    assert {one.total for one in issued} == {3}
    assert [(one.attempt, one.attempts, one.time_limit_ms) for one in issued] == [
        (1, 2, 10_000)
    ] * 3
    assert [one.challenge_id for one in ended] == ["c1", "c2", "c3"]
    edges = [event for event in events if isinstance(event, (ChallengeIssued, ChallengeEnded))]
    assert [type(edge) for edge in edges] == [ChallengeIssued, ChallengeEnded] * 3
    for progressed in of_type(events, ChallengeProgressed):
        assert 0 <= progressed.progress <= 1
        assert 0 <= progressed.remaining_ms <= 10_000
        assert not progressed.paused


def test_results_stand_for_a_while_before_the_next_prompt() -> None:
    run = new_run(SMILE, LEFT)
    prompts_ms: list[int] = []
    results_ms: list[int] = []
    actor = Actor()
    for now_ms, _ in Actor().frames(20_000):
        for event in show(run, make_face(actor.look(now_ms)), now_ms):
            if isinstance(event, ChallengeIssued):
                prompts_ms.append(now_ms)
                actor.pulses.extend(obey()(event, now_ms))
            elif isinstance(event, ChallengeEnded):
                results_ms.append(now_ms)
    assert 700 + 800 <= prompts_ms[0] <= 800 + 1_300 + 70
    assert prompts_ms[1] - results_ms[0] >= 700


def test_who_does_nothing_times_out_on_every_attempt() -> None:
    run = new_run(SMILE, LEFT)
    events = play(run, Actor())
    ended = of_type(events, ChallengeEnded)
    assert [(one.passed, one.hint, one.will_retry) for one in ended] == [
        (False, Hint.TOO_LATE, True),
        (False, Hint.TOO_LATE, False),
    ] * 2
    outcome = run.outcome
    assert (outcome.asked, outcome.timed_out, outcome.attempts) == (2, 2, 4)
    assert not outcome.all_passed


def test_a_second_attempt_is_of_the_same_type_newly_drawn_under_a_new_id() -> None:
    drawn = set()
    for seed in range(8):
        issued = of_type(play(new_run(LEFT, seed=seed), Actor()), ChallengeIssued)
        assert [one.challenge.type for one in issued] == [ChallengeType.HEAD_TURN] * 2
        assert [(one.index, one.attempt, one.challenge_id) for one in issued] == [
            (1, 1, "c1"),
            (1, 2, "c2"),
        ]
        drawn.add(issued[1].challenge.direction)
    assert drawn == set(Direction)


def test_a_wrong_action_ends_the_attempt_at_once_and_the_next_one_may_pass() -> None:
    def wrong_first(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        if prompt.attempt == 1:
            start_ms = sent_ms + 500
            return pulses_for(Challenge(ChallengeType.NOD), start_ms)
        return obey()(prompt, sent_ms)

    run = new_run(SMILE)
    ended = of_type(play(run, Actor(), wrong_first), ChallengeEnded)
    assert [(one.passed, one.hint) for one in ended] == [(False, Hint.WRONG_ACTION), (True, None)]
    assert (run.outcome.passed, run.outcome.failed_wrong, run.outcome.attempts) == (1, 0, 2)


def test_wrong_on_every_attempt_is_failed_not_timed_out() -> None:
    def nods(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        start_ms = sent_ms + 500
        return pulses_for(Challenge(ChallengeType.NOD), start_ms)

    run = new_run(SMILE)
    play(run, Actor(), nods)
    assert (run.outcome.failed_wrong, run.outcome.timed_out) == (1, 0)
    assert run.outcome.unasked_actions == 2


def test_who_does_what_nobody_asked_for_gets_no_more_second_attempts() -> None:
    def nods(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        start_ms = sent_ms + 500
        return pulses_for(Challenge(ChallengeType.NOD), start_ms)

    run = new_run(SMILE, BLINKS, LEFT, settings=LivenessSettings(attempts=5))
    ended = of_type(play(run, Actor(), nods), ChallengeEnded)
    assert [one.will_retry for one in ended] == [True, False, False, False]
    assert run.outcome.failed_wrong == 3


def test_an_action_between_prompts_is_counted() -> None:
    run = new_run(SMILE, SMILE)

    def smile_and_later_turn(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        start_ms = sent_ms + 500
        turn = pulses_for(LEFT, start_ms + 1_000)
        return [*pulses_for(SMILE, start_ms), *(turn if prompt.index == 1 else [])]

    play(run, Actor(), smile_and_later_turn)
    assert run.outcome.unasked_actions == 1


def test_going_on_with_what_was_asked_is_not_an_unasked_action() -> None:
    run = new_run(LEFT, SMILE)

    def turn_twice(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        start_ms = sent_ms + 500
        if prompt.challenge is LEFT:
            return [*pulses_for(LEFT, start_ms), *pulses_for(LEFT, start_ms + 1_600)]
        return pulses_for(SMILE, start_ms)

    play(run, Actor(), turn_twice)
    assert run.outcome.all_passed
    assert run.outcome.unasked_actions == 0


def test_the_prompt_waits_for_the_face_to_come_to_rest_but_not_for_ever() -> None:
    stays = Pulse("yaw_deg", 30.0, 1_000, 40_000, flank=0.005)
    issued_ms: list[int] = []

    def note(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        issued_ms.append(sent_ms)
        return []

    play(new_run(LEFT), Actor(Look(), [stays]), note)
    assert REST_LIMIT_MS + 1_500 <= issued_ms[0] <= REST_LIMIT_MS + 2_300


def test_a_posture_that_shifts_is_followed() -> None:
    shift = Pulse("pitch_deg", 14.0, 3_500, 200_000)
    run = new_run(SMILE, LEFT, BLINKS)
    play(run, Actor(Look(), [shift]), obey())
    assert run.outcome.all_passed
    assert run.outcome.attempts == 3


def test_an_agents_challenge_comes_after_the_plan_and_reopens_a_finished_run() -> None:
    run = new_run(SMILE)
    run.add(LEFT)
    play(run, Actor(), obey())
    assert (run.outcome.planned, run.outcome.passed) == (2, 2)
    finished_ms = 60_000
    run.add(BLINKS)
    actor = Actor()
    for now_ms, _ in Actor().frames(75_000):
        if now_ms < finished_ms:
            continue
        for event in show(run, make_face(actor.look(now_ms)), now_ms):
            if isinstance(event, ChallengeIssued):
                assert (event.challenge, event.index, event.total) == (BLINKS, 3, 3)
                actor.pulses.extend(obey()(event, now_ms))
    assert (run.outcome.planned, run.outcome.passed) == (3, 3)


def test_an_empty_plan_is_over_at_once_and_passes_nobody() -> None:
    run = new_run()
    assert play(run, Actor()) == [RunFinished(run.outcome)]
    assert not run.outcome.all_passed
    assert show(run, make_face(Look()), 99) == ()
