"""The clock of a run: deadlines, gaps and poor pictures, to the millisecond of real time."""

from __future__ import annotations

import pytest

from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.run import (
    ChallengeEnded,
    ChallengeProgressed,
    ChallengeVoided,
)
from kyc_rtc.vision.observation import Face
from tests.unit.liveness.fakes.actor import Actor, pulses_for
from tests.unit.liveness.fakes.faces import Look, make_face, make_observation
from tests.unit.liveness.fakes.stage import FRAME_MS, LEFT, LIMIT_MS, REST, SMILE, Stage, kinds

# Deadlines.


@pytest.mark.parametrize(("after_ms", "over"), [(LIMIT_MS, False), (LIMIT_MS + 1, True)])
def test_a_deadline_is_kept_to_the_millisecond(after_ms: int, over: bool) -> None:
    stage = Stage(LEFT, LEFT)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    stage.rest(LIMIT_MS - FRAME_MS)
    found = stage.frame(prompt_ms + after_ms, REST)
    assert (ChallengeEnded in kinds(found)) is over
    (progressed,) = [event for event in found if isinstance(event, ChallengeProgressed)]
    assert (progressed.remaining_ms, progressed.paused) == (0, False)


def test_the_deadline_runs_from_the_sent_prompt_and_not_from_the_issued_one() -> None:
    stage = Stage(LEFT)
    stage.send = False
    stage.until_prompt()
    stage.rest(30_000)
    assert not stage.of(ChallengeEnded)
    assert not stage.of(ChallengeProgressed)
    sent_ms = stage.now_ms
    stage.run.sent(sent_ms, sent_ms)
    (progressed,) = stage.frame(sent_ms + FRAME_MS, REST)
    assert isinstance(progressed, ChallengeProgressed)
    assert progressed.remaining_ms == LIMIT_MS - FRAME_MS
    stage.rest(LIMIT_MS)
    assert len(stage.of(ChallengeEnded)) == 1


def test_nothing_is_judged_before_the_prompt_was_sent() -> None:
    stage = Stage(LEFT)
    stage.send = False
    stage.until_prompt()
    stage.actor.pulses += pulses_for(LEFT, stage.now_ms + 300)
    stage.rest(3_000)
    stage.run.sent(stage.now_ms, stage.now_ms)
    late = make_face(Look(yaw_deg=30))
    assert stage.run.update(make_observation(late, stage.now_ms), True, stage.now_ms) == ()
    stage.rest(2_000)
    assert (stage.run.outcome.passed, stage.run.outcome.unasked_actions) == (0, 0)


def test_sent_without_an_issued_prompt_is_ignored() -> None:
    stage = Stage(LEFT)
    stage.run.sent(0, 0)
    stage.until_prompt()
    stage.run.sent(stage.now_ms + 5_000, stage.now_ms + 5_000)
    found = stage.frame(stage.now_ms + FRAME_MS, REST)
    assert isinstance(found[0], ChallengeProgressed)
    assert found[0].remaining_ms == LIMIT_MS - FRAME_MS
    assert (stage.run.outcome.asked, stage.run.outcome.attempts) == (1, 1)


@pytest.mark.parametrize(("last_ms", "passes"), [(LIMIT_MS, True), (LIMIT_MS + 1, False)])
def test_an_answer_counts_by_the_frame_that_was_received_by_the_deadline(
    last_ms: int, passes: bool
) -> None:
    """However late it is analysed: `check` is called, long after, before the last frame's result."""
    stage = Stage(SMILE, attempts=1)
    stage.until_prompt()
    last_ms += stage.now_ms
    stage.rest(LIMIT_MS - 500)
    smiling = make_face(Look(smile=0.8))
    stage.frame(last_ms - 240, smiling)
    assert stage.run.check(last_ms + 1_400, last_ms + 1_390) == ()
    stage.frame(last_ms, smiling)
    assert (stage.run.outcome.passed == 1) is passes
    assert stage.run.outcome.answers_ms == (LIMIT_MS,) * passes


def test_frames_that_come_and_are_not_analysed_void_the_challenge_without_blame() -> None:
    stage = Stage(LEFT, attempts=1)
    stage.until_prompt()
    deadline_ms = stage.now_ms + LIMIT_MS
    assert stage.run.check(deadline_ms + 1_500, deadline_ms + 1_490) == ()
    found = stage.run.check(deadline_ms + 1_501, deadline_ms + 1_490)
    assert kinds(found) == [ChallengeVoided]
    assert stage.run.outcome.timed_out == 0


def test_answers_are_timed_in_real_time_and_responses_in_media_time() -> None:
    stage = Stage(SMILE)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    actor = Actor(Look(), pulses_for(SMILE, prompt_ms + 500))
    for now_ms in range(prompt_ms + FRAME_MS, prompt_ms + 4_000, FRAME_MS):
        observation = make_observation(make_face(actor.look(now_ms)), now_ms)
        stage.run.update(observation, True, now_ms + 1_000.0)  # the network was slow
    outcome = stage.run.outcome
    assert outcome.all_passed
    assert 500 <= outcome.responses_ms[0] <= 800
    assert outcome.answers_ms[0] > outcome.responses_ms[0] + 1_000


# Gaps, poor pictures, and who leaves.


@pytest.mark.parametrize(("gap_ms", "voided"), [(1_500, False), (1_501, True)])
def test_a_gap_of_more_than_a_second_and_a_half_voids(gap_ms: int, voided: bool) -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    found = stage.frame(stage.now_ms + gap_ms, REST, gap_ms=gap_ms)
    assert (ChallengeVoided in kinds(found)) is voided
    assert stage.run.outcome.voids == voided


@pytest.mark.parametrize(("after_ms", "voided"), [(1_500, False), (1_501, True)])
def test_a_gap_is_noticed_without_a_frame(after_ms: int, voided: bool) -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    found = stage.run.check(stage.now_ms + after_ms, stage.now_ms)
    assert kinds(found) == [ChallengeVoided] * voided
    if voided:
        assert found == (ChallengeVoided("c1", LEFT, VoidReason.GAP, will_redraw=True),)
        assert stage.run.check(stage.now_ms + 60_000, stage.now_ms) == ()


def test_a_gap_counts_from_the_prompt_on() -> None:
    stage = Stage(LEFT)
    stage.send = False
    stage.until_prompt()
    issued_ms = stage.now_ms
    stage.run.sent(issued_ms + 5_000, issued_ms + 5_000)
    assert stage.run.check(issued_ms + 6_500, issued_ms) == ()
    stage.frame(issued_ms + 6_400, REST, gap_ms=6_400)
    assert stage.run.outcome.voids == 0
    assert kinds(stage.run.check(issued_ms + 8_000, issued_ms + 6_400)) == [ChallengeVoided]


def test_uploads_have_a_limit_of_their_own() -> None:
    stage = Stage(LEFT)
    stage.run.gap_limit_ms = stage.settings.upload_void_after_ms
    stage.until_prompt()
    stage.frame(stage.now_ms + 3_000, REST, gap_ms=3_000)
    assert stage.run.outcome.voids == 0
    stage.frame(stage.now_ms + 3_001, REST, gap_ms=3_001)
    assert stage.run.outcome.voids == 1


@pytest.mark.parametrize("face", [REST, None], ids=["poor", "no face"])
@pytest.mark.parametrize(("for_ms", "voided"), [(1_500, False), (1_501, True)])
def test_a_picture_that_cannot_be_judged_voids(
    face: Face | None, for_ms: int, voided: bool
) -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    last_ms = stage.now_ms
    for after_ms in (*range(FRAME_MS, for_ms, FRAME_MS), for_ms):
        found = stage.frame(last_ms + after_ms, face, usable=False)
    assert kinds(found) == [ChallengeVoided if voided else ChallengeProgressed]
    assert [event.reason for event in stage.of(ChallengeVoided)] == [VoidReason.PICTURE] * voided
    assert stage.run.outcome.timed_out == stage.run.outcome.failed_wrong == 0


@pytest.mark.parametrize("face", [REST, None], ids=["poor", "no face"])
@pytest.mark.parametrize(("for_ms", "voided"), [(4_000, False), (4_001, True)])
def test_a_head_turned_as_asked_may_be_out_of_sight_for_longer(
    face: Face | None, for_ms: int, voided: bool
) -> None:
    """In a full profile no face is found."""
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    for yaw_deg in (0, 8, 16, 24, 32, 40):
        stage.frame(stage.now_ms + FRAME_MS, make_face(Look(yaw_deg=yaw_deg)))
    last_ms = stage.now_ms
    for after_ms in (*range(FRAME_MS, for_ms, FRAME_MS), for_ms):
        stage.frame(last_ms + after_ms, face, usable=False)
    assert bool(stage.of(ChallengeVoided)) is voided
    for yaw_deg in (40, 30, 20, 10, 0, 0):
        stage.frame(stage.now_ms + FRAME_MS, make_face(Look(yaw_deg=yaw_deg)))
    assert [event.passed for event in stage.of(ChallengeEnded)] == [True] * (not voided)


def test_a_head_turned_to_the_other_side_may_not() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    stage.rest(400)
    for yaw_deg in (0, -8, -16):
        stage.frame(stage.now_ms + FRAME_MS, make_face(Look(yaw_deg=yaw_deg)))
    last_ms = stage.now_ms
    for after_ms in range(FRAME_MS, 1_600, FRAME_MS):
        stage.frame(last_ms + after_ms, None)
    assert len(stage.of(ChallengeVoided)) == 1


def test_one_usable_frame_begins_the_streak_anew() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    for after_ms in range(100, 9_000, 100):
        stage.frame(stage.now_ms + 100, REST, usable=after_ms % 1_400 == 0)
    assert stage.run.outcome.voids == 0


def test_who_is_hardly_there_gets_that_hint() -> None:
    stage = Stage(LEFT)
    stage.until_prompt()
    for after_ms in range(100, LIMIT_MS + 200, 100):
        stage.frame(stage.now_ms + 100, REST if after_ms % 1_000 == 0 else None)
    assert stage.of(ChallengeEnded)[0].hint is Hint.NO_FACE


def test_nothing_is_judged_in_a_poor_picture() -> None:
    stage = Stage(SMILE)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    for after_ms in range(FRAME_MS, 1_500, FRAME_MS):
        stage.frame(prompt_ms + after_ms, make_face(Look(smile=0.8)), usable=False)
    assert stage.run.outcome.passed == stage.run.outcome.unasked_actions == 0


@pytest.mark.parametrize("gap_ms", [1_501, 5_000, 50_000])
def test_an_answer_after_a_gap_never_counts(gap_ms: int) -> None:
    """Not even one that is complete on the very first frame, nor one that goes on after it."""
    stage = Stage(SMILE)
    stage.until_prompt()
    smiling = make_face(Look(smile=0.8))
    for after_ms in (400, 500, 600):
        stage.frame(stage.now_ms + after_ms // 3, smiling)
    stage.frame(stage.now_ms + gap_ms, smiling, gap_ms=gap_ms)
    for _ in range(20):
        stage.frame(stage.now_ms + FRAME_MS, smiling)
    assert stage.run.outcome.passed == 0
    assert stage.run.outcome.voids == 1


def test_media_time_that_stands_still_or_goes_back_moves_no_deadline() -> None:
    stage = Stage(SMILE, attempts=1)
    stage.until_prompt()
    prompt_ms = stage.now_ms
    for after_ms in range(FRAME_MS, LIMIT_MS + FRAME_MS + 1, FRAME_MS):
        captured_ms = prompt_ms - (after_ms % 3) * 1_000
        stage.run.update(make_observation(REST, captured_ms), True, float(prompt_ms + after_ms))
    assert stage.run.outcome.timed_out == 1
