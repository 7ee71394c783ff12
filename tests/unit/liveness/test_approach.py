"""Coming closer and stepping back: whoever is too near or too far makes room first; how fast counts."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from kyc_rtc.liveness.approach import FURTHEST_SPAN, NEAREST_SPAN, RATIO, ApproachTracker, has_room
from kyc_rtc.liveness.catalogue import DISTANCE, Challenge, ChallengeType
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeProgressed, RestAwaited
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.waiting import REST_LIMIT_MS
from kyc_rtc.settings import LivenessSettings
from tests.unit.liveness.fakes.actor import Actor, Pulse, pulses_for
from tests.unit.liveness.fakes.chance import seeded_issuer
from tests.unit.liveness.fakes.faces import Look, make_signals
from tests.unit.liveness.fakes.stage import Stage

CLOSER = Challenge(ChallengeType.COME_CLOSER)
BACK = Challenge(ChallengeType.STEP_BACK)
SPAN = make_signals(Look()).eye_span


def nearness(span: float) -> float:
    """Of a `Look` with this eye span."""
    return math.log(span / SPAN)


@pytest.mark.parametrize("challenge", [CLOSER, BACK], ids=lambda one: one.type.value)
def test_it_is_done_without_coming_back(challenge: Challenge) -> None:
    stage = Stage(challenge)
    stage.until_prompt()
    (there,) = pulses_for(challenge, stage.now_ms + 450)
    stage.actor.pulses.append(Pulse("nearness", there.peak, there.start_ms, 60_000, 0.02))
    stage.rest(4_000)
    assert stage.run.outcome.all_passed
    assert stage.run.outcome.attempts == 1


@pytest.mark.parametrize(
    ("challenge", "span", "hint"),
    [(CLOSER, NEAREST_SPAN * 1.1, Hint.MAKE_ROOM), (BACK, FURTHEST_SPAN / 1.1, Hint.GET_NEARER)],
    ids=["too near", "too far"],
)
def test_who_has_no_room_is_asked_to_make_some_and_in_bounds(
    challenge: Challenge, span: float, hint: Hint
) -> None:
    stage = Stage(challenge)
    stage.actor = Actor(Look(nearness=nearness(span)))
    stage.until_prompt()
    assert stage.of(RestAwaited) == [RestAwaited(hint)]
    assert stage.now_ms <= 800 + REST_LIMIT_MS + 1_600


def test_a_face_that_made_room_is_measured_where_it_stands_then() -> None:
    stage = Stage(CLOSER)
    stage.actor = Actor(Look(nearness=nearness(NEAREST_SPAN * 1.1)))
    room = Pulse("nearness", math.log(0.75), 2_500, 60_000, 0.01)
    stage.actor.pulses.append(room)
    stage.until_prompt()
    assert stage.now_ms < 800 + REST_LIMIT_MS
    # Back to where it was: a third nearer than where it was asked.
    stage.actor.pulses.append(Pulse("nearness", -math.log(0.75), stage.now_ms + 450, 60_000, 0.015))
    stage.rest(4_000)
    assert [event.passed for event in stage.of(ChallengeEnded)] == [True]


def test_too_fast_is_said_and_a_slow_second_go_counts() -> None:
    stage = Stage(CLOSER)
    stage.until_prompt()
    at_ms = stage.now_ms
    stage.actor.pulses += [
        Pulse("nearness", 0.32, at_ms + 500, 1_500, 0.001),
        Pulse("nearness", 0.32, at_ms + 3_000, 3_000),
    ]
    stage.rest(1_500)
    assert stage.of(ChallengeProgressed)[-1].hint is Hint.SLOWER
    assert not stage.of(ChallengeEnded)
    stage.rest(4_500)
    assert [event.passed for event in stage.of(ChallengeEnded)] == [True]


@pytest.mark.parametrize("fps", [5, 8, 15, 30])
@pytest.mark.parametrize(("duration_ms", "counts"), [(100, False), (900, True), (6_000, True)])
def test_the_pace_of_a_person_counts_at_any_rate(
    fps: float, duration_ms: float, counts: bool
) -> None:
    tracker = ApproachTracker(ChallengeType.COME_CLOSER, SPAN)
    way = Pulse("nearness", 1.3 * math.log(RATIO), 1_000, 20_000, duration_ms / 20_000)
    done = [
        tracker.update(make_signals(look), now_ms).done
        for now_ms, look in Actor(Look(), [way]).frames(9_000, fps)
    ]
    assert any(done) is counts


@pytest.mark.parametrize("pause_ms", [40, 200, 1_000])
@pytest.mark.parametrize("spans", [(SPAN * 1.28,), (SPAN * 1.05, SPAN * 1.32)], ids=["one", "two"])
def test_a_cut_is_no_approach_however_long_the_pause(
    spans: tuple[float, ...], pause_ms: int
) -> None:
    tracker = ApproachTracker(ChallengeType.COME_CLOSER, SPAN)
    shown = [*[SPAN] * 20, *spans, *[spans[-1]] * 40]
    now_ms, done = 0, []
    for before, span in pairwise([SPAN, *shown]):
        now_ms += pause_ms if span != before else 40
        signals = make_signals(Look(nearness=nearness(span)))
        done.append(tracker.update(signals, now_ms).done)
    assert not any(done)


def test_a_turned_head_is_no_further_away() -> None:
    spans = [make_signals(Look(yaw_deg=yaw)).eye_span for yaw in (-40, -20, 0, 20, 40)]
    assert spans == pytest.approx([SPAN] * 5, rel=1e-5)


@pytest.mark.parametrize("kind", ChallengeType)
def test_only_a_change_of_distance_needs_room(kind: ChallengeType) -> None:
    room = [has_room(kind, span) for span in (0.01, 0.3, 0.9)]
    assert all(room) is (kind not in DISTANCE)
    assert room[1]


def test_they_are_not_drawn_unless_the_settings_name_them() -> None:
    assert DISTANCE.isdisjoint(map(ChallengeType, LivenessSettings().challenge_types))
    named = LivenessSettings(challenges=2, challenge_types=("head_turn", "come_closer"))
    planned = {one.type for seed in range(5) for one in seeded_issuer(named, seed).plan()}
    assert planned == {ChallengeType.HEAD_TURN, ChallengeType.COME_CLOSER}
