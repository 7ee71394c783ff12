"""What is not asked of somebody: by the order, or because the applicant says that they cannot do it."""

from __future__ import annotations

from itertools import combinations

import pytest

from kyc_rtc.errors import BadRequest, Conflict
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.sessions.interface import Command, CommandType, Order
from kyc_rtc.settings import LivenessSettings, Settings
from tests.support.clock import settle
from tests.unit.liveness.fakes.actor import Pulse
from tests.unit.liveness.fakes.chance import DRAWN
from tests.unit.sessions.conftest import MakeStage, Stage
from tests.unit.sessions.test_service import CLIENT, picture

PRIVATE = Settings(expose_scores=False)
COMPLETE = Command(CommandType.COMPLETE)


def sent(stage: Stage, kind: str) -> list[dict[str, object]]:
    return [message for message in stage.peer.sent if message["type"] == kind]


def ordered(kind: str) -> Command:
    return Command(CommandType.SEND_CHALLENGE, {"challenge_type": kind})


async def until_prompt(stage: Stage, number: int) -> dict[str, object]:
    """Show a face at rest until the prompt of this number, from 1 on."""
    while len(sent(stage, "challenge")) < number:
        await stage.show(1)
    return sent(stage, "challenge")[-1]


async def refuse(stage: Stage, number: int) -> str:
    """Say that the prompt of this number cannot be done; its type."""
    prompt = await until_prompt(stage, number)
    stage.answered.add(str(prompt["challenge_id"]))
    stage.peer.say("cannot", challenge_id=prompt["challenge_id"])
    await settle()
    return str(prompt["challenge_type"])


@pytest.mark.parametrize(
    "exclude", [*combinations(sorted(DRAWN), 1), *combinations(sorted(DRAWN), 2)]
)
async def test_what_the_order_leaves_out_is_never_asked_and_a_pass_needs_a_head_that_moves(
    stage: Stage, exclude: tuple[ChallengeType, ...]
) -> None:
    names = tuple(kind.value for kind in exclude)
    view = await stage.service.open("customer", Order(exclude=names))
    assert view.exclude == names
    await stage.connect(view.session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    asked = {message["challenge_type"] for message in sent(stage, "challenge")}
    assert asked.isdisjoint(names)
    assert len(sent(stage, "challenge")) == 3
    ended = await stage.service.status(view.session_id)
    if {"head_turn", "nod"} <= set(names):
        assert (ended.status, ended.needs_review) == ("INCONCLUSIVE", True)
        assert "head_left_out" in ended.reasons
        assert not ended.can_retry  # no attempt could pass
    else:
        assert ended.status == "PASSED"


@pytest.mark.parametrize(
    ("exclude", "says"),
    [
        (("dance",), "not a type"),
        (("nod", "nod"), "at most 2 different"),
        (("nod", "blink", "smile"), "at most 2 different"),
        (("",), "not a type"),
    ],
)
async def test_an_order_that_cannot_be_kept_is_refused(
    stage: Stage, exclude: tuple[str, ...], says: str
) -> None:
    with pytest.raises(BadRequest, match=says):
        await stage.service.open("customer", Order(exclude=exclude))


async def test_an_order_leaves_something_to_ask_for(make_stage: MakeStage) -> None:
    few = LivenessSettings(challenges=2, challenge_types=("head_turn", "nod"))
    stage = await make_stage(Settings(liveness=few))
    with pytest.raises(BadRequest, match="leaves nothing"):
        await stage.service.open("customer", Order(exclude=("nod", "head_turn")))


async def test_every_attempt_leaves_it_out(stage: Stage) -> None:
    first = await stage.service.open("customer", Order(exclude=("nod", "smile")))
    await stage.connect(first.session_id)
    await stage.service.command(first.session_id, COMPLETE)
    second = await stage.service.retry(first.session_id)
    assert second.exclude == ("nod", "smile")
    await stage.connect(second.session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    asked = {message["challenge_type"] for message in sent(stage, "challenge")}
    assert asked.isdisjoint({"nod", "smile"})


@pytest.mark.parametrize("connected", [False, True])
async def test_an_order_of_what_is_left_out_is_a_conflict(stage: Stage, connected: bool) -> None:
    view = await stage.service.open("customer", Order(exclude=("nod",)))
    if connected:
        await stage.connect(view.session_id)
    with pytest.raises(Conflict, match="nod is excluded"):
        await stage.service.command(view.session_id, ordered("nod"))
    await stage.service.command(view.session_id, ordered("smile"))


async def test_what_the_applicant_cannot_do_is_voided_and_another_type_comes(stage: Stage) -> None:
    session_id = await stage.join()
    stage.seat()
    kind = await refuse(stage, 1)
    (voided,) = sent(stage, "challenge_voided")
    assert (voided["reason"], voided["will_redraw"]) == ("cannot", True)
    assert voided["hint"] == "hint.void_cannot"
    entry = next(one for one in stage.journal(session_id) if one.type == "challenge_voided")
    assert (entry.actor, entry.payload["reason"]) == ("applicant", "cannot")
    assert (await stage.service.status(session_id)).exclude == (kind,)
    with pytest.raises(Conflict, match="is excluded"):
        await stage.service.command(session_id, ordered(kind))
    await stage.perform(lambda: stage.has_sent("verdict"))
    later = {message["challenge_type"] for message in sent(stage, "challenge")[1:]}
    assert kind not in later
    assert stage.row(session_id).connection is not None
    assert stage.row(session_id).connection["voided"] == {"cannot": 1}  # type: ignore[index]


async def test_who_cannot_do_something_is_neither_passed_nor_failed(stage: Stage) -> None:
    session_id = await stage.join()
    stage.seat()
    await refuse(stage, 1)
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    assert (view.status, view.needs_review) == ("INCONCLUSIVE", True)
    assert "challenges_excluded" in view.reasons
    assert [alert.type for alert in stage.alerts(session_id)] == ["review_needed"]


async def test_what_is_not_answered_then_is_not_held_against_anybody(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(liveness=LivenessSettings(attempts=1)))
    session_id = await stage.join()
    stage.seat()
    await refuse(stage, 1)
    for _ in range(2_000):
        await stage.show(1)
        if stage.has_sent("verdict"):
            break
    view = await stage.service.status(session_id)
    assert view.status == "INCONCLUSIVE"
    assert {"challenge_timeout", "challenges_excluded"} <= set(view.reasons)


async def test_the_applicant_learns_no_more_than_that_a_person_will_look(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(PRIVATE)
    await stage.join()
    stage.seat()
    await refuse(stage, 1)
    await stage.perform(lambda: stage.has_sent("verdict"))
    (verdict,) = sent(stage, "verdict")
    assert [reason["code"] for reason in verdict["reasons"]] == ["not_verified"]  # type: ignore[attr-defined]
    assert (verdict["needs_review"], verdict["can_retry"]) == (True, False)


async def test_after_two_types_the_check_ends_and_those_of_the_order_are_among_them(
    stage: Stage,
) -> None:
    view = await stage.service.open("customer", Order(exclude=("nod",)))
    await stage.connect(view.session_id)
    stage.seat()
    first = await refuse(stage, 1)
    last = await refuse(stage, 2)
    assert [one["will_redraw"] for one in sent(stage, "challenge_voided")] == [True, False]
    over = await stage.service.status(view.session_id)
    assert over.exclude == ("nod", first, last)
    assert (over.status, over.needs_review) == ("INCONCLUSIVE", True)
    assert "completed_early" not in over.reasons
    assert not over.can_retry


@pytest.mark.parametrize("named", [None, 7, "", "another", ["a"]])
async def test_a_message_that_names_no_open_challenge_changes_nothing(
    stage: Stage, named: object
) -> None:
    session_id = await stage.join()
    stage.seat()
    await until_prompt(stage, 1)
    stage.peer.say("cannot", challenge_id=named)
    await settle()
    assert not sent(stage, "challenge_voided")
    assert (await stage.service.status(session_id)).exclude == ()


async def test_a_retry_does_not_ask_for_it_again_and_is_not_a_way_to_a_pass(stage: Stage) -> None:
    """Else somebody could shop for the challenges that suit them, attempt by attempt."""
    session_id = await stage.join()
    stage.seat()
    kind = await refuse(stage, 1)
    stage.peer.say("cancel")
    await settle()
    second = await stage.service.retry(session_id)
    assert second.exclude == (kind,)
    with pytest.raises(Conflict, match="is excluded"):
        await stage.service.command(second.session_id, ordered(kind))
    await stage.connect(second.session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert kind not in {message["challenge_type"] for message in sent(stage, "challenge")}
    view = await stage.service.status(second.session_id)
    assert (view.status, view.needs_review) == ("INCONCLUSIVE", True)
    assert "challenges_excluded" in view.reasons


async def test_after_a_verdict_without_it_there_is_no_retry_which_could_not_pass(
    stage: Stage,
) -> None:
    session_id = await stage.join()
    stage.seat()
    await refuse(stage, 1)
    await stage.service.command(session_id, COMPLETE)
    assert not (await stage.service.status(session_id)).can_retry
    with pytest.raises(Conflict):
        await stage.service.retry(session_id)


async def test_after_the_end_it_changes_nothing(stage: Stage) -> None:
    session_id = await stage.join()
    stage.seat()
    prompt = await until_prompt(stage, 1)
    await stage.service.command(session_id, COMPLETE)
    before = len(stage.journal(session_id))
    stage.peer.say("cannot", challenge_id=prompt["challenge_id"])
    await settle()
    assert len(stage.journal(session_id)) == before


async def test_whoever_uploads_pictures_says_it_with_one(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    stage.seat()
    cannot: str | None = None
    said: list[str] = []
    for _ in range(400):
        stage.clock.tick(40)
        view = await stage.service.upload(session_id, picture(), CLIENT, cannot)
        cannot = None
        for message in view.messages:
            if message["type"] == "challenge" and not said:
                cannot = str(message["challenge_id"])
                said.append(str(message["challenge_type"]))
            elif message["type"] == "challenge_voided":
                assert message["reason"] == "cannot"
                assert view.session.exclude == tuple(said)
                return
        await stage.clock.advance(0)
    raise AssertionError("nothing was voided")


async def test_that_a_movement_is_too_small_is_reported_with_the_progress(stage: Stage) -> None:
    await stage.join()
    stage.seat()
    assert stage.analysis.applicant is not None
    prompt = await until_prompt(stage, 1)
    channel, peak = {
        "head_turn": ("yaw_deg", -9.0 if prompt["direction"] == "right" else 9.0),
        "nod": ("pitch_deg", 6.0),
        "blink": ("shut", 0.4),
        "smile": ("smile", 0.2),
        "mouth_open": ("jaw", 0.25),
    }[str(prompt["challenge_type"])]
    start_ms = stage.clock.monotonic_ms() + 300
    stage.analysis.applicant.pulses.append(Pulse(channel, peak, start_ms, 1_500))
    await stage.show(60)
    hints = {message["hint"] for message in sent(stage, "challenge_progress")}
    assert len(hints - {None}) == 1
