"""A movement that goes the right way and is too small is met with a hint, and no other is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.events import ChallengeIssued
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.judge import Judge
from kyc_rtc.liveness.shortfall import BEGUN, FURTHER, Shortfall
from tests.unit.liveness.fakes.actor import Actor, Pulse, play, pulses_for
from tests.unit.liveness.fakes.faces import Look, make_neutral, make_signals
from tests.unit.liveness.fakes.stage import Stage

LEFT = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
RIGHT = Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
NODS = Challenge(ChallengeType.NOD, count=2)
BLINKS = Challenge(ChallengeType.BLINK, count=2)
SMILE = Challenge(ChallengeType.SMILE, hold_ms=500)
MOUTH = Challenge(ChallengeType.MOUTH_OPEN, hold_ms=500)
ALL = [LEFT, RIGHT, NODS, BLINKS, SMILE, MOUTH]


def advice(challenge: Challenge, pulses: list[Pulse], *, fps: float = 25.0) -> list[Hint | None]:
    """What is said on each frame until it is done, or for 6 s."""
    one = Judge(challenge, make_neutral(), 0)
    said: list[Hint | None] = []
    for now_ms, look in Actor(Look(), pulses).frames(6_000, fps):
        progress = one.update(make_signals(look), now_ms)
        said.append(progress.advice)
        if progress.done or progress.wrong:
            break
    return said


@pytest.mark.parametrize("fps", [10, 25])
@pytest.mark.parametrize(
    ("challenge", "channel", "peak"),
    [
        (LEFT, "yaw_deg", 9.0),
        (LEFT, "yaw_deg", 13.0),
        (RIGHT, "yaw_deg", -9.0),
        (NODS, "pitch_deg", 6.0),
        (NODS, "pitch_deg", -8.0),
        (BLINKS, "shut", 0.4),
        (SMILE, "smile", 0.2),
        (MOUTH, "jaw", 0.25),
    ],
)
@pytest.mark.parametrize("stays", [False, True])
def test_too_small_is_said_while_there_is_time(
    challenge: Challenge, channel: str, peak: float, stays: bool, fps: float
) -> None:
    pulse = Pulse(channel, peak, 500, 30_000 if stays else 1_000, 0.02 if stays else 0.3)
    said = advice(challenge, [pulse], fps=fps)
    assert FURTHER[challenge.type] in said
    assert set(said) <= {None, FURTHER[challenge.type]}


@pytest.mark.parametrize("challenge", ALL, ids=lambda one: one.instruction)
def test_who_does_enough_hears_nothing(challenge: Challenge) -> None:
    assert set(advice(challenge, pulses_for(challenge, 500))) == {None}


@pytest.mark.parametrize("challenge", ALL, ids=lambda one: one.instruction)
def test_who_does_nothing_or_hardly_moves_hears_nothing(challenge: Challenge) -> None:
    sway = [Pulse("yaw_deg", 4.0, 500, 2_000), Pulse("pitch_deg", 2.5, 1_500, 2_000)]
    assert set(advice(challenge, [])) == {None}
    assert set(advice(challenge, sway)) == {None}


def test_the_other_side_is_not_a_little_further() -> None:
    assert Hint.TURN_FURTHER not in advice(LEFT, [Pulse("yaw_deg", -10, 500, 1_500)])


def test_more_after_the_hint_takes_it_back() -> None:
    small, enough = Pulse("yaw_deg", 9, 500, 1_000), pulses_for(LEFT, 2_000)
    said = advice(LEFT, [small, *enough])
    assert Hint.TURN_FURTHER in said
    assert said[-1] is None


def test_a_face_that_is_not_at_rest_hears_that_first() -> None:
    said = advice(SMILE, [Pulse("smile", 0.8, -1_000, 4_000, 0.02)])
    assert Hint.REST_FIRST in said
    assert said.index(Hint.REST_FIRST) > 10


@given(extents=st.lists(st.floats(-1, BEGUN - 0.01), max_size=60))
def test_a_sway_is_never_a_movement(extents: list[float]) -> None:
    one = Shortfall()
    assert not any(one.update(extent, 40 * n) for n, extent in enumerate(extents))
    assert not one.ever


@given(extents=st.lists(st.floats(1.0, 5.0), min_size=1, max_size=20), down=st.integers(2, 12))
def test_the_way_back_from_enough_is_not_too_small(extents: list[float], down: int) -> None:
    one = Shortfall()
    course = [0.0, *extents, *(max(0.0, 1 - n / down) for n in range(1, down + 1))]
    assert not any(one.update(extent, 40 * n) for n, extent in enumerate(course))


@pytest.mark.parametrize(
    ("challenge", "little"), [(LEFT, 0.45), (NODS, 0.45), (SMILE, 0.28), (MOUTH, 0.28)]
)
def test_who_cannot_go_further_is_counted_apart_from_who_does_nothing(
    challenge: Challenge, little: float
) -> None:
    assert _counts(challenge, 1.0) == (1, 0, 0)
    assert _counts(challenge, little) == (0, 1, 0)
    assert _counts(challenge, 0.05) == (0, 0, 1)


def _counts(challenge: Challenge, share: float) -> tuple[int, int, int]:
    """Passed, too small and timed out, of somebody who goes so far of the way."""

    def answer(prompt: ChallengeIssued, sent_ms: int) -> list[Pulse]:
        pulses = pulses_for(prompt.challenge, sent_ms + 450)
        return [replace(one, peak=one.peak * share) for one in pulses]

    run = Stage(challenge).run
    play(run, Actor(), answer)
    assert run.outcome.failed_wrong == run.outcome.unsettled == 0
    return run.outcome.passed, run.outcome.too_small, run.outcome.timed_out
