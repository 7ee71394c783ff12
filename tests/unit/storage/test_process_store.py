"""What every store of processes does, over each store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.errors import BadRequest, OwnershipLost
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import Database, SqlProcessStore
from kyc_rtc.storage.leases import now_ms
from kyc_rtc.storage.processes import FORGOTTEN_AFTER_MS
from kyc_rtc.storage.tables import processes, sessions
from tests.support.clock import ManualClock
from tests.support.memory_store import MemoryStore, a_session
from tests.unit.storage.stores import (
    FINAL_STATES,
    LIVE_STATES,
    Owner,
    Store,
    a_commit,
    a_process,
    an_ending,
    an_owned_session,
    opened,
    sql_store,
)
from tests.unit.storage.test_ownership import let_run_out


async def test_epochs_go_up(store: Store) -> None:
    assert [await store.processes.register("process-1", 60_000) for _ in range(3)] == [1, 2, 3]
    assert await store.processes.register("process-2", 60_000) == 1


async def test_a_lease_is_renewed_under_its_epoch_only(store: Store) -> None:
    owner = await a_process(store)
    assert await store.processes.renew(owner.process_id, owner.epoch, 60_000) is not None
    for process_id, epoch in ((owner.process_id, 2), (owner.process_id, 0), ("nobody", 1)):
        assert await store.processes.renew(process_id, epoch, 60_000) is None


@pytest.mark.parametrize(("process_id", "lease_ms"), [("", 1), ("x" * 37, 1), ("p", 0), ("p", -1)])
async def test_what_is_not_a_lease_is_refused(store: Store, process_id: str, lease_ms: int) -> None:
    with pytest.raises(BadRequest):
        await store.processes.register(process_id, lease_ms)
    with pytest.raises(BadRequest):
        await store.processes.renew(process_id, 1, lease_ms)


async def test_only_sessions_of_the_gone_are_interrupted(store: Store) -> None:
    gone, stays = await a_process(store), await a_process(store)
    left = [await an_owned_session(store, gone, state=state) for state in LIVE_STATES]
    waiting = await an_owned_session(store, gone)
    kept = [await an_owned_session(store, stays, state=state) for state in ("created", "live")]
    judged = await an_owned_session(store, gone, state="passed")
    free = a_session()
    await store.sessions.open(free, [])
    assert await store.processes.interrupt_orphans(stays.process_id, stays.epoch) == []
    await let_run_out(store, gone)
    before_ms = time.time() * 1_000 - 60_000
    swept = await store.processes.interrupt_orphans(stays.process_id, stays.epoch)
    assert sorted(swept) == sorted(record.session_id for record in left)
    for record in left:
        stored = await store.sessions.get(record.session_id)
        at_ms, seq = stored.updated_at_ms, record.last_seq + 1
        assert at_ms > before_ms
        changed = replace(record, state="interrupted", updated_at_ms=at_ms, last_seq=seq)
        assert stored == changed
        ending = an_ending(record, "interrupted", seq, at_ms, record.state)
        assert await store.sessions.events(record.session_id, record.last_seq) == [ending]
    for record in (*kept, judged, free):
        assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.get(waiting.session_id) == replace(
        waiting, owner_id=None, owner_epoch=0
    )
    assert await store.processes.interrupt_orphans(stays.process_id, stays.epoch) == []


async def test_live_sessions_without_an_owner_are_interrupted(store: Store) -> None:
    owner = await a_process(store)
    record = a_session(state="live")
    await store.sessions.open(record, [])
    swept = await store.processes.interrupt_orphans(owner.process_id, owner.epoch)
    assert swept == [record.session_id]


async def test_who_holds_no_lease_sweeps_nothing(store: Store) -> None:
    record = a_session(state="live")
    await store.sessions.open(record, [])
    late = await a_process(store)
    await let_run_out(store, late)
    for owner in (late, Owner("nobody", 1), Owner(late.process_id, late.epoch + 1)):
        assert await store.processes.interrupt_orphans(owner.process_id, owner.epoch) == []
    assert await store.sessions.get(record.session_id) == record
    assert await store.processes.renew(late.process_id, late.epoch, 60_000) is not None


async def test_a_release_leaves_nothing_behind(store: Store) -> None:
    owner, other = await a_process(store), await a_process(store)
    live = await an_owned_session(store, owner, state="live")
    waiting = await an_owned_session(store, owner)
    judged = await an_owned_session(store, owner, state="passed")
    foreign = await an_owned_session(store, other, state="live")
    await store.processes.release(owner.process_id, owner.epoch + 1)  # of another epoch: nothing
    assert await store.sessions.get(live.session_id) == live
    await store.processes.release(owner.process_id, owner.epoch)
    stored = await store.sessions.get(live.session_id)
    assert (stored.state, stored.last_seq) == ("interrupted", live.last_seq + 1)
    freed = replace(waiting, owner_id=None, owner_epoch=0)
    assert await store.sessions.get(waiting.session_id) == freed
    for record in (judged, foreign):
        assert await store.sessions.get(record.session_id) == record
    taken = await store.sessions.acquire(waiting.session_id, other.process_id, other.epoch)
    assert taken.owner_id == other.process_id
    await store.processes.release(owner.process_id, owner.epoch)
    assert await store.sessions.get(live.session_id) == stored


async def test_what_its_process_does_not_run_is_interrupted(store: Store) -> None:
    owner, other = await a_process(store), await a_process(store)
    runs, lost = [await an_owned_session(store, owner, state="live") for _ in range(2)]
    waits = await an_owned_session(store, owner, expires_at_ms=2**60)
    forgotten = [await an_owned_session(store, owner, expires_at_ms=ms) for ms in (5, 2**60)]
    judged = await an_owned_session(store, owner, state="passed")
    foreign = await an_owned_session(store, other, state="live")
    known = {runs.session_id: "actor", waits.session_id: "actor"}.keys()
    calls = [
        store.processes.interrupt_unknown(owner.process_id, epoch, known)
        for epoch in (owner.epoch + 1, owner.epoch, owner.epoch)
    ]
    assert [await call for call in calls] == [[], [lost.session_id], []]
    assert (await store.sessions.get(lost.session_id)).state == "interrupted"
    for record in (runs, waits, judged, foreign):
        assert await store.sessions.get(record.session_id) == record
    for record in forgotten:  # its acquisition was not acknowledged, or giving it back failed
        freed = replace(record, owner_id=None, owner_epoch=0)
        assert await store.sessions.get(record.session_id) == freed
    taken = await store.sessions.acquire(forgotten[1].session_id, other.process_id, other.epoch)
    assert taken.owner_id == other.process_id
    assert await store.sessions.expire(10) == [forgotten[0].session_id]


async def test_who_begins_a_session_that_is_being_set_free_owns_it(database: Database) -> None:
    store = sql_store(database)
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    async with database.begin(write=True) as connection:
        statement = update(sessions).where(sessions.c.session_id == record.session_id)
        await connection.execute(statement.values(owner_id=None, owner_epoch=0))
        call = asyncio.create_task(
            store.sessions.acquire(record.session_id, owner.process_id, owner.epoch)
        )
        await asyncio.sleep(0.1)
    assert await call == record
    assert await store.sessions.get(record.session_id) == record


@pytest.fixture
def before_writing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> list[Callable[[], Awaitable[object]]]:
    """What happens, once each, right before the next transaction that writes."""
    steps: list[Callable[[], Awaitable[object]]] = []
    begin = database.begin

    @asynccontextmanager
    async def begin_late(*, write: bool = False) -> AsyncIterator[AsyncConnection]:
        while write and steps:
            await steps.pop()()
        async with begin(write=write) as connection:
            yield connection

    monkeypatch.setattr(database, "begin", begin_late)
    return steps


async def test_a_lease_that_ends_during_a_sweep_is_noticed(
    database: Database, before_writing: list[Callable[[], Awaitable[object]]]
) -> None:
    store = sql_store(database)
    owner = await a_process(store)
    record = a_session(state="live")
    await store.sessions.open(record, [])
    before_writing.append(lambda: let_run_out(store, owner))
    assert await store.processes.interrupt_orphans(owner.process_id, owner.epoch) == []
    assert not before_writing
    assert await store.sessions.get(record.session_id) == record


async def test_a_session_that_begins_during_a_sweep_is_left_alone(
    database: Database, before_writing: list[Callable[[], Awaitable[object]]]
) -> None:
    store = sql_store(database)
    owner = await a_process(store)
    records = [await an_owned_session(store, owner, state=state) for state in ("created", "live")]
    known: set[str] = set()

    async def begin() -> None:
        known.update(record.session_id for record in records)

    before_writing.append(begin)
    assert await store.processes.interrupt_unknown(owner.process_id, owner.epoch, known) == []
    assert not before_writing
    for record in records:
        assert await store.sessions.get(record.session_id) == record


@pytest.mark.parametrize("state", ["created", "live", "passed", None])
async def test_an_epoch_is_raised_once_and_where_it_matters(
    store: Store, state: str | None
) -> None:
    gone, other = await a_process(store), await a_process(store)
    if state is not None:
        await an_owned_session(store, gone, state=state)
    await let_run_out(store, gone)
    for _ in range(3):
        await store.processes.interrupt_orphans(other.process_id, other.epoch)
    is_fenced = state in ("created", "live")
    renewed = await store.processes.renew(gone.process_id, gone.epoch, 60_000)
    assert (renewed is None) is is_fenced
    expected = gone.epoch + (2 if is_fenced else 1)
    assert await store.processes.register(gone.process_id, 60_000) == expected


async def test_who_registers_many_times_at_once_gets_an_epoch_each(store: Store) -> None:
    calls = [store.processes.register("process-1", 60_000) for _ in range(8)]
    assert sorted(await asyncio.gather(*calls)) == list(range(1, 9))


async def test_sweeps_that_meet_interrupt_a_session_once(store: Store) -> None:
    gone = await a_process(store)
    left = [await an_owned_session(store, gone, state="live") for _ in range(12)]
    await let_run_out(store, gone)
    owners = [await a_process(store) for _ in range(4)]
    sweeps = await asyncio.gather(
        *(store.processes.interrupt_orphans(one.process_id, one.epoch) for one in owners)
    )
    swept = [session_id for sweep in sweeps for session_id in sweep]
    assert sorted(swept) == sorted(record.session_id for record in left)
    for record in left:
        assert len(await store.sessions.events(record.session_id, record.last_seq)) == 1


async def test_more_than_fits_in_one_statement_is_interrupted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sql_store(database)
    monkeypatch.setattr("kyc_rtc.storage.endings.end_sessions.__kwdefaults__", {"limit": 4})
    owner = await a_process(store)
    ids: list[SessionId] = []
    for _ in range(10):
        record = a_session(state="live")
        await store.sessions.open(record, [])
        ids.append(record.session_id)
    swept = await store.processes.interrupt_orphans(owner.process_id, owner.epoch)
    assert sorted(swept) == sorted(ids)


async def test_who_is_gone_for_a_day_is_forgotten(database: Database) -> None:
    store = sql_store(database)
    old, recent, own = [await a_process(store) for _ in range(3)]
    async with database.begin(write=True) as connection:
        for owner, ago_ms in ((old, FORGOTTEN_AFTER_MS), (recent, FORGOTTEN_AFTER_MS - 60_000)):
            statement = processes.update().where(processes.c.process_id == owner.process_id)
            await connection.execute(statement.values(lease_until_ms=now_ms() - ago_ms))
    await store.processes.interrupt_orphans(own.process_id, own.epoch)
    async with database.begin() as connection:
        left = set(await connection.scalars(select(processes.c.process_id)))
    assert left == {recent.process_id, own.process_id}


async def test_time_is_the_databases(database: Database) -> None:
    async with database.begin() as connection:
        before_ms = time.time() * 1_000
        found_ms = await connection.scalar(select(now_ms()))
        assert before_ms - 2 <= (found_ms or 0) <= time.time() * 1_000 + 2
        await asyncio.sleep(0.05)
        assert (await connection.scalar(select(now_ms())) or 0) >= (found_ms or 0) + 45


async def test_time_in_memory_is_the_clocks() -> None:
    clock = ManualClock()
    memory = MemoryStore(FINAL_STATES, LIVE_STATES, clock)
    epoch = await memory.processes.register("process-1", 1_000)
    clock.tick(999)
    assert memory.processes.holds_lease("process-1", epoch)
    clock.tick(1)
    assert not memory.processes.holds_lease("process-1", epoch)


async def test_a_stuck_transaction_holds_up_no_sweep(postgresql_url: str) -> None:
    """Another process stopped in the middle of a commit: its row waits for the next sweep."""
    async with opened(postgresql_url) as database:
        store = sql_store(database)
        gone = await a_process(store)
        held, free = [await an_owned_session(store, gone, state="live") for _ in range(2)]
        await let_run_out(store, gone)
        owner = await a_process(store)
        async with database.begin(write=True) as connection:
            statement = text("UPDATE sessions SET frames_processed = 7 WHERE session_id = :id")
            await connection.execute(statement, {"id": held.session_id})
            async with asyncio.timeout(2):
                swept = await store.processes.interrupt_orphans(owner.process_id, owner.epoch)
            assert swept == [free.session_id]
        assert await store.processes.interrupt_orphans(owner.process_id, owner.epoch) == [
            held.session_id
        ]
        stored = await store.sessions.get(held.session_id)
        assert (stored.state, stored.frames_processed) == ("interrupted", 7)


@pytest.mark.parametrize(
    ("final_states", "live_states"), [({"passed"}, {"live"}), (FINAL_STATES, {"live", "passed"})]
)
def test_states_that_contradict_are_refused(
    sqlite_url: str, final_states: set[str], live_states: set[str]
) -> None:
    with pytest.raises(ValueError, match="state"):
        SqlProcessStore(Database(sqlite_url), final_states, live_states)


async def test_a_commit_of_a_released_process_is_refused(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner, state="live")
    await store.processes.release(owner.process_id, owner.epoch)
    with pytest.raises(OwnershipLost):
        await store.sessions.commit(a_commit(record, state="passed"))
