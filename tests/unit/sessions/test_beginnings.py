"""A session that is about to begin here, or to leave: nobody hears that something was done which was not."""

from __future__ import annotations

import asyncio

import pytest

from kyc_rtc.errors import AtCapacity, BadSdp, Conflict, NotFound, StorageUnavailable
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.deadlines import UNJOINED_LIMIT_MS
from kyc_rtc.sessions.interface import ClientView, Command, CommandType, Order
from kyc_rtc.settings import Settings
from kyc_rtc.storage.records import SessionRecord
from tests.support.clock import settle
from tests.support.fake_media import FakePeer
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage, while_time_passes

CLIENT = ClientView()
COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
BLINK = Command(CommandType.SEND_CHALLENGE, {"challenge_type": "blink"})
PROFILES = Settings(profiles={"p": {"challenges": 4}})


@pytest.mark.parametrize("command", [COMPLETE, CANCEL, BLINK])
async def test_a_command_to_a_session_that_is_being_given_back_is_not_called_done(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    async def refuse(_peer: FakePeer, _offer: object) -> str:
        raise BadSdp("the offer cannot be answered")

    monkeypatch.setattr(FakePeer, "answer", refuse)
    session_id = (await stage.service.open("customer")).session_id
    with pytest.raises(BadSdp):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    disown, gate = stage.store.sessions.disown, asyncio.Event()

    async def slow(record: SessionRecord) -> None:
        await gate.wait()
        await disown(record)

    monkeypatch.setattr(stage.store.sessions, "disown", slow)
    await stage.clock.advance(UNJOINED_LIMIT_MS + 1_000)
    with pytest.raises(StorageUnavailable):
        await stage.service.command(session_id, command)
    gate.set()
    await settle()
    await stage.service.command(session_id, command)  # asked again, it is done
    wanted = {COMPLETE.type: "inconclusive", CANCEL.type: "cancelled", BLINK.type: "created"}
    assert await stage.state(session_id) == wanted[command.type]


async def test_nothing_begins_while_the_registry_closes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    acquire, gate = stage.store.sessions.acquire, asyncio.Event()

    async def slow(key: SessionId, owner: str, epoch: int) -> SessionRecord:
        record = await acquire(key, owner, epoch)
        await gate.wait()
        return record

    monkeypatch.setattr(stage.store.sessions, "acquire", slow)
    offering = asyncio.create_task(stage.service.offer(session_id, browser_like_offer(), CLIENT))
    await settle()
    await stage.service.aclose()
    gate.set()
    with pytest.raises(AtCapacity):
        await offering
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("session-")]


async def test_what_has_lost_its_profile_can_be_cancelled_and_not_joined(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(PROFILES)
    session_id = (await stage.service.open("customer", Order(profile="p"))).session_id
    other = await make_stage(Settings(), sharing=stage)  # the next version's settings
    for call in (
        other.service.offer(session_id, browser_like_offer(), CLIENT),
        other.service.command(session_id, COMPLETE),
    ):
        with pytest.raises(Conflict, match="profile"):
            await call
    assert other.row(session_id).owner_id is None, "nothing was taken for it"
    view = await while_time_passes(other, other.service.command(session_id, CANCEL), 15_000)
    assert (view.state, view.withdrawn) == ("cancelled", True)


@pytest.mark.parametrize("name", ["status", "attempt", "retry", "renew_link"])
async def test_what_is_deleted_meanwhile_is_not_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    get = stage.store.sessions.get

    async def get_and_delete(key: SessionId) -> SessionRecord:
        record = await get(key)
        await stage.store.sessions.delete(key)
        return record

    monkeypatch.setattr(stage.store.sessions, "get", get_and_delete)
    with pytest.raises(NotFound):
        await getattr(stage.service, name)(session_id)
