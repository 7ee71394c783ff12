"""The trackers: each finds its own action, at any rate and speed, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.gesture import Gesture
from kyc_rtc.liveness.judge import new_tracker
from tests.unit.liveness.fakes.actor import Actor, Pulse, pulses_for
from tests.unit.liveness.fakes.faces import Look, make_neutral, make_signals

CHALLENGES = [
    Challenge(ChallengeType.HEAD_TURN, Direction.LEFT),
    Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT),
    Challenge(ChallengeType.NOD),
    Challenge(ChallengeType.BLINK),
    Challenge(ChallengeType.SMILE),
    Challenge(ChallengeType.MOUTH_OPEN),
    Challenge(ChallengeType.COME_CLOSER),
    Challenge(ChallengeType.STEP_BACK),
]
RESTS = [
    Look(),
    Look(yaw_deg=8, pitch_deg=-15),
    Look(pitch_deg=20, open_eye=0.22, resting_blink=0.25),
    Look(yaw_deg=-6, smile=0.3, jaw=0.15),
]


def find(kind: ChallengeType, actor: Actor, *, fps: float = 30.0, end_ms: float) -> list[Gesture]:
    tracker = new_tracker(kind, make_neutral(actor.rest))
    sightings = [
        tracker.update(make_signals(look), now_ms) for now_ms, look in actor.frames(end_ms, fps)
    ]
    return [sighting.done for sighting in sightings if sighting.done]


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("fps", [10, 15, 30, 60])
@pytest.mark.parametrize("challenge", CHALLENGES, ids=lambda one: one.instruction)
def test_each_action_is_found_once_and_taken_for_no_other(
    challenge: Challenge, fps: float, rest: Look
) -> None:
    pulses = pulses_for(challenge, 500)
    for kind in ChallengeType:
        found = find(kind, Actor(rest, pulses), fps=fps, end_ms=3_000)
        if kind is not challenge.type:
            assert found == []
            continue
        (gesture,) = found
        assert gesture.direction is challenge.direction
        assert 500 <= gesture.onset_ms < gesture.end_ms <= pulses[-1].end_ms + 1_000 / fps


@settings(deadline=None)
@given(challenge=st.sampled_from(CHALLENGES), speed=st.floats(0.6, 1.4), start=st.floats(200, 900))
def test_speed_changes_nothing(challenge: Challenge, speed: float, start: float) -> None:
    actor = Actor(Look(), pulses_for(challenge, start, speed=speed))
    (gesture,) = find(challenge.type, actor, end_ms=4_500)
    assert gesture.direction is challenge.direction
    assert gesture.onset_ms >= start


@settings(deadline=None)
@given(
    look=st.builds(
        Look,
        yaw_deg=st.floats(-60, 60),
        pitch_deg=st.floats(-60, 60),
        shut=st.floats(0, 1),
        smile=st.floats(0, 1),
        jaw=st.floats(0, 1),
    ),
    kind=st.sampled_from(ChallengeType),
)
def test_a_frozen_face_does_nothing(look: Look, kind: ChallengeType) -> None:
    tracker = new_tracker(kind, make_neutral())
    signals = make_signals(look)
    assert not any(tracker.update(signals, now_ms).done for now_ms in range(0, 8_000, 40))


@settings(max_examples=25, deadline=None)
@given(
    pulses=st.lists(
        st.builds(
            Pulse,
            channel=st.just("yaw_deg"),
            peak=st.floats(-50, 50),
            start_ms=st.floats(0, 5_000),
            duration_ms=st.floats(300, 2_500),
        ),
        max_size=5,
    )
)
def test_a_mirrored_face_swaps_left_and_right(pulses: list[Pulse]) -> None:
    seen = find(ChallengeType.HEAD_TURN, Actor(Look(), pulses), end_ms=8_000)
    mirrored = [replace(pulse, peak=-pulse.peak) for pulse in pulses]
    swapped = find(ChallengeType.HEAD_TURN, Actor(Look(), mirrored), end_ms=8_000)
    other = {Direction.LEFT: Direction.RIGHT, Direction.RIGHT: Direction.LEFT}
    assert [
        replace(one, direction=other[one.direction]) for one in seen if one.direction
    ] == swapped


@pytest.mark.parametrize(
    ("kind", "pulses"),
    [
        (ChallengeType.HEAD_TURN, [Pulse("yaw_deg", 10, 500, 1_500)]),
        (ChallengeType.NOD, [Pulse("pitch_deg", 6, 500, 700)]),
        (ChallengeType.NOD, [Pulse("pitch_deg", 20, 500, 6_000)]),
        (ChallengeType.NOD, [Pulse("pitch_deg", 14, 500, 1_200), Pulse("yaw_deg", 35, 500, 1_200)]),
        (ChallengeType.BLINK, [Pulse("shut", 0.4, 500, 250)]),
        (ChallengeType.BLINK, [Pulse("shut", 1.0, 500, 2_000)]),
        (ChallengeType.BLINK, [Pulse("shut", 0.6, 500, 900)]),
        (ChallengeType.SMILE, [Pulse("smile", 0.2, 500, 1_500)]),
        (ChallengeType.SMILE, [Pulse("smile", 0.9, 500, 250)]),
        (ChallengeType.MOUTH_OPEN, [Pulse("jaw", 0.8, t, 220) for t in range(500, 3_000, 240)]),
        (ChallengeType.COME_CLOSER, [Pulse("nearness", 0.17, 500, 2_000)]),
        (ChallengeType.STEP_BACK, [Pulse("nearness", -0.17, 500, 2_000)]),
        (ChallengeType.COME_CLOSER, [Pulse("nearness", 0.3, 500, 3_000, 0.001)]),
        (ChallengeType.STEP_BACK, [Pulse("nearness", -0.3, 500, 3_000, 0.001)]),
    ],
    ids=[
        "sway", "dip", "look down", "dipping turn", "half blink", "eyes closed", "squint",
        "faint smile", "flash of a smile", "talk", "lean forward", "lean back", "cut closer", "cut back",
    ],
)  # fmt: skip
def test_what_people_do_by_themselves_is_not_an_action(
    kind: ChallengeType, pulses: list[Pulse]
) -> None:
    assert find(kind, Actor(Look(), pulses), end_ms=8_000) == []


@pytest.mark.parametrize("fps", [12, 15, 30])
@pytest.mark.parametrize("sign", [1, -1], ids=["down first", "up first"])
def test_quick_nods_that_never_come_to_rest_are_counted(sign: int, fps: float) -> None:
    held = Pulse("pitch_deg", sign * 8.0, 400, 2_600)
    nods = [Pulse("pitch_deg", sign * 16.0, 700 + n * 600, 600) for n in range(3)]
    assert len(find(ChallengeType.NOD, Actor(Look(), [held, *nods]), fps=fps, end_ms=4_000)) == 3


def test_the_swing_past_the_middle_is_not_a_second_nod() -> None:
    nod = [Pulse("pitch_deg", 25.0, 500, 700), Pulse("pitch_deg", -14.0, 1_150, 600)]
    assert len(find(ChallengeType.NOD, Actor(Look(), nod), end_ms=3_000)) == 1


def test_eyes_lowered_at_first_are_judged_by_how_they_open_later() -> None:
    tracker = new_tracker(ChallengeType.BLINK, make_neutral(Look(shut=0.7)))
    actor = Actor(Look(), [Pulse("shut", 1.0, 1_500, 300)])
    done = [tracker.update(make_signals(look), t).done for t, look in actor.frames(2_500)]
    assert sum(gesture is not None for gesture in done) == 1


def test_a_turn_is_done_when_most_of_the_way_back_is_gone() -> None:
    out = [Pulse("yaw_deg", 40.0, 500, 1_500), Pulse("yaw_deg", 11.0, 1_000, 5_000)]
    (gesture,) = find(ChallengeType.HEAD_TURN, Actor(Look(), out), end_ms=5_000)
    assert gesture.end_ms < 2_100
    stays = [Pulse("yaw_deg", 25.0, 300, 6_000), Pulse("yaw_deg", 15.0, 1_500, 1_500)]
    assert find(ChallengeType.HEAD_TURN, Actor(Look(), stays), end_ms=4_400) == []
