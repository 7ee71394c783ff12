"""One attempt: what counts, what fails it, and what the person hears."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import DISTANCE, HELD, Challenge, ChallengeType, Direction
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.judge import Judge, Progress
from tests.unit.liveness.fakes.actor import Actor, Pulse, pulses_for
from tests.unit.liveness.fakes.faces import Look, make_neutral, make_signals

LEFT = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
RIGHT = Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
NOD = Challenge(ChallengeType.NOD)
NODS = Challenge(ChallengeType.NOD, count=2)
BLINK = Challenge(ChallengeType.BLINK)
BLINKS = Challenge(ChallengeType.BLINK, count=3)
SMILE = Challenge(ChallengeType.SMILE)
MOUTH = Challenge(ChallengeType.MOUTH_OPEN)
CLOSER = Challenge(ChallengeType.COME_CLOSER)
BACK = Challenge(ChallengeType.STEP_BACK)
LONG_SMILE = Challenge(ChallengeType.SMILE, hold_ms=1_000)
ALL = [LEFT, RIGHT, NOD, NODS, BLINK, BLINKS, SMILE, MOUTH, CLOSER, BACK]
PROMPT_MS = 1_000


def judge(
    challenge: Challenge, pulses: list[Pulse], *, end_ms: int = 8_000, fps: float = 30.0
) -> list[Progress]:
    """The progress after each frame from the prompt to the end of the attempt, or to `end_ms`."""
    one = Judge(challenge, make_neutral(), PROMPT_MS)
    steps: list[Progress] = []
    for now_ms, look in Actor(Look(), pulses).frames(end_ms, fps):
        if now_ms < PROMPT_MS:
            continue
        steps.append(one.update(make_signals(look), now_ms))
        if steps[-1].done or steps[-1].wrong:
            break
    return steps


@pytest.mark.parametrize("fps", [10, 15, 30])
@pytest.mark.parametrize("challenge", ALL, ids=lambda one: f"{one.instruction}-{one.count}")
def test_who_does_what_is_asked_passes(challenge: Challenge, fps: float) -> None:
    steps = judge(challenge, pulses_for(challenge, PROMPT_MS + 500), fps=fps)
    assert steps[-1].done
    assert steps[-1].wrong is None
    assert steps[-1].progress == 1.0
    assert steps[-1].count_done == challenge.count
    assert steps[-1].onset_ms is not None
    assert steps[-1].onset_ms >= PROMPT_MS + 500
    assert all(0.0 <= one.progress <= 1.0 for one in steps)
    assert not any(one.done for one in steps[:-1])


@pytest.mark.parametrize("other", ALL, ids=lambda one: f"did-{one.instruction}-{one.count}")
@pytest.mark.parametrize("asked", ALL, ids=lambda one: f"{one.instruction}-{one.count}")
def test_another_action_never_passes(asked: Challenge, other: Challenge) -> None:
    if asked.type is other.type and asked.direction is other.direction:
        return
    last = judge(asked, pulses_for(other, PROMPT_MS + 500))[-1]
    assert not last.done
    forgiven = other.type in {ChallengeType.BLINK, ChallengeType.SMILE, *DISTANCE} or (
        asked.type is ChallengeType.SMILE and other.type is ChallengeType.MOUTH_OPEN
    )
    if forgiven:
        assert last.wrong is None
    elif other.type is asked.type:
        assert last.wrong is Hint.WRONG_DIRECTION
    else:
        assert last.wrong is Hint.WRONG_ACTION


@settings(deadline=None)
@given(
    challenge=st.sampled_from([LEFT, RIGHT, NOD, BLINK, SMILE, MOUTH, CLOSER, BACK]),
    early_ms=st.integers(200, 1_500),
)
def test_what_began_before_the_prompt_never_counts(challenge: Challenge, early_ms: int) -> None:
    steps = judge(challenge, pulses_for(challenge, PROMPT_MS - early_ms))
    assert not any(one.done or one.wrong for one in steps)


@pytest.mark.parametrize("look", [Look(yaw_deg=30), Look(smile=0.8), Look(jaw=1.0)])
@pytest.mark.parametrize(
    ("reaction_ms", "counts"), [(-30, False), (0, False), (140, False), (150, True), (400, True)]
)
def test_nobody_reacts_in_no_time(look: Look, reaction_ms: int, counts: bool) -> None:
    challenge = LEFT if look.yaw_deg else SMILE if look.smile else MOUTH
    one = Judge(challenge, make_neutral(), PROMPT_MS)
    done = False
    for now_ms in range(PROMPT_MS, PROMPT_MS + 3_000, 10):
        acting = reaction_ms <= now_ms - PROMPT_MS < reaction_ms + 800
        done = done or one.update(make_signals(look if acting else Look()), now_ms).done
    assert done is counts


@pytest.mark.parametrize(
    "challenge", [LEFT, RIGHT, SMILE, MOUTH, CLOSER, BACK], ids=lambda one: one.instruction
)
def test_who_is_already_there_must_come_to_rest_first(challenge: Challenge) -> None:
    (pulse,) = pulses_for(challenge, 0)
    held = replace(pulse, duration_ms=6_000)
    last = judge(challenge, [held], end_ms=4_000)[-1]
    assert not last.done
    assert last.hint is Hint.TOO_EARLY
    again = pulses_for(challenge, 6_500)
    assert judge(challenge, [held, *again], end_ms=9_000)[-1].done


@pytest.mark.parametrize(
    ("challenge", "pulses", "hint"),
    [
        (LEFT, [], Hint.TOO_LATE),
        (LEFT, [Pulse("yaw_deg", 11, 1_500, 1_000)], Hint.TURN_FURTHER),
        (LEFT, [Pulse("yaw_deg", -17, 1_500, 1_000)], Hint.WRONG_DIRECTION),
        (LEFT, [Pulse("yaw_deg", 30, 1_500, 20_000)], Hint.COME_BACK),
        (NODS, pulses_for(NOD, 1_500), Hint.MORE_TIMES),
        (BLINKS, [*pulses_for(BLINK, 1_500), *pulses_for(BLINK, 2_000)], Hint.MORE_TIMES),
        (BLINK, [Pulse("shut", 1.0, 1_500, 20_000)], Hint.COME_BACK),
        (SMILE, [Pulse("smile", 0.25, 1_500, 2_000)], Hint.SMILE_WIDER),
        (MOUTH, [Pulse("jaw", 1.0, 1_500, 200)], Hint.HOLD_LONGER),
        (LONG_SMILE, [Pulse("smile", 0.8, 1_500, 900)], Hint.HOLD_LONGER),
        (LONG_SMILE, [Pulse("smile", 0.25, 1_500, 2_000)], Hint.SMILE_WIDER),
        (CLOSER, [Pulse("nearness", 0.15, 1_500, 2_000)], Hint.CLOSER),
        (BACK, [Pulse("nearness", -0.15, 1_500, 2_000)], Hint.FURTHER_BACK),
        (CLOSER, [Pulse("nearness", -0.3, 1_500, 2_000)], Hint.TOO_LATE),
        (CLOSER, [Pulse("nearness", 0.3, 1_500, 2_000, 0.001)], Hint.SLOWER),
    ],
)
def test_the_hint_tells_what_was_missing(
    challenge: Challenge, pulses: list[Pulse], hint: Hint
) -> None:
    last = judge(challenge, pulses)[-1]
    assert (last.done, last.wrong, last.hint) == (False, None, hint)


def test_blinks_too_far_apart_do_not_add_up() -> None:
    two = Challenge(ChallengeType.BLINK, count=2)
    steps = judge(two, [*pulses_for(BLINK, 1_500), *pulses_for(BLINK, 5_500)], end_ms=7_000)
    assert not steps[-1].done
    assert max(one.count_done for one in steps) == 1


def test_what_accompanies_an_action_is_not_held_against_it() -> None:
    turn = [*pulses_for(LEFT, 1_500), Pulse("pitch_deg", 18, 1_500, 1_300)]
    laugh = [*pulses_for(SMILE, 1_500), Pulse("jaw", 0.9, 1_600, 1_200)]
    tilt = [*pulses_for(MOUTH, 1_500), Pulse("pitch_deg", -18, 1_600, 900)]
    assert judge(LEFT, turn)[-1].done
    assert judge(SMILE, laugh)[-1].done
    assert judge(MOUTH, tilt)[-1].done


def test_the_progress_of_a_turn_tells_the_asked_side_only() -> None:
    steps = judge(LEFT, [Pulse("yaw_deg", -15, 1_500, 1_000)])
    assert max(one.progress for one in steps) < 0.2


@pytest.mark.parametrize("fps", [10, 15, 30])
@pytest.mark.parametrize("hold_ms", [250, 700, 1_500])
@pytest.mark.parametrize(
    ("kind", "feature"), [(ChallengeType.SMILE, "smile"), (ChallengeType.MOUTH_OPEN, "jaw")]
)
def test_it_passes_when_it_has_been_held_for_as_long_as_asked(
    kind: ChallengeType, feature: str, hold_ms: int, fps: float
) -> None:
    steps = judge(
        Challenge(kind, hold_ms=hold_ms), [Pulse(feature, 1.0, 1_500, 4_000, 0.1)], fps=fps
    )
    assert steps[-1].done
    out_ms = PROMPT_MS + 1000 * (len(steps) - 1) / fps - 1_500
    assert hold_ms - 1000 / fps <= out_ms <= hold_ms + 500


@pytest.mark.parametrize("kind", sorted(set(ChallengeType) - HELD))
def test_nobody_is_asked_to_hold_a_blink(kind: ChallengeType) -> None:
    side = Direction.LEFT if kind is ChallengeType.HEAD_TURN else None
    with pytest.raises(ValueError, match="nobody holds"):
        Challenge(kind, side, hold_ms=500)
