"""What the storage tests run over."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete

from kyc_rtc.ids import SessionId
from kyc_rtc.storage import (
    AlertRecord,
    AlertRepository,
    CommandStore,
    Commit,
    Database,
    EventRecord,
    FeaturesRepository,
    FootageRepository,
    IdempotencyStore,
    ProcessStore,
    Sealer,
    SessionRecord,
    SessionStore,
    SqlAlertRepository,
    SqlCommandStore,
    SqlFeaturesRepository,
    SqlFootageRepository,
    SqlIdempotencyStore,
    SqlProcessStore,
    SqlSessionStore,
    SqlVerificationLists,
    VerificationLists,
)
from kyc_rtc.storage.schema import go_back, migrate
from kyc_rtc.storage.tables import (
    api_keys,
    deliveries,
    idempotency,
    processes,
    verifications,
    webhooks,
)
from tests.support.memory_store import a_session, an_event

FINAL_STATES = ("passed", "failed", "expired", "interrupted")
LIVE_STATES = ("connecting", "live")
SECRET = "a secret of the tests"
SEALER = Sealer(SECRET)
LEASE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Store:
    """The stores over one database."""

    sessions: SessionStore
    processes: ProcessStore
    commands: CommandStore
    alerts: AlertRepository
    footage: FootageRepository
    features: FeaturesRepository
    lists: VerificationLists
    idempotency: IdempotencyStore


@dataclass(frozen=True, slots=True)
class Owner:
    """A process with its epoch."""

    process_id: str
    epoch: int


def sql_store(database: Database) -> Store:
    return Store(
        SqlSessionStore(database, SEALER, FINAL_STATES),
        SqlProcessStore(database, FINAL_STATES, LIVE_STATES),
        SqlCommandStore(database),
        SqlAlertRepository(database),
        SqlFootageRepository(database),
        SqlFeaturesRepository(database),
        SqlVerificationLists(database, SEALER),
        SqlIdempotencyStore(database, SEALER),
    )


async def a_process(store: Store, lease_ms: int = LEASE_MS) -> Owner:
    """A process that was registered just now."""
    process_id = str(uuid.uuid4())
    return Owner(process_id, await store.processes.register(process_id, lease_ms))


async def an_owned_session(store: Store, owner: Owner, **changes: Any) -> SessionRecord:
    """A session that this process acquired; by its first commit it has other than initial fields."""
    record = a_session(**changes)
    await store.sessions.open(replace(record, state="created"), [])
    acquired = await store.sessions.acquire(record.session_id, owner.process_id, owner.epoch)
    assert (acquired.owner_id, acquired.owner_epoch) == (owner.process_id, owner.epoch)
    if record.state == "created":
        return acquired
    commit = a_commit(acquired, state=record.state)
    await store.sessions.commit(commit)
    return commit.record


def a_commit(
    record: SessionRecord,
    alerts: Sequence[AlertRecord] = (),
    events: int = 1,
    **changes: Any,
) -> Commit:
    """The next commit of a session, with so many events."""
    last_seq = record.last_seq + events
    after = replace(record, last_seq=last_seq, **changes)
    entries = tuple(
        an_event(
            record.session_id,
            record.last_seq + number,
            payload={"state": after.state, "previous": record.state},
            owner=record.owner_id,
            tenant_id=record.tenant_id,
        )
        for number in range(1, events + 1)
    )
    return Commit(after, record.last_seq, entries, tuple(alerts))


def an_ending(
    record: SessionRecord, state: str, seq: int, at_ms: int, previous: str
) -> EventRecord:
    """What the journal says of a session that the store itself ended."""
    payload = {"state": state, "previous": previous}
    return an_event(record.session_id, seq, at_ms=at_ms, payload=payload)


async def put_alerts(store: Store, *alerts: AlertRecord) -> None:
    """Commit alerts, with the session of each where there is none yet."""
    owner = await a_process(store)
    sessions: dict[SessionId, SessionRecord] = {}
    for alert in alerts:
        session_id = alert.session_id
        if session_id not in sessions:
            found = await store.sessions.get(session_id)
            if found.owner_id is None:
                found = await store.sessions.acquire(session_id, owner.process_id, owner.epoch)
            sessions[session_id] = found
        commit = a_commit(sessions[session_id], [alert])
        await store.sessions.commit(commit)
        sessions[session_id] = commit.record


async def step_back(database: Database, revision: str) -> None:
    """To an older schema."""
    assert database._engine is not None
    await go_back(database._engine, revision, SEALER)


async def step_forward(database: Database, sealer: Sealer | None = SEALER) -> None:
    """To the newest schema."""
    assert database._engine is not None
    await migrate(database._engine, sealer)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """An empty database, and afterwards the proof that closing left no thread and no task."""
    database = Database(url, SEALER)
    await database.open()
    try:
        async with database.begin(write=True) as connection:
            await connection.execute(delete(verifications))
            await connection.execute(delete(processes))
            await connection.execute(delete(idempotency))
            await connection.execute(delete(api_keys))
            await connection.execute(delete(deliveries))
            await connection.execute(delete(webhooks))
        yield database
    finally:
        await database.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not living_workers()


def living_workers() -> list[str]:
    """aiosqlite's threads that are still there a moment after they were asked to end."""
    workers = [thread for thread in threading.enumerate() if "connection_worker" in thread.name]
    for thread in workers:
        thread.join(timeout=5)
    return [thread.name for thread in workers if thread.is_alive()]
