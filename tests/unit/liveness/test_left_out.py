"""Types that are left out: never drawn, and what the applicant cannot do is voided without prejudice."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import MAX_EXCLUDED, Challenge, ChallengeType
from kyc_rtc.liveness.events import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeVoided,
    RunFinished,
    VoidReason,
)
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.settings import LivenessSettings
from tests.unit.liveness.fakes.actor import obey, pulses_for
from tests.unit.liveness.fakes.chance import DRAWN, seeded_issuer
from tests.unit.liveness.fakes.faces import make_face
from tests.unit.liveness.fakes.stage import FRAME_MS, LEFT, LIMIT_MS, SMILE, Stage

KINDS = sorted(DRAWN)
LEFT_OUT = [*combinations(KINDS, 1), *combinations(KINDS, 2)]
BLINKS = Challenge(ChallengeType.BLINK, count=2)


@pytest.mark.parametrize("left_out", LEFT_OUT, ids="-".join)
@pytest.mark.parametrize("challenges", [1, 3, 5])
def test_a_plan_never_asks_for_what_is_left_out(
    left_out: tuple[ChallengeType, ...], challenges: int
) -> None:
    limits = LivenessSettings(challenges=challenges)
    allowed = DRAWN - set(left_out)
    for seed in range(20):
        issuer = seeded_issuer(limits, seed).without(left_out)
        kinds = [challenge.type for challenge in issuer.plan()]
        assert len(kinds) == challenges
        assert set(kinds) <= allowed
        assert len(set(kinds)) == min(challenges, len(allowed))
        assert (ChallengeType.HEAD_TURN in kinds) is (ChallengeType.HEAD_TURN in allowed)
        assert {issuer.redraw().type for _ in range(60)} == allowed


def test_an_issuer_keeps_what_is_left_out_under_other_settings() -> None:
    issuer = seeded_issuer().without({ChallengeType.NOD})
    assert issuer.under(LivenessSettings(challenges=1)).excluded == {ChallengeType.NOD}
    assert issuer.without({ChallengeType.NOD}) is issuer
    assert issuer.without(set(ChallengeType)).plan() == ()


def test_what_the_applicant_cannot_do_costs_nothing_and_does_not_come_again() -> None:
    stage = Stage(SMILE, LEFT, voids=0)
    stage.until_prompt()
    stage.rest(LIMIT_MS + 100)
    second = stage.until_prompt()
    assert second.attempt == 2
    voided = stage.run.cannot(second.challenge_id)
    assert voided == (ChallengeVoided("c2", second.challenge, VoidReason.CANNOT, will_redraw=True),)
    other = stage.until_prompt()
    assert (other.index, other.total, other.attempt) == (1, 2, 1)
    assert other.challenge.type not in {SMILE.type, LEFT.type}
    outcome = stage.run.outcome
    assert outcome.excluded == (ChallengeType.SMILE,)
    assert (outcome.voids, outcome.failed_wrong, outcome.timed_out) == (0, 0, 0)


@pytest.mark.parametrize("named", ["c0", "c2", ""])
def test_another_challenge_than_the_open_one_is_not_voided(named: str) -> None:
    stage = Stage(SMILE)
    assert stage.run.cannot("c1") == ()
    stage.until_prompt()
    assert stage.run.cannot(named) == ()
    assert stage.run.outcome.excluded == ()
    assert stage.run.cannot("c1") != ()
    assert stage.run.cannot("c1") == ()


def test_after_two_types_the_run_is_over() -> None:
    stage = Stage()
    for _ in range(MAX_EXCLUDED):
        assert stage.run.cannot(stage.until_prompt().challenge_id)
        assert not stage.run.finished
    voided, finished = stage.run.cannot(stage.until_prompt().challenge_id)
    assert isinstance(voided, ChallengeVoided)
    assert not voided.will_redraw
    assert isinstance(finished, RunFinished)
    assert finished.outcome.failed_wrong == finished.outcome.timed_out == 0
    assert len(finished.outcome.excluded) == MAX_EXCLUDED + 1


def test_what_the_order_leaves_out_counts_among_the_two() -> None:
    limits = LivenessSettings()
    issuer = seeded_issuer(limits).without({ChallengeType.NOD, ChallengeType.BLINK})
    run = ChallengeRun(issuer.plan(), limits, lambda: "c1", issuer)
    stage = Stage(SMILE)
    stage.run = run
    stage.until_prompt()
    assert run.cannot("c1")
    assert run.finished
    assert len(run.outcome.excluded) == 1


def test_a_head_turn_that_cannot_be_done_is_not_owed() -> None:
    stage = Stage(LEFT, SMILE)
    stage.until_prompt()
    stage.run.void(VoidReason.PEER)  # from now on it is owed
    while stage.until_prompt().challenge.type is not ChallengeType.HEAD_TURN:
        stage.actor.pulses += obey()(stage.of(ChallengeIssued)[-1], stage.now_ms)
    stage.run.cannot(stage.of(ChallengeIssued)[-1].challenge_id)
    answer_all(stage)
    assert stage.run.outcome.all_passed
    after = stage.events[stage.events.index(stage.of(ChallengeIssued)[-1]) :]
    assert ChallengeType.HEAD_TURN not in {
        event.challenge.type for event in after if isinstance(event, ChallengeIssued)
    }


def test_the_plans_later_challenges_of_that_type_are_replaced_too() -> None:
    stage = Stage(SMILE, LEFT, SMILE, BLINKS)
    stage.run.cannot(stage.until_prompt().challenge_id)
    answer_all(stage)
    ended = [event.challenge.type for event in stage.of(ChallengeEnded)]
    assert len(ended) == 4
    assert ChallengeType.SMILE not in ended
    assert stage.run.outcome.all_passed


def test_where_nothing_is_left_to_ask_the_run_is_over_and_nobody_has_passed() -> None:
    stage = Stage(LEFT, challenges=1, challenge_types=("head_turn",))  # type: ignore[arg-type]
    voided, finished = stage.run.cannot(stage.until_prompt().challenge_id)
    assert isinstance(voided, ChallengeVoided)
    assert not voided.will_redraw
    assert isinstance(finished, RunFinished)
    assert not finished.outcome.all_passed
    assert finished.outcome.failed_wrong == finished.outcome.timed_out == 0


def answer_all(stage: Stage) -> None:
    """Do what is asked until nothing is left; a prompt that is open already is answered, too."""
    last = stage.of(ChallengeIssued)[-1]
    if last.challenge_id not in {event.challenge_id for event in stage.of(ChallengeVoided)}:
        stage.actor.pulses += pulses_for(last.challenge, stage.now_ms + 450)
    while not stage.run.finished:
        now_ms = stage.now_ms + FRAME_MS
        for event in stage.frame(now_ms, make_face(stage.actor.look(now_ms))):
            if isinstance(event, ChallengeIssued):
                stage.actor.pulses += obey()(event, now_ms)
        assert now_ms < 300_000


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 200), refuses=st.lists(st.booleans(), min_size=1, max_size=8))
def test_whatever_is_refused_the_bounds_hold(seed: int, refuses: list[bool]) -> None:
    stage = Stage(seed=seed)
    said: list[ChallengeType] = []
    for refuse in refuses:
        if stage.run.finished:
            break
        prompt = stage.until_prompt()
        assert prompt.challenge.type not in said
        if refuse and stage.run.cannot(prompt.challenge_id):
            said.append(prompt.challenge.type)
        else:
            stage.actor.pulses += obey()(prompt, stage.now_ms)
            while not any(
                one.challenge_id == prompt.challenge_id for one in stage.of(ChallengeEnded)
            ):
                stage.rest(FRAME_MS)
    outcome = stage.run.outcome
    assert list(outcome.excluded) == said
    assert len(said) <= MAX_EXCLUDED + 1
    assert stage.run.finished or len(said) <= MAX_EXCLUDED
    assert outcome.planned == 3
    assert outcome.voids == outcome.failed_wrong == 0
