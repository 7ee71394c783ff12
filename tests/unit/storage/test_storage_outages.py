"""The database goes away, is held by another, or is full: the call says so, and the next one works."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it brings no types
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kyc_rtc.errors import KycError, StorageUnavailable
from kyc_rtc.storage import Database, SessionRecord
from kyc_rtc.storage import database as database_module
from kyc_rtc.storage.failures import is_passing
from tests.support.clock import settle
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.postgresql import Cluster, cluster
from tests.unit.storage.stores import (
    SEALER,
    Store,
    a_commit,
    a_process,
    an_owned_session,
    opened,
    sql_store,
)

LOCK = text("UPDATE sessions SET frames_processed = 7 WHERE session_id = :id")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    async with opened(sqlite_url) as database:
        yield database


async def verdict(store: Store, record: SessionRecord) -> None:
    alerts = [an_alert(record.session_id)]
    await store.sessions.commit(a_commit(record, alerts, state="passed"))


async def live_session(store: Store) -> SessionRecord:
    return await an_owned_session(store, await a_process(store), state="live")


# PostgreSQL


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_a_postgresql_that_was_away_is_taken_up_again(
    own_cluster: Cluster, mode: str
) -> None:
    async with opened(own_cluster.url) as database:
        store = sql_store(database)
        record = await live_session(store)
        await asyncio.gather(*(store.sessions.get(record.session_id) for _ in range(20)))
        own_cluster.stop(mode)
        try:
            for _ in range(7):  # more than there are connections
                with pytest.raises(StorageUnavailable) as refusal:
                    await verdict(store, record)
            assert refusal.value.retry_after_s == 5
        finally:
            own_cluster.start()
        await verdict(store, record)
        assert (await store.sessions.get(record.session_id)).state == "passed"
        await asyncio.gather(*(store.sessions.get(record.session_id) for _ in range(20)))


async def test_a_postgresql_that_was_away_between_two_calls_costs_none(
    own_cluster: Cluster,
) -> None:
    async with opened(own_cluster.url) as database:
        store = sql_store(database)
        record = await live_session(store)
        await asyncio.gather(*(store.sessions.get(record.session_id) for _ in range(20)))
        own_cluster.stop()
        own_cluster.start()
        await verdict(store, record)


async def test_a_transaction_in_the_middle_of_an_outage_is_passing(own_cluster: Cluster) -> None:
    async def stop_within(database: Database) -> None:
        async with database.begin(write=True) as connection:
            await connection.execute(text("SELECT 1"))
            own_cluster.stop()
            await connection.execute(text("SELECT 1"))

    async with opened(own_cluster.url) as database:
        try:
            with pytest.raises(StorageUnavailable):
                await stop_within(database)
        finally:
            own_cluster.start()
        async with database.begin() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_whose_backend_was_ended_is_reported_once(own_cluster: Cluster) -> None:
    async with opened(own_cluster.url) as database:
        with pytest.raises(StorageUnavailable):
            async with database.begin() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        async with database.begin() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_closing_does_not_wait_for_a_postgresql_that_hangs(
    own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_GOODBYE_LIMIT_S", 0.3)
    database = Database(own_cluster.url, SEALER)
    await database.open()
    sessions = sql_store(database).sessions
    await asyncio.gather(*(sessions.count_by_state() for _ in range(20)))
    with own_cluster.frozen():
        async with asyncio.timeout(5):
            await database.aclose()
    await settle()  # asyncpg's own tasks were cancelled, and end in the next turns
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "5s")],
)
async def test_postgresql_is_set_up(postgresql_url: str, setting: str, value: str) -> None:
    async with opened(postgresql_url) as database, database.begin() as connection:
        assert await connection.scalar(text(f"SHOW {setting}")) == value


async def test_who_idles_in_a_transaction_loses_it_and_holds_up_nobody(
    postgresql_url: str,
) -> None:
    async def idle(store: Store, record: SessionRecord) -> None:
        limit = text("SET LOCAL idle_in_transaction_session_timeout = '200ms'")
        async with database.begin(write=True) as connection:
            await connection.execute(limit)
            await connection.execute(LOCK, {"id": record.session_id})
            await verdict(store, record)  # waits for the row until the idle one is ended
            await connection.execute(text("SELECT 1"))

    async with opened(postgresql_url) as database:
        store = sql_store(database)
        record = await live_session(store)
        with pytest.raises(StorageUnavailable):
            await idle(store, record)
        stored = await store.sessions.get(record.session_id)
        assert (stored.state, stored.frames_processed) == ("passed", 0)


async def test_a_wait_for_a_row_ends(postgresql_url: str) -> None:
    async def wait(record: SessionRecord) -> None:
        async with database.begin(write=True) as other:
            await other.execute(text("SET LOCAL lock_timeout = '100ms'"))
            await other.execute(LOCK, {"id": record.session_id})

    async with opened(postgresql_url) as database:
        store = sql_store(database)
        record = await live_session(store)
        async with database.begin(write=True) as connection:
            await connection.execute(LOCK, {"id": record.session_id})
            with pytest.raises(StorageUnavailable):
                await wait(record)


async def test_a_statement_that_takes_too_long_is_passing(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = database_module._Limits(statement_s=0.2, lock_ms=5_000, idle_ms=5_000, busy_ms=1)
    monkeypatch.setattr(database_module, "_SERVING", limits)
    async with opened(postgresql_url) as database:
        with pytest.raises(StorageUnavailable):
            async with database.begin() as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
        async with database.begin() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


# SQLite


async def test_an_sqlite_that_another_holds_is_busy_and_then_free(
    sqlite: Database, tmp_path: Path
) -> None:
    store = sql_store(sqlite)
    record = await live_session(store)
    with closing(sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started_s = time.monotonic()
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await verdict(store, record)
        assert time.monotonic() - started_s < 8.0
        assert await store.sessions.get(record.session_id) == record  # reading needs no lock
        other.execute("ROLLBACK")
    await verdict(store, record)
    assert (await store.sessions.get(record.session_id)).state == "passed"


async def test_a_writer_waits_for_another_that_is_brief(sqlite: Database, tmp_path: Path) -> None:
    store = sql_store(sqlite)
    record = await live_session(store)
    with closing(sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(verdict(store, record))
        await asyncio.sleep(0.3)
        assert not writing.done()
        other.execute("UPDATE sessions SET frames_processed = 7")  # what it read would be stale
        other.execute("COMMIT")
        await writing


async def test_a_full_sqlite_takes_no_verdict_and_then_all_of_it(sqlite: Database) -> None:
    store = sql_store(sqlite)
    record = await live_session(store)
    await _limit_pages(sqlite, 1)  # SQLite makes it the number that there are
    with pytest.raises(StorageUnavailable):
        await _fill(store)
    big = a_commit(
        record, [an_alert(record.session_id)], state="passed", evidence=({"x": "y" * 60_000},)
    )
    with pytest.raises(StorageUnavailable):
        await store.sessions.commit(big)
    await _limit_pages(sqlite, 2**30)
    assert await store.sessions.get(record.session_id) == record
    assert await store.alerts.of_session(record.session_id) == []
    await store.sessions.commit(big)
    assert await store.sessions.get(record.session_id) == big.record


async def _fill(store: Store) -> None:
    """Write until the free pages are used up."""
    for _ in range(50):
        await store.sessions.open(a_session(evidence=({"x": "y" * 20_000},)), [])


async def _limit_pages(database: Database, pages: int) -> None:
    """On every connection of the pool."""
    waiting = [database.begin() for _ in range(5)]
    connections = [await one.__aenter__() for one in waiting]
    for connection in connections:
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    for one in waiting:
        await one.__aexit__(None, None, None)


async def test_a_pool_in_use_is_passing(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_POOL_WAIT_S", 0.05)
    async with opened(sqlite_url) as database:
        held = [database.begin() for _ in range(5)]
        for one in held:
            await one.__aenter__()
        with pytest.raises(StorageUnavailable):
            async with database.begin():
                pass
        for one in held:
            await one.__aexit__(None, None, None)
        async with database.begin() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_folder_that_is_gone_is_passing(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    database = Database(f"sqlite:///{folder}/store.sqlite3", SEALER)
    await database.open()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StorageUnavailable):
        await sql_store(database).sessions.count_by_state()
    (tmp_path / "elsewhere").rename(folder)
    assert await sql_store(database).sessions.count_by_state() == {}
    await database.aclose()


# Mistakes are not outages


@pytest.mark.parametrize(
    "statement", ["SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM sessions"]
)
async def test_a_wrong_statement_is_not_an_outage(database: Database, statement: str) -> None:
    with pytest.raises(KycError) as failure:
        async with database.begin() as connection:
            await connection.execute(text(statement))
    assert not isinstance(failure.value, StorageUnavailable)


async def test_a_value_that_does_not_fit_is_not_an_outage(database: Database) -> None:
    with pytest.raises((KycError, OverflowError)) as failure:
        async with database.begin() as connection:
            await connection.execute(
                text("SELECT * FROM sessions WHERE attempt = :value"), {"value": 2**70}
            )
    assert not isinstance(failure.value, StorageUnavailable)


async def test_mistakes_of_ours_pass_through(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.begin():
            _ = 1 / 0


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError("starting up"), True),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), True),
        (asyncpg.TooManyConnectionsError("sorry"), True),
        (asyncpg.DiskFullError("no space"), True),
        (asyncpg.DeadlockDetectedError("victim"), True),
        (asyncpg.ReadOnlySQLTransactionError("a standby"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("another operation is in progress"), False),
        (asyncpg.UndefinedTableError("no table"), False),
        (asyncpg.InvalidPasswordError("wrong"), False),
        (sqlite3.OperationalError("no such table"), False),
        (ValueError(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_passing_is_distinguished_from_lasting(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing
    assert is_passing(DBAPIError("SELECT 1", None, error)) is passing
