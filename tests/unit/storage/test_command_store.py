"""What every store of commands does, over each store."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.storage import CommandRecord
from kyc_rtc.storage.commands import MAX_COMMANDS_WAITING
from tests.support.memory_store import a_session
from tests.unit.storage.stores import Store, a_process, an_owned_session


def a_command(session_id: SessionId, **changes: Any) -> CommandRecord:
    values: dict[str, Any] = {
        "command_id": str(uuid.uuid4()),
        "session_id": session_id,
        "type": "cancel",
        "arguments": {"reason": "left"},
        "actor": "agent-7",
        "created_at_ms": 2_000,
    }
    return CommandRecord(**(values | changes))


async def test_a_command_is_read_back_whole(store: Store) -> None:
    session = a_session(tenant_id="bank-1")
    await store.sessions.open(session, [])
    command = a_command(session.session_id, tenant_id="bank-1", arguments={"x": [1, None, "é"]})
    await store.commands.add(command)
    await store.commands.add(command)  # said again
    assert await store.commands.get(command.command_id) == command
    with pytest.raises(Conflict):
        await store.commands.add(replace(command, type="complete"))
    with pytest.raises(NotFound):
        await store.commands.add(a_command(new_session_id()))


async def test_the_owner_gets_what_waits_in_order(store: Store) -> None:
    owner, other = await a_process(store), await a_process(store)
    mine = [await an_owned_session(store, owner, state="live") for _ in range(2)]
    foreign = await an_owned_session(store, other)
    nobodys = a_session()
    await store.sessions.open(nobodys, [])
    late = a_command(mine[0].session_id, created_at_ms=9)
    early = a_command(mine[1].session_id, created_at_ms=3)
    done = a_command(mine[1].session_id, created_at_ms=1)
    theirs = a_command(foreign.session_id)
    for command in (late, early, done, theirs, a_command(nobodys.session_id)):
        await store.commands.add(command)
    await store.commands.finish(done.command_id, 10, None)
    assert await store.commands.pending(owner.process_id, owner.epoch) == [early, late]
    assert await store.commands.pending(owner.process_id, owner.epoch, limit=1) == [early]
    assert await store.commands.pending(owner.process_id, owner.epoch + 1) == []
    assert await store.commands.pending(other.process_id, other.epoch) == [theirs]


async def test_what_waits_for_a_session_comes_whoever_owns_it(store: Store) -> None:
    owner = await a_process(store)
    owned, free = await an_owned_session(store, owner), a_session()
    await store.sessions.open(free, [])
    for session in (owned, free):
        commands = [a_command(session.session_id, created_at_ms=ms) for ms in (9, 3, 1)]
        for command in commands:
            await store.commands.add(command)
        await store.commands.finish(commands[2].command_id, 10, None)
        assert await store.commands.pending_for(session.session_id) == [commands[1], commands[0]]
    for nobody in (new_session_id(), SessionId(""), SessionId("a\x00b"), SessionId("x" * 300)):
        assert await store.commands.pending_for(nobody) == []


async def test_a_session_takes_so_many_commands(store: Store) -> None:
    session, other = a_session(), a_session()
    for one in (session, other):
        await store.sessions.open(one, [])
    commands = [a_command(session.session_id) for _ in range(MAX_COMMANDS_WAITING)]
    for command in commands:
        await store.commands.add(command)
    further = a_command(session.session_id)
    with pytest.raises(Conflict, match="32"):
        await store.commands.add(further)
    with pytest.raises(NotFound):
        await store.commands.get(further.command_id)
    await store.commands.add(commands[0])  # said again
    with pytest.raises(Conflict, match="id"):
        await store.commands.add(replace(commands[0], type="complete"))
    await store.commands.add(a_command(other.session_id))
    await store.commands.finish(commands[0].command_id, 5_000, None)
    await store.commands.add(further)
    assert len(await store.commands.pending_for(session.session_id)) == MAX_COMMANDS_WAITING


async def test_of_many_commands_at_once_no_more_are_taken(store: Store) -> None:
    session = a_session()
    await store.sessions.open(session, [])
    calls = [store.commands.add(a_command(session.session_id)) for _ in range(40)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes.count(None) == MAX_COMMANDS_WAITING
    assert {type(outcome) for outcome in outcomes} == {type(None), Conflict}
    assert len(await store.commands.pending_for(session.session_id)) == MAX_COMMANDS_WAITING


async def test_the_first_outcome_stays(store: Store) -> None:
    session = a_session()
    await store.sessions.open(session, [])
    command = a_command(session.session_id)
    await store.commands.add(command)
    error = {"code": "conflict", "message": "too late"}
    await store.commands.finish(command.command_id, 5_000, error)
    await store.commands.finish(command.command_id, 6_000, None)
    done = replace(command, done_at_ms=5_000, error=error)
    assert await store.commands.get(command.command_id) == done
    await store.commands.add(command)  # said again, after it was done
    assert await store.commands.get(command.command_id) == done


async def test_of_many_outcomes_at_once_one_stands(store: Store) -> None:
    session = a_session()
    await store.sessions.open(session, [])
    command = a_command(session.session_id)
    await store.commands.add(command)
    calls = [store.commands.finish(command.command_id, n, {"n": n}) for n in range(20)]
    await asyncio.gather(*calls)
    done = await store.commands.get(command.command_id)
    assert done.error == {"n": done.done_at_ms}


@pytest.mark.parametrize(
    "text", ["00000000-0000-4000-8000-000000000000", "", "x" * 300, "a\x00b", "\ud800"]
)
async def test_an_unknown_command_is_not_found(store: Store, text: str) -> None:
    with pytest.raises(NotFound):
        await store.commands.get(text)
    with pytest.raises(NotFound):
        await store.commands.finish(text, 5_000, None)


async def test_commands_go_with_age_and_with_their_session(store: Store) -> None:
    session, other = a_session(), a_session()
    for one in (session, other):
        await store.sessions.open(one, [])
    old, young = (a_command(session.session_id, created_at_ms=ms) for ms in (4_999, 5_000))
    stays = a_command(other.session_id, created_at_ms=5_000)
    for command in (old, young, stays):
        await store.commands.add(command)
    assert await store.commands.prune(5_000) == 1
    assert await store.commands.get(young.command_id) == young
    await store.sessions.delete(session.verification_id)
    with pytest.raises(NotFound):
        await store.commands.get(young.command_id)
    assert await store.commands.get(stays.command_id) == stays


@pytest.mark.parametrize("limit", [-1, 0, 1_001])
async def test_an_unbounded_list_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.commands.pending("process", 1, limit)
