"""Old rows go batch by batch, the oldest first."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from kyc_rtc.storage import Database
from tests.support.memory_store import a_session, an_event
from tests.unit.storage.stores import Store, opened, sql_store
from tests.unit.storage.test_command_store import a_command
from tests.unit.storage.test_storage_statements import watched


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc_rtc.storage.pruning.BATCH", 4)
    monkeypatch.setattr("kyc_rtc.storage.pruning.MAX_BATCHES", 3)
    monkeypatch.setattr("kyc_rtc.storage.pruning._PAUSE_S", 0.0)


async def test_a_journal_goes_batch_by_batch(database: Database) -> None:
    store = sql_store(database)
    waiting, over = a_session(last_seq=1), a_session(state="passed", last_seq=20)
    events = [an_event(over.session_id, seq, at_ms=seq) for seq in range(1, 21)]
    await store.sessions.open(over, events)
    await store.sessions.open(waiting, [an_event(waiting.session_id, at_ms=0)])
    with watched(database) as watch:
        assert await store.sessions.prune_events(20) == 12
    assert watch.writes == 3
    assert await store.sessions.events(over.session_id) == events[12:]
    assert await store.sessions.prune_events(20) == 7
    assert await store.sessions.prune_events(20) == 0
    assert await store.sessions.events(over.session_id) == events[19:]
    assert len(await store.sessions.events(waiting.session_id)) == 1


async def test_commands_go_batch_by_batch(database: Database) -> None:
    store = sql_store(database)
    session = a_session()
    await store.sessions.open(session, [])
    commands = [a_command(session.session_id, created_at_ms=ms) for ms in range(1, 21)]
    for command in commands:
        await store.commands.add(command)
    await store.commands.finish(commands[0].command_id, 5, None)
    with watched(database) as watch:
        assert await store.commands.prune(20) == 12
    assert watch.writes == 3
    assert await store.commands.pending_for(session.session_id) == commands[12:]
    assert [await store.commands.prune(20) for _ in range(2)] == [7, 0]
    assert await store.commands.pending_for(session.session_id) == commands[19:]


async def test_two_that_prune_at_once_share_the_work(store: Store) -> None:
    over = a_session(state="passed", last_seq=20)
    events = [an_event(over.session_id, seq, at_ms=seq) for seq in range(1, 21)]
    await store.sessions.open(over, events)
    counts = await asyncio.gather(*(store.sessions.prune_events(30) for _ in range(5)))
    counts.append(await store.sessions.prune_events(30))
    assert sum(counts) + len(await store.sessions.events(over.session_id)) == 20
    while await store.sessions.prune_events(30):
        pass
    assert await store.sessions.events(over.session_id) == []


async def test_a_row_that_is_held_holds_up_no_pruning(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        store = sql_store(database)
        over = a_session(state="passed", last_seq=3)
        events = [an_event(over.session_id, seq, at_ms=seq) for seq in range(1, 4)]
        await store.sessions.open(over, events)
        async with database.begin(write=True) as connection:
            await connection.execute(text("SELECT 1 FROM session_events WHERE seq = 1 FOR UPDATE"))
            async with asyncio.timeout(2):
                assert await store.sessions.prune_events(30) == 2
        assert await store.sessions.prune_events(30) == 1
