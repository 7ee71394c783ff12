"""Between two prompts: the face comes back to rest first, and what is left of an action is not counted."""

from __future__ import annotations

import pytest

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeProgressed, RestAwaited
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.waiting import REST_LIMIT_MS, UNCONCERNED_LIMIT_MS
from tests.unit.liveness.fakes.actor import Pulse, pulses_for
from tests.unit.liveness.fakes.stage import LEFT, SMILE, Stage

RIGHT = Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
NODS = Challenge(ChallengeType.NOD, count=2)
MOUTH = Challenge(ChallengeType.MOUTH_OPEN)
LASTS_MS = 60_000


def after_a_turn(*left: Pulse, then: Challenge = SMILE) -> Stage:
    """Somebody has turned as asked, and shows `left`, which begins at 0 when the turn is complete."""
    stage = Stage(RIGHT, then)
    stage.until_prompt()
    stage.actor.pulses += pulses_for(RIGHT, stage.now_ms + 450)
    while not stage.of(ChallengeEnded):
        stage.rest(40)
    for pulse in left:
        begin_ms = stage.now_ms + pulse.start_ms
        moved = Pulse(pulse.channel, pulse.peak, begin_ms, pulse.duration_ms, pulse.flank)
        stage.actor.pulses.append(moved)
    return stage


@pytest.mark.parametrize("residue", [0.16, 0.2, 0.3, 0.38])
def test_a_smile_that_stays_after_a_turn_is_where_the_next_smile_begins(residue: float) -> None:
    """A mesh that comes back from a turn shows less of a neutral mouth than it did at first, and a person
    who is amused, too: the first smile after it was refused, because it never seemed to begin."""
    stage = after_a_turn(Pulse("smile", residue, 0, LASTS_MS, flank=0.001))
    prompt = stage.until_prompt()
    stage.actor.pulses.append(Pulse("smile", 0.6, stage.now_ms + 450, 2_000))
    stage.rest(4_000)
    assert prompt.challenge.type is ChallengeType.SMILE
    assert [event.passed for event in stage.of(ChallengeEnded)] == [True, True]
    assert stage.run.outcome.attempts == 2


@pytest.mark.parametrize(
    ("left", "over_ms"),
    [
        (Pulse("yaw_deg", -10, 0, 2_500, 0.05), 2_400),
        (Pulse("pitch_deg", 12, 0, 2_500, 0.05), 2_400),
        (Pulse("smile", 0.9, 0, 2_500, 0.05), 2_400),
        (Pulse("jaw", 0.9, 0, 2_500, 0.05), 2_400),
    ],
    ids=["yaw", "pitch", "smile", "jaw"],
)
def test_the_next_prompt_waits_for_the_whole_face(left: Pulse, over_ms: int) -> None:
    stage = after_a_turn(left)
    ended_ms = stage.now_ms
    stage.until_prompt()
    # A head that stops on its way for half a second is taken to rest there, within a shift on a chair.
    waits_for = left.channel in ("smile", "jaw")
    assert stage.now_ms - ended_ms >= (over_ms - 150 if waits_for else 700)


@pytest.mark.parametrize(
    ("then", "limit_ms"), [(SMILE, REST_LIMIT_MS), (MOUTH, UNCONCERNED_LIMIT_MS),
                           (LEFT, UNCONCERNED_LIMIT_MS), (NODS, UNCONCERNED_LIMIT_MS)],
    ids=lambda one: one.type.value if isinstance(one, Challenge) else str(one),
)  # fmt: skip
def test_a_smile_that_never_ends_is_waited_for_in_bounds_and_said(
    then: Challenge, limit_ms: int
) -> None:
    stage = after_a_turn(Pulse("smile", 0.95, 0, LASTS_MS, flank=0.001), then=then)
    ended_ms = stage.now_ms
    stage.until_prompt()
    assert limit_ms + 650 <= stage.now_ms - ended_ms <= limit_ms + 1_500
    assert stage.of(RestAwaited) == [RestAwaited(Hint.REST_FIRST)]


def test_nothing_is_said_to_whoever_comes_back_by_themselves() -> None:
    stage = after_a_turn(Pulse("smile", 0.5, 0, 900))
    stage.until_prompt()
    assert not stage.of(RestAwaited)


def test_a_face_that_passes_through_rest_is_not_at_rest() -> None:
    """From one side to the other, through the middle, on the way of one look around."""
    swing = [Pulse("yaw_deg", 60.0 * (-1) ** n, 700 * n, 700, 0.5) for n in range(4)]
    stage = after_a_turn(*swing)
    ended_ms = stage.now_ms
    stage.until_prompt()
    assert stage.now_ms - ended_ms >= 2_600


def test_a_try_that_opens_on_a_face_that_is_not_at_rest_says_so() -> None:
    stage = after_a_turn(Pulse("smile", 0.95, 0, 7_600, flank=0.001))
    stage.until_prompt()
    stage.rest(1_000)
    assert stage.of(ChallengeProgressed)[-1].hint is Hint.REST_FIRST
    stage.rest(2_000)
    assert stage.of(ChallengeProgressed)[-1].hint is None
    stage.actor.pulses.append(Pulse("smile", 0.8, stage.now_ms + 300, 1_500))
    stage.rest(3_000)
    assert stage.run.outcome.all_passed
