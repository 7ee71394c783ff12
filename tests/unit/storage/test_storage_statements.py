"""What runs again and again: it looks nothing up row by row, and writes only where something is due."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from kyc_rtc.storage import Database
from kyc_rtc.storage.rows import session_row, verification_row
from kyc_rtc.storage.schema import BEGIN_OPTION
from kyc_rtc.storage.tables import processes, sessions, verifications
from tests.support.memory_store import a_session, an_event
from tests.unit.storage.stores import (
    FINAL_STATES,
    LIVE_STATES,
    SEALER,
    Owner,
    Store,
    a_process,
    an_owned_session,
    opened,
    sql_store,
)
from tests.unit.storage.test_command_store import a_command
from tests.unit.storage.test_ownership import let_run_out

FAR_MS = 2**60
INDEXED = {
    "session_events": "ix_session_events_at_ms",
    "commands": "ix_commands_created_at_ms",
}
"""What finds the rows that are old enough to be deleted."""


@dataclass(slots=True)
class Watch:
    """The statements that the database received."""

    writes: int = 0
    statements: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def watched(database: Database) -> Iterator[Watch]:
    """Statements and transactions that write, from now on."""
    assert database._engine is not None
    engine, watch = database._engine.sync_engine, Watch()

    def on_begin(connection: Connection) -> None:
        watch.writes += BEGIN_OPTION in connection.get_execution_options()

    def on_statement(
        _connection: Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        many: bool,
    ) -> None:
        watch.statements.append((statement, parameters[0] if many else parameters))

    listeners: dict[str, Callable[..., None]] = {
        "begin": on_begin,
        "before_cursor_execute": on_statement,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield watch
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


async def housekeeping(store: Store, owner: Owner, now_ms: int = 10_000) -> None:
    """What `sessions/housekeeping.py` and a joining applicant ask for."""
    await store.processes.interrupt_unknown(owner.process_id, owner.epoch, ())
    await store.processes.interrupt_orphans(owner.process_id, owner.epoch)
    await store.sessions.expire(now_ms)
    await store.commands.pending(owner.process_id, owner.epoch)
    await store.commands.pending_for(a_session().session_id)
    await store.sessions.count_waiting(now_ms)
    await store.commands.prune(now_ms)
    await store.sessions.prune_events(now_ms)


async def fill(database: Database, count: int, owner: Owner, gone: Owner) -> None:
    """So many sessions that are over, of both processes, and some that wait without an owner."""
    records = [
        a_session(
            state=FINAL_STATES[number % len(FINAL_STATES)],
            owner_id=(owner, gone)[number % 2].process_id,
            owner_epoch=1,
        )
        for number in range(count)
    ]
    records += [a_session(expires_at_ms=FAR_MS) for _ in range(10)]
    sealed = verification_row(records[0], SEALER)
    people = [
        sealed | {"verification_id": record.session_id, "expires_at_ms": record.expires_at_ms}
        for record in records
    ]
    async with database.begin(write=True) as connection:
        for first in range(0, len(records), 2_000):
            part = slice(first, first + 2_000)
            await connection.execute(insert(verifications), people[part])
            await connection.execute(insert(sessions), list(map(session_row, records[part])))


async def some_gone(database: Database) -> Owner:
    """A process that died while it ran nothing."""
    gone = Owner(str(uuid.uuid4()), 1)
    row = {"process_id": gone.process_id, "epoch": 1, "started_at_ms": 0}
    async with database.begin(write=True) as connection:
        await connection.execute(insert(processes).values(lease_until_ms=FAR_MS, **row))
    await let_run_out(sql_store(database), gone)
    return gone


async def test_who_has_nothing_to_do_does_not_write(database: Database) -> None:
    store = sql_store(database)
    owner, gone = await a_process(store), await some_gone(database)
    await fill(database, 20_000, owner, gone)
    other = await a_process(store)
    runs = [await an_owned_session(store, other, state=state) for state in ("created", "live")]
    with watched(database) as watch:
        await housekeeping(store, owner)
    assert watch.writes == 0
    assert len(watch.statements) >= 8
    with watched(database) as watch:
        known = [record.session_id for record in runs]
        await store.processes.interrupt_unknown(other.process_id, other.epoch, known)
    assert watch.writes == 0


async def test_the_watch_sees_a_write(database: Database) -> None:
    store = sql_store(database)
    await store.sessions.open(a_session(expires_at_ms=1), [])
    with watched(database) as watch:
        await store.sessions.expire(5)
    assert watch.writes == 1


@pytest.mark.parametrize("analysed", [False, True])
async def test_nothing_that_runs_often_reads_every_session(sqlite_url: str, analysed: bool) -> None:
    async with opened(sqlite_url) as database:
        store = sql_store(database)
        owner, gone = await a_process(store), await a_process(store)
        await fill(database, 400, owner, gone)
        await _something_due(store, owner, gone)
        if analysed:
            async with database.begin(write=True) as connection:
                await connection.exec_driver_sql("ANALYZE")
        with watched(database) as watch:
            await housekeeping(store, owner, 5_000)
            await store.processes.release(owner.process_id, owner.epoch)
            await store.sessions.count_waiting(5_000)
    assert watch.writes >= 6
    plans = {sql: _plan(sqlite_url, sql, values) for sql, values in watch.statements}
    assert len(plans) >= 20
    for sql, plan in plans.items():
        assert "SCAN sessions" not in plan, (sql, plan)
        if "FROM commands" in sql and "commands.session_id = ?" in sql:
            assert "ix_commands_session_id_done_at_ms" in plan, (sql, plan)
        for table in ("session_events", "commands"):
            assert f"SCAN {table}" not in plan, (sql, plan)
            if sql.startswith("SELECT") and f"{table}.{_time(table)} <" in sql:
                assert INDEXED[table] in plan, (sql, plan)
                assert "TEMP B-TREE" not in plan, (sql, plan)


def _time(table: str) -> str:
    return "at_ms" if table == "session_events" else "created_at_ms"


async def _something_due(store: Store, owner: Owner, gone: Owner) -> None:
    """Work for every statement."""
    for state in ("created", *LIVE_STATES):
        await an_owned_session(store, owner, state=state)
        left = await an_owned_session(store, gone, state=state)
        await store.commands.add(a_command(left.session_id))
    await let_run_out(store, gone)
    await store.sessions.open(a_session(expires_at_ms=1), [])
    over = a_session(state="passed", last_seq=1)
    await store.sessions.open(over, [an_event(over.session_id)])


def _plan(url: str, sql: str, values: Any) -> str:
    if sql.startswith("BEGIN"):
        return ""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    return "\n".join(row[3] for row in rows)
