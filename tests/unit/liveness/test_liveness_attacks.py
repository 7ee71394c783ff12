"""What an attacker can play to the camera without answering the prompts never passes them all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.run import ChallengeIssued, ChallengeRun
from kyc_rtc.settings import LivenessSettings
from tests.unit.liveness.fakes.actor import Actor, Pulse, play, pulses_for
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import Look

LIVENESS = LivenessSettings()


def new_run(seed: int, plan: tuple[Challenge, ...] | None = None) -> ChallengeRun:
    issuer = seeded_issuer(LIVENESS, seed)
    ids = itertools.count(1)
    return ChallengeRun(plan or issuer.plan(), LIVENESS, lambda: str(next(ids)), issuer)


@pytest.mark.parametrize(
    "look", [Look(), Look(smile=0.9), Look(jaw=1.0), Look(yaw_deg=20), Look(shut=1.0)]
)
def test_a_still_photo_passes_nothing(look: Look) -> None:
    for seed in range(5):
        run = new_run(seed)
        play(run, Actor(look), fps=10)
        assert run.outcome.passed == 0


def test_a_photo_that_is_tilted_to_and_fro_passes_no_plan() -> None:
    to_and_fro = [Pulse("yaw_deg", 30.0 * (-1) ** n, 1_500 * n, 1_400) for n in range(130)]
    for seed in range(10):
        run = new_run(seed)
        play(run, Actor(Look(), to_and_fro), fps=15)
        assert not run.outcome.all_passed
        assert run.outcome.passed <= 1


ACTIONS = [
    Challenge(ChallengeType.HEAD_TURN, Direction.LEFT),
    Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT),
    Challenge(ChallengeType.NOD, count=2),
    Challenge(ChallengeType.BLINK, count=3),
    Challenge(ChallengeType.SMILE),
    Challenge(ChallengeType.MOUTH_OPEN),
]


def loop_of(order: list[Challenge], pause_ms: float, until_ms: float) -> list[Pulse]:
    """A recording in which somebody does everything, over and over."""
    pulses: list[Pulse] = []
    start_ms = 1_500.0
    for action in itertools.cycle(order):
        if start_ms > until_ms:
            return pulses
        pulses += pulses_for(action, start_ms)
        start_ms = pulses[-1].end_ms + pause_ms
    return pulses


@settings(max_examples=6, deadline=None)
@given(order=st.permutations(ACTIONS), pause_ms=st.sampled_from([300.0, 900.0, 2_000.0]))
def test_a_loop_of_everything_seldom_answers_in_order(
    order: list[Challenge], pause_ms: float
) -> None:
    pulses = loop_of(order, pause_ms, 150_000)
    runs = [new_run(seed) for seed in range(6)]
    for run in runs:
        play(run, Actor(Look(), pulses), fps=10, limit_ms=150_000)
    assert sum(run.outcome.all_passed for run in runs) <= 2


def test_the_right_actions_in_the_wrong_order_do_not_pass() -> None:
    left, smile, blinks = ACTIONS[0], ACTIONS[4], ACTIONS[3]
    recorded = {1: smile, 2: blinks, 3: left}

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        return pulses_for(recorded[prompt.index], sent_ms + 450)

    run = new_run(3, (left, smile, blinks))
    play(run, Actor(), answer)
    assert run.outcome.passed == 0
