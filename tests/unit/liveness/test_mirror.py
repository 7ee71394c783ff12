"""Mirrored pictures: one calibrating turn tells, it gives no credit, and nobody fails for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, ChallengeVoided, VoidReason
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.mirror import EitherSide, judge_for, mirrored
from kyc_rtc.liveness.mirror import Mirror as State
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.settings import LivenessSettings
from tests.unit.liveness.fakes.actor import Actor, Answer, Pulse, obey, play, pulses_for
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import Look, make_neutral, make_signals
from tests.unit.liveness.fakes.stage import LEFT, SMILE

RIGHT = Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
NOD = Challenge(ChallengeType.NOD)


def new_run(*plan: Challenge, seed: int = 1, **limits: int) -> ChallengeRun:
    numbers = iter(range(1, 99))
    chosen = LivenessSettings(**limits)
    issuer = seeded_issuer(chosen, seed)
    return ChallengeRun(plan or issuer.plan(), chosen, lambda: f"c{next(numbers)}", issuer)


def reversing(how_often: int = 99) -> Answer:
    """Does what is asked, the first head turns to the other side."""
    left = [how_often]

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        if prompt.challenge.direction is None or left[0] == 0:
            return obey()(prompt, sent_ms)
        left[0] -= 1
        return pulses_for(mirrored(prompt.challenge), sent_ms + 450)

    return answer


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("peak_deg", [17.0, 30.0])
def test_a_mirrored_picture_passes_with_one_turn_more(seed: int, peak_deg: float) -> None:
    """Also where the turns are so small that none is a clear wrong action."""

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        pulses = reversing()(prompt, sent_ms)
        if prompt.challenge.direction is None:
            return pulses
        return [replace(one, peak=one.peak / 30 * peak_deg) for one in pulses]

    run = new_run(LEFT, SMILE, RIGHT, seed=seed)
    events = play(run, Actor(), answer)
    outcome = run.outcome
    assert outcome.all_passed
    assert outcome.mirrored
    assert (outcome.planned, outcome.attempts, outcome.voids) == (3, 4, 0)
    assert outcome.failed_wrong == outcome.timed_out == outcome.unsettled == 0
    assert outcome.unasked_actions == 0
    (voided,) = [event for event in events if isinstance(event, ChallengeVoided)]
    assert (voided.reason, voided.will_redraw, voided.shown) == (VoidReason.CALIBRATION, True, True)
    assert all(event.passed for event in events if isinstance(event, ChallengeEnded))


def test_the_added_turn_has_a_direction_drawn_anew() -> None:
    sides = set()
    for seed in range(12):
        events = play(new_run(LEFT, seed=seed), Actor(), reversing())
        issued = [event for event in events if isinstance(event, ChallengeIssued)]
        assert [one.challenge.type for one in issued] == [ChallengeType.HEAD_TURN] * 2
        assert [(one.index, one.total, one.attempt) for one in issued] == [(1, 1, 1), (1, 1, 2)]
        sides.add(issued[1].challenge.direction)
    assert sides == set(Direction)


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_the_calibrating_turn_is_one_of_the_tries_but_there_always_is_another(
    attempts: int,
) -> None:
    def once_and_never_again(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        first = prompt.challenge_id == "c1"
        return pulses_for(mirrored(prompt.challenge), sent_ms + 450) if first else []

    run = new_run(LEFT, attempts=attempts)
    play(run, Actor(), once_and_never_again)
    assert run.outcome.attempts == max(2, attempts)
    assert (run.outcome.unsettled, run.outcome.timed_out, run.outcome.failed_wrong) == (1, 0, 0)
    assert not run.outcome.mirrored
    assert not run.outcome.all_passed


def test_who_mixes_up_the_sides_once_passes_and_is_judged_as_before_from_then_on() -> None:
    run = new_run(LEFT, RIGHT, attempts=1)

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        right = prompt.challenge_id == "c2"
        asked = prompt.challenge if right else mirrored(prompt.challenge)
        return pulses_for(asked, sent_ms + 450)

    events = play(run, Actor(), answer)
    ended = [event for event in events if isinstance(event, ChallengeEnded)]
    assert [(one.passed, one.hint) for one in ended] == [
        (True, None),
        (False, Hint.WRONG_DIRECTION),
    ]
    assert (run.outcome.failed_wrong, run.outcome.unsettled) == (1, 0)


def test_a_turn_as_asked_settles_that_the_picture_is_not_mirrored() -> None:
    run = new_run(LEFT, RIGHT)

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        first = prompt.index == 1
        return pulses_for(prompt.challenge if first else mirrored(prompt.challenge), sent_ms + 450)

    events = play(run, Actor(), answer)
    assert not [event for event in events if isinstance(event, ChallengeVoided)]
    assert run.outcome.failed_wrong == 1


def test_in_a_mirrored_picture_a_turn_that_is_not_reversed_does_not_pass_and_fails_nobody() -> None:
    run = new_run(LEFT, RIGHT, attempts=1)
    play(run, Actor(), reversing(2))
    assert run.outcome.mirrored
    assert (run.outcome.passed, run.outcome.unsettled, run.outcome.failed_wrong) == (1, 1, 0)


def test_whoever_did_what_nobody_asked_for_gets_no_calibrating_turn() -> None:
    def nods_then_reverses(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        if prompt.challenge.direction is None:
            return pulses_for(NOD, sent_ms + 450)
        return pulses_for(mirrored(prompt.challenge), sent_ms + 450)

    run = new_run(SMILE, SMILE, LEFT)
    events = play(run, Actor(), nods_then_reverses)
    assert not [event for event in events if isinstance(event, ChallengeVoided)]
    assert run.outcome.failed_wrong == 3


def test_without_the_setting_there_is_no_calibrating_turn() -> None:
    run = new_run(LEFT, calibrating_turn=False, attempts=3)
    events = play(run, Actor(), reversing())
    ended = [event for event in events if isinstance(event, ChallengeEnded)]
    assert [one.hint for one in ended] == [Hint.WRONG_DIRECTION] * 3
    assert (run.outcome.failed_wrong, run.outcome.unasked_actions) == (1, 0)


@settings(max_examples=25, deadline=None)
@given(sides=st.lists(st.booleans(), min_size=12, max_size=12), seed=st.integers(0, 50))
def test_only_turns_that_fit_together_pass(sides: list[bool], seed: int) -> None:
    """Whatever somebody does: reversed turns and others are never both credited after a settled one."""
    run = new_run(LEFT, RIGHT, LEFT, seed=seed)
    done: list[bool] = []

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        done.append(sides[len(done) % len(sides)])
        asked = mirrored(prompt.challenge) if done[-1] else prompt.challenge
        return pulses_for(asked, sent_ms + 450)

    events = play(run, Actor(), answer)
    edges = [event for event in events if isinstance(event, (ChallengeEnded, ChallengeVoided))]
    credited = [
        reversed_
        for reversed_, edge in zip(done, edges, strict=True)
        if isinstance(edge, ChallengeEnded) and edge.passed
    ]
    assert len(set(credited)) <= 1
    voids = [edge for edge in edges if isinstance(edge, ChallengeVoided)]
    assert len(voids) <= 1
    outcome = run.outcome
    missed = outcome.failed_wrong + outcome.timed_out + outcome.too_small + outcome.unsettled
    assert outcome.passed + missed == 3


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(("to_the_left", "reverses"), [(True, False), (False, True)])
def test_either_side_counts_while_it_is_not_known(
    direction: Direction, to_the_left: bool, reverses: bool
) -> None:
    asked = Challenge(ChallengeType.HEAD_TURN, direction)
    one = judge_for(asked, make_neutral(), 0, State.SUSPECTED)
    assert isinstance(one, EitherSide)
    actor = Actor(Look(), pulses_for(LEFT if to_the_left else RIGHT, 500))
    last = None
    for now_ms, look in actor.frames(4_000):
        last = one.update(make_signals(look), now_ms)
        assert last.wrong is None
        if last.done:
            break
    assert last is not None
    assert last.done
    assert last.reversed is (reverses if direction is Direction.LEFT else not reverses)


def test_only_a_head_turn_has_a_side() -> None:
    assert mirrored(mirrored(LEFT)) == LEFT
    with pytest.raises(ValueError, match="has no side"):
        mirrored(SMILE)
