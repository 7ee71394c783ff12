"""Tests of sandboxes in the store, over each database."""

from __future__ import annotations

from sqlalchemy import select

from kyc_rtc.alerts.rules import shipped_rules
from kyc_rtc.scopes import sandbox_of
from kyc_rtc.sessions.sandbox import course_of
from kyc_rtc.storage import Database, SessionRecord
from kyc_rtc.storage.sandbox import SqlSandboxStore
from kyc_rtc.storage.tables import outbox
from tests.support.memory_store import a_session, an_event
from tests.unit.storage.stores import SEALER, Store, a_process, sql_store

SANDBOX = sandbox_of("bank-a")
NOW_MS = 9_000


async def opened(store: Store, **changes: object) -> SessionRecord:
    record = a_session(last_seq=1, **({"tenant_id": SANDBOX, "user_id": "test-failed"} | changes))
    entry = an_event(record.session_id, tenant_id=record.tenant_id)
    await store.sessions.open(record, [entry])
    return record


async def test_only_tests_that_wait_are_due(database: Database) -> None:
    store, sandbox = sql_store(database), SqlSandboxStore(database, SEALER)
    assert await sandbox.due(NOW_MS, 10) == []
    later = await opened(store, created_at_ms=2_000)
    first = await opened(store, created_at_ms=1_000)
    await opened(store, created_at_ms=NOW_MS + 1)
    await opened(store, tenant_id="bank-a")
    await opened(store, tenant_id="a:tests")
    joined = await opened(store)
    owner = await a_process(store)
    await store.sessions.acquire(joined.session_id, owner.process_id, owner.epoch)
    assert await sandbox.due(NOW_MS, 10) == [first, later]
    assert await sandbox.due(NOW_MS, 1) == [first]


async def test_a_course_is_written_once_with_what_it_means_for_others(database: Database) -> None:
    store, sandbox = sql_store(database), SqlSandboxStore(database, SEALER)
    waiting = await opened(store)
    course = course_of(waiting, shipped_rules(), NOW_MS)
    assert await sandbox.carry_out(course)
    assert await store.sessions.get(waiting.session_id) == course[-1].record
    entries = await store.sessions.events(waiting.session_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert await store.alerts.of_session(waiting.session_id) == list(course[-1].alerts)
    assert not await sandbox.carry_out(course)
    assert not await sandbox.carry_out(course_of(waiting, shipped_rules(), NOW_MS))
    assert await sandbox.due(NOW_MS, 10) == []
    async with database.begin() as connection:
        rows = (await connection.execute(select(outbox).order_by(outbox.c.number))).all()
    assert [(row.topic, row.payload.get("status")) for row in rows] == [
        ("verification.started", None),
        ("verification.completed", "FAILED"),
        ("alert.raised", None),
    ]
    assert rows[1].payload["reasons"] == ["face_swap", "deepfake_score_high"]
    assert {row.tenant_id for row in rows} == {SANDBOX}


async def test_what_somebody_joined_is_left_alone(database: Database) -> None:
    store, sandbox = sql_store(database), SqlSandboxStore(database, SEALER)
    waiting = await opened(store)
    owner = await a_process(store)
    await store.sessions.acquire(waiting.session_id, owner.process_id, owner.epoch)
    assert not await sandbox.carry_out(course_of(waiting, shipped_rules(), NOW_MS))
    assert (await store.sessions.get(waiting.session_id)).state == "created"
