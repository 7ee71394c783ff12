"""After an outage a challenge starts afresh: nothing from before it counts for or against anybody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeProgressed, ChallengeVoided, VoidReason
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.tries import MAX_RESTARTS
from tests.unit.liveness.fakes.actor import Actor, Pulse, pulses_for
from tests.unit.liveness.fakes.faces import Look, make_face
from tests.unit.liveness.fakes.stage import FRAME_MS, LEFT, REST, SMILE, Stage

BLINKS = Challenge(ChallengeType.BLINK, count=2)
NODS = Challenge(ChallengeType.NOD, count=2)
MOUTH = Challenge(ChallengeType.MOUTH_OPEN, hold_ms=500)
GAPS_MS = [520, 900, 1_500, 1_520, 3_000, 10_000]
ASKED = [LEFT, BLINKS, NODS, SMILE, MOUTH]


def half_done(challenge: Challenge) -> list[Look]:
    """Looks by which the first half of it is done: half of the turn, one of the blinks, and so on."""
    out = {
        ChallengeType.HEAD_TURN: [Look(yaw_deg=yaw) for yaw in (8, 16, 24, 30)],
        ChallengeType.NOD: [Look(pitch_deg=pitch) for pitch in (5, 12, 20, 10, 2, 0)],
        ChallengeType.BLINK: [Look(shut=shut) for shut in (0.5, 1.0, 1.0, 0.4, 0.0)],
        ChallengeType.SMILE: [Look(smile=smile) for smile in (0.2, 0.5, 0.8)],
        ChallengeType.MOUTH_OPEN: [Look(jaw=jaw) for jaw in (0.3, 0.7, 1.0)],
    }[challenge.type]
    return [Look()] * 8 + out


def rest_of(challenge: Challenge) -> list[Look]:
    """What would complete it, had the gap not been."""
    back = {
        ChallengeType.HEAD_TURN: [Look(yaw_deg=yaw) for yaw in (24, 12, 4, 0)],
        ChallengeType.NOD: [Look(pitch_deg=pitch) for pitch in (0, 5, 12, 20, 10, 2, 0)],
        ChallengeType.BLINK: [Look(shut=shut) for shut in (0.0, 0.5, 1.0, 1.0, 0.4, 0.0)],
        ChallengeType.SMILE: [Look(smile=0.8)] * 14,
        ChallengeType.MOUTH_OPEN: [Look(jaw=1.0)] * 14,
    }[challenge.type]
    return [*back, *[Look()] * 10]


def show(stage: Stage, looks: list[Look]) -> None:
    for look in looks:
        stage.frame(stage.now_ms + FRAME_MS, make_face(look))


def asked(challenge: Challenge) -> Stage:
    stage = Stage(challenge)
    stage.until_prompt()
    show(stage, half_done(challenge))
    assert not stage.of(ChallengeEnded)
    return stage


def gap(stage: Stage, for_ms: int, look: Look | None = None) -> None:
    stage.frame(stage.now_ms + for_ms, make_face(look or Look()), gap_ms=for_ms)


@pytest.mark.parametrize("challenge", ASKED, ids=lambda one: one.type.value)
def test_without_an_outage_the_two_halves_are_the_whole(challenge: Challenge) -> None:
    stage = asked(challenge)
    show(stage, rest_of(challenge))
    assert [event.passed for event in stage.of(ChallengeEnded)] == [True]


@pytest.mark.parametrize("gap_ms", GAPS_MS)
@pytest.mark.parametrize("challenge", ASKED, ids=lambda one: one.type.value)
def test_halves_before_and_after_an_outage_do_not_add_up(challenge: Challenge, gap_ms: int) -> None:
    stage = asked(challenge)
    gap(stage, gap_ms, half_done(challenge)[-1])
    show(stage, rest_of(challenge))
    assert stage.run.outcome.passed == 0
    assert not stage.of(ChallengeEnded)
    assert stage.run.outcome.voids == (gap_ms > 1_500)


@pytest.mark.parametrize("gap_ms", [40, 300, 500])
def test_a_pause_of_half_a_second_is_not_an_outage(gap_ms: int) -> None:
    stage = asked(LEFT)
    gap(stage, gap_ms, Look(yaw_deg=30))
    show(stage, rest_of(LEFT))
    assert stage.run.outcome.passed == 1


@pytest.mark.parametrize("gap_ms", GAPS_MS)
@pytest.mark.parametrize("challenge", ASKED, ids=lambda one: one.type.value)
def test_after_an_outage_the_whole_action_passes(challenge: Challenge, gap_ms: int) -> None:
    """Done in the same try where the outage was short, and else in one that is drawn anew."""
    stage = asked(challenge)
    gap(stage, gap_ms, half_done(challenge)[-1])
    show(stage, [Look()] * 5)
    if gap_ms > 1_500:
        challenge = stage.until_prompt().challenge
    stage.actor.pulses = pulses_for(challenge, stage.now_ms + 450)
    stage.rest(round(stage.actor.pulses[-1].end_ms) - stage.now_ms + 400)
    assert [event.passed for event in stage.of(ChallengeEnded)] == [True]


def test_the_third_outage_of_a_try_voids_it() -> None:
    stage = asked(SMILE)
    for _ in range(MAX_RESTARTS):
        gap(stage, 600)
        assert not stage.of(ChallengeVoided)
        show(stage, [Look()] * 3)
    gap(stage, 600)
    assert [event.reason for event in stage.of(ChallengeVoided)] == [VoidReason.GAP]
    assert stage.run.outcome.voids == 1


@pytest.mark.parametrize("gap_ms", [520, 1_500])
def test_what_was_wrong_before_an_outage_is_not_held_against_anybody(gap_ms: int) -> None:
    """Turned the wrong way, out of sight, and back: it is not known what that was."""
    stage = Stage(LEFT)
    stage.until_prompt()
    show(stage, [Look()] * 8 + [Look(yaw_deg=yaw) for yaw in (-6, -12, -18)])
    gap(stage, gap_ms, Look(yaw_deg=-30))
    show(stage, [Look(yaw_deg=yaw) for yaw in (-30, -20, -8, 0)])
    assert not stage.of(ChallengeEnded)
    assert not stage.of(ChallengeVoided)
    assert stage.run.outcome.unasked_actions == 0


def test_who_is_cut_short_is_asked_to_do_it_again_until_they_begin() -> None:
    stage = asked(SMILE)
    gap(stage, 700)
    show(stage, [Look()] * 5)
    progress = stage.of(ChallengeProgressed)
    assert progress[-1].hint is Hint.AGAIN
    show(stage, [Look(smile=0.8)] * 3)
    assert stage.of(ChallengeProgressed)[-1].hint is None


@pytest.mark.parametrize("dark_ms", [560, 1_400])
def test_a_face_that_cannot_be_judged_for_long_begins_anew(dark_ms: int) -> None:
    stage = asked(SMILE)
    for _ in range(dark_ms // FRAME_MS):
        stage.frame(stage.now_ms + FRAME_MS, REST, usable=False)
    show(stage, rest_of(SMILE))
    assert stage.run.outcome.passed == 0


def test_uploads_may_come_slower() -> None:
    stage = Stage(LEFT)
    stage.run.gap_limit_ms = stage.settings.upload_void_after_ms
    stage.until_prompt()
    for yaw_deg in (0, 10, 25, 30, 12, 0):
        stage.frame(stage.now_ms + 700, make_face(Look(yaw_deg=yaw_deg)), gap_ms=700)
    assert stage.run.outcome.passed == 1


@pytest.mark.parametrize("reason", [VoidReason.GAP, VoidReason.PEER, VoidReason.PICTURE])
def test_the_neutral_face_is_gathered_anew(reason: VoidReason) -> None:
    """Back from an outage somebody sits otherwise, which is neither a turn nor in the way of one."""
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.run.void(reason)
    stage.now_ms += 4_000
    stage.actor = Actor(Look(yaw_deg=18, pitch_deg=-14, smile=0.2))
    prompt = stage.until_prompt()
    stage.actor.pulses = pulses_for(prompt.challenge, stage.now_ms + 450)
    stage.rest(round(stage.actor.pulses[-1].end_ms) - stage.now_ms + 400)
    assert stage.of(ChallengeEnded)[0].passed
    assert stage.run.outcome.unasked_actions == 0


def test_a_gap_between_two_prompts_begins_afresh_too() -> None:
    stage = Stage(SMILE)
    stage.rest(1_000)  # the neutral face is there, and the prompt is waited with
    show(stage, [Look(yaw_deg=yaw) for yaw in (6, 12, 18)])
    stage.actor = Actor(Look(yaw_deg=20))
    gap(stage, 2_000, Look(yaw_deg=20))
    stage.until_prompt()
    assert stage.run.outcome.unasked_actions == 0
    stage.actor.pulses = [Pulse("smile", 0.8, stage.now_ms + 450, 2_000)]
    stage.rest(4_000)
    assert stage.run.outcome.all_passed


@settings(max_examples=20, deadline=None)
@given(
    gap_ms=st.integers(501, 10_000), at=st.integers(1, 14), number=st.integers(0, len(ASKED) - 1)
)
def test_wherever_an_outage_falls_no_half_counts(gap_ms: int, at: int, number: int) -> None:
    challenge = ASKED[number]
    stage = Stage(challenge)
    stage.until_prompt()
    looks = [*half_done(challenge), *rest_of(challenge)]
    before = looks[: at + 7]
    show(stage, before)
    if stage.run.outcome.passed:
        return
    gap(stage, gap_ms, looks[len(before)])
    outcome = stage.run.outcome
    missed = outcome.failed_wrong + outcome.timed_out + outcome.too_small
    assert (stage.run.outcome.passed, missed) == (0, 0)
