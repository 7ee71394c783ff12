"""The neutral face: from a still face, in spite of blinks, and in the end from any face."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.neutral import NeutralCollector, NeutralFace
from tests.unit.liveness.fakes.actor import Actor, Pulse
from tests.unit.liveness.fakes.faces import Look, make_neutral, make_signals

REST = Look(yaw_deg=4.0, pitch_deg=-7.0, smile=0.1, jaw=0.05)


def collect(
    actor: Actor, *, fps: float = 30.0, limit_ms: float = 20_000
) -> tuple[NeutralFace, int] | None:
    """The neutral face and when it was found."""
    collector = NeutralCollector(800)
    for now_ms, look in actor.frames(limit_ms, fps):
        neutral = collector.update(make_signals(look), now_ms)
        if neutral is not None:
            return neutral, now_ms
    return None


@pytest.mark.parametrize("fps", [8, 10, 15, 30, 60])
def test_a_still_face_is_found_after_its_time(fps: int) -> None:
    found = collect(Actor(REST), fps=fps)
    assert found is not None
    neutral, now_ms = found
    assert neutral.settled
    assert 800 <= now_ms <= 800 + 1_000 / fps + 1
    assert neutral.yaw_deg == pytest.approx(4.0)
    assert neutral.pitch_deg == pytest.approx(-7.0)
    assert neutral.smile == pytest.approx(0.1)


def test_a_blink_leaves_no_trace() -> None:
    still, blinking = collect(Actor(REST)), collect(Actor(REST, [Pulse("shut", 1.0, 300, 250)]))
    assert still is not None
    assert blinking is not None
    assert blinking[0].eye_opening == pytest.approx(still[0].eye_opening, abs=0.01)
    assert blinking[0].eye_blink == pytest.approx(still[0].eye_blink, abs=0.01)
    assert blinking[1] == still[1]


@pytest.mark.parametrize(
    "pulse",
    [
        Pulse("yaw_deg", 20.0, 100, 900),
        Pulse("pitch_deg", 15.0, 100, 900),
        Pulse("jaw", 0.6, 100, 900),
        Pulse("smile", 0.6, 100, 900),
    ],
    ids=lambda pulse: str(pulse.channel),
)
def test_who_moves_is_waited_for(pulse: Pulse) -> None:
    found = collect(Actor(REST, [pulse]))
    assert found is not None
    neutral, now_ms = found
    assert neutral.settled
    assert 1_500 < now_ms < 2_000
    assert neutral.yaw_deg == pytest.approx(4.0, abs=1.0)
    assert neutral.jaw_open == pytest.approx(0.04, abs=0.03)


def test_who_talks_on_and_on_is_taken_with_the_mouth_at_its_calmest() -> None:
    talk = [Pulse("jaw", 0.5, start_ms, 220) for start_ms in range(0, 20_000, 240)]
    found = collect(Actor(REST, talk))
    assert found is not None
    neutral, now_ms = found
    assert not neutral.settled
    assert now_ms == pytest.approx(4_000, abs=40)
    assert neutral.jaw_open < 0.2
    assert neutral.yaw_deg == pytest.approx(4.0)


def test_a_gap_and_an_interruption_start_anew() -> None:
    collector = NeutralCollector(800)
    signals = make_signals(REST)
    times_ms = [*range(0, 700, 50), *range(2_000, 2_750, 50)]
    assert not any(collector.update(signals, now_ms) for now_ms in times_ms)
    collector.interrupt()
    assert collector.progress == 0.0
    times_ms = [*range(2_800, 3_600, 50)]
    assert not any(collector.update(signals, now_ms) for now_ms in times_ms)
    assert collector.update(signals, 3_600) is not None


def test_a_lasting_smile_and_narrow_eyes_leave_room_for_the_action() -> None:
    found = collect(Actor(Look(smile=0.9, jaw=0.5, resting_blink=0.58)))
    assert found is not None
    neutral = found[0]
    assert neutral.smile <= 0.35
    assert neutral.jaw_open <= 0.2
    assert neutral.eye_blink <= 0.5


@pytest.mark.parametrize(
    ("look", "near"),
    [
        (Look(), set(ChallengeType)),
        (Look(yaw_deg=12), set()),
        (Look(pitch_deg=-12), set()),
        (Look(smile=0.5), set(ChallengeType) - {ChallengeType.SMILE}),
        (Look(jaw=0.5), set(ChallengeType) - {ChallengeType.MOUTH_OPEN}),
    ],
)
def test_near_enough_is_what_the_next_challenge_needs(look: Look, near: set[ChallengeType]) -> None:
    neutral, signals = make_neutral(), make_signals(look)
    assert {kind for kind in ChallengeType if neutral.is_near_enough(signals, kind)} == near
    assert neutral.is_near(signals) is (look == Look())


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "moves"), [(5, 5, True), (0, 18, True), (14, 0, False), (0, 25, False)]
)
def test_the_pose_follows_a_shift_but_not_a_turn(
    yaw_deg: float, pitch_deg: float, moves: bool
) -> None:
    neutral = make_neutral()
    later = make_neutral(Look(yaw_deg=yaw_deg, pitch_deg=pitch_deg))
    assert neutral.renewed_by(later) == (later if moves else neutral)


@pytest.mark.parametrize(
    ("first", "later", "rests_at"), [(0.0, 0.2, 0.2), (0.0, 0.9, 0.25), (0.3, 0.0, 0.0)]
)
def test_the_smile_follows_what_is_left_of_it_but_not_a_smile(
    first: float, later: float, rests_at: float
) -> None:
    renewed = make_neutral(Look(smile=first)).renewed_by(make_neutral(Look(smile=later)))
    assert renewed.smile == pytest.approx(rests_at)


def test_the_mouth_follows_what_is_left_of_it_but_no_open_mouth() -> None:
    renewed = make_neutral().renewed_by(make_neutral(Look(jaw=1.0)))
    wide = make_neutral(Look(jaw=1.0))
    assert make_neutral().jaw_open < renewed.jaw_open < wide.jaw_open / 2
    assert make_neutral().mouth_gap < renewed.mouth_gap < wide.mouth_gap / 2


@settings(deadline=None)
@given(
    yaw=st.floats(-60, 60),
    pulses=st.lists(
        st.builds(
            Pulse,
            channel=st.sampled_from(["yaw_deg", "pitch_deg"]),
            peak=st.floats(-60, 60),
            start_ms=st.floats(0, 6_000),
            duration_ms=st.floats(50, 6_000),
        ),
        max_size=8,
    ),
)
def test_everybody_has_a_neutral_face_in_the_end(yaw: float, pulses: list[Pulse]) -> None:
    found = collect(Actor(Look(yaw_deg=yaw), pulses), fps=15, limit_ms=4_400)
    assert found is not None
