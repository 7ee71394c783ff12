"""Whether a database can be written: a real write, and what stands in its way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, select

from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.storage import Database, SqlProcessStore
from kyc_rtc.storage.leases import now_ms
from kyc_rtc.storage.tables import processes
from tests.unit.storage.stores import FINAL_STATES, LIVE_STATES, Store, a_process, opened, sql_store


async def test_nothing_is_different_afterwards(database: Database) -> None:
    store = sql_store(database)
    owner = await a_process(store)
    before = await rows(database)
    for _ in range(3):
        await store.processes.check_writable(owner.process_id)
    assert await rows(database) == before


async def test_a_process_that_is_not_registered_may_ask(store: Store) -> None:
    await store.processes.check_writable("nobody")
    assert await store.processes.register("nobody", 1_000) == 1


async def test_a_renewal_says_when_the_lease_ends_by_the_databases_clock(
    database: Database,
) -> None:
    store = sql_store(database)
    owner = await a_process(store)
    until_ms = await store.processes.renew(owner.process_id, owner.epoch, 60_000)
    async with database.begin() as connection:
        stored = await connection.scalar(select(processes.c.lease_until_ms))
        left_ms = await connection.scalar(select(processes.c.lease_until_ms - now_ms()))
    assert until_ms == stored
    assert left_ms is not None
    assert 50_000 < left_ms <= 60_000


async def test_sqlite_really_writes(sqlite_url: str, tmp_path: Path) -> None:
    """A row that is set to what it was is not written: the log would not grow."""
    async with opened(sqlite_url) as database:
        store = sql_store(database)
        owner = await a_process(store)
        log = tmp_path / "store.sqlite3-wal"
        size = log.stat().st_size
        await store.processes.check_writable(owner.process_id)
        assert log.stat().st_size > size


async def test_a_database_that_may_not_grow_is_full(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        store = sql_store(database)
        owner = await a_process(store)
        assert database._engine is not None
        pages = {"limit": 1}  # fewer than there are: as many as there are

        def limit(connection: Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages['limit']}")

        event.listen(database._engine.sync_engine, "begin", limit)
        with pytest.raises(StorageUnavailable):
            await store.processes.check_writable(owner.process_id)
        pages["limit"] = 1_000_000
        await store.processes.check_writable(owner.process_id)
        assert await store.processes.renew(owner.process_id, owner.epoch, 1_000) is not None


def deleted(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    file.unlink()
    file.touch()


@pytest.mark.parametrize("lose", [deleted, replaced])
async def test_a_file_that_is_gone_is_not_a_database(
    sqlite_url: str, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    async with opened(sqlite_url) as database:
        store = sql_store(database)
        owner = await a_process(store)
        file = tmp_path / "store.sqlite3"
        kept = tmp_path / "kept"
        kept.hardlink_to(file)
        lose(file)
        with pytest.raises(StorageUnavailable, match="gone"):
            await store.processes.check_writable(owner.process_id)
        file.unlink(missing_ok=True)
        kept.rename(file)
        await store.processes.check_writable(owner.process_id)


async def test_a_database_that_is_not_open_cannot_be_written(sqlite_url: str) -> None:
    processes_ = SqlProcessStore(Database(sqlite_url), FINAL_STATES, LIVE_STATES)
    with pytest.raises(StorageUnavailable):
        await processes_.check_writable("nobody")


async def rows(database: Database) -> list[object]:
    async with database.begin() as connection:
        count = await connection.scalar(select(func.count()).select_from(processes))
        found = [tuple(row) for row in (await connection.execute(select(processes))).all()]
    assert count == len(found)
    return list(found)
