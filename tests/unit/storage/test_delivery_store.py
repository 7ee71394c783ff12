"""From the outbox to deliveries, their leases and their ends, over each database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.errors import BadRequest, NotFound
from kyc_rtc.storage import (
    Database,
    DeliveryAttempt,
    DeliveryRecord,
    DeliveryState,
    NewDelivery,
    OutboxRecord,
    SessionRecord,
    SqlDeliveryStore,
    Target,
)
from tests.unit.storage.stores import sql_store
from tests.unit.storage.test_outbox import live_session, rows

NOW_MS = 1_000_000
LEASE_MS = 60_000
PATIENCE_MS = 3_600_000
SLACK, MAIL = Target("alert", "slack"), Target("alert", "mail")
ME, OTHER = "process-1", "process-2"


@pytest.fixture
def store(database: Database) -> SqlDeliveryStore:
    return SqlDeliveryStore(database)


def a_delivery(key: str, target: Target = SLACK, **changes: Any) -> NewDelivery:
    values: dict[str, Any] = {
        "tenant_id": "default",
        "topic": "alert.raised",
        "payload": {"alert_type": "replay_detected"},
        "due_at_ms": NOW_MS,
    }
    return NewDelivery(target, dedupe_key=key, **(values | changes))


def to_slack(row: OutboxRecord) -> Iterator[NewDelivery]:
    """A plan: one delivery for each row."""
    yield NewDelivery(
        SLACK,
        row.tenant_id,
        row.topic,
        row.payload,
        dedupe_key=f"slack:{row.number}",
        due_at_ms=NOW_MS,
        session_id=row.session_id,
        verification_id=row.verification_id,
    )


async def add(store: SqlDeliveryStore, *planned: NewDelivery) -> list[DeliveryRecord]:
    """Store these; all that there are, the first one first."""
    await store.add(planned, NOW_MS, PATIENCE_MS)
    found = await store.listed("default")
    return sorted(found, key=lambda one: one.dedupe_key)


async def lease(store: SqlDeliveryStore, now_ms: int = NOW_MS, by: str = ME) -> list[str]:
    """The keys of what is taken."""
    taken = await store.lease(SLACK, by, now_ms, LEASE_MS, 10)
    return [record.dedupe_key for record in taken]


def an_attempt(record: DeliveryRecord, *, ok: bool, **changes: Any) -> DeliveryAttempt:
    made = DeliveryAttempt(
        record.delivery_id, 0, NOW_MS, ok, 200 if ok else 503, "" if ok else "busy", 40
    )
    return replace(made, **changes)


async def outbox_of(database: Database, sessions: int = 1) -> list[SessionRecord]:
    store = sql_store(database)
    return [await live_session(store) for _ in range(sessions)]


# Fan-out


async def test_rows_become_deliveries_and_are_gone(
    database: Database, store: SqlDeliveryStore
) -> None:
    (session,) = await outbox_of(database)
    (row,) = await rows(database)
    assert await store.fan_out(to_slack, NOW_MS, PATIENCE_MS) == 1
    assert await rows(database) == []
    (made,) = await store.listed("default")
    assert made == DeliveryRecord(
        delivery_id=made.delivery_id,
        tenant_id="default",
        topic="verification.started",
        kind="alert",
        target="slack",
        payload={"state": "connecting", "status": None, "needs_review": False, "reasons": []},
        dedupe_key=f"slack:{row['number']}",
        count=1,
        created_at_ms=NOW_MS,
        due_at_ms=NOW_MS,
        give_up_at_ms=NOW_MS + PATIENCE_MS,
        attempts=0,
        state=DeliveryState.PENDING,
        session_id=session.session_id,
        verification_id=session.verification_id,
    )
    assert await store.fan_out(to_slack, NOW_MS, PATIENCE_MS) == 0


async def test_a_batch_is_bounded_and_the_next_goes_on(
    database: Database, store: SqlDeliveryStore
) -> None:
    await outbox_of(database, 5)
    done = [await store.fan_out(to_slack, NOW_MS, PATIENCE_MS, limit=2) for _ in range(4)]
    assert done == [2, 2, 1, 0]
    assert len(await store.listed("default")) == 5
    with pytest.raises(BadRequest):
        await store.fan_out(to_slack, NOW_MS, PATIENCE_MS, limit=501)


async def test_a_plan_that_fails_loses_nothing(database: Database, store: SqlDeliveryStore) -> None:
    await outbox_of(database)

    def broken(_row: OutboxRecord) -> list[NewDelivery]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.fan_out(broken, NOW_MS, PATIENCE_MS)
    assert await store.fan_out(to_slack, NOW_MS, PATIENCE_MS) == 1


async def test_what_nobody_wants_is_gone_too(database: Database, store: SqlDeliveryStore) -> None:
    await outbox_of(database)
    assert await store.fan_out(lambda _row: [], NOW_MS, PATIENCE_MS) == 1
    assert (await rows(database), await store.listed("default")) == ([], [])


async def test_processes_that_fan_out_at_once_take_each_row_once(
    database: Database, store: SqlDeliveryStore
) -> None:
    await outbox_of(database, 20)

    async def work() -> int:
        done = 0
        while await rows(database):
            done += await store.fan_out(to_slack, NOW_MS, PATIENCE_MS, limit=3)
        return done

    assert sum(await asyncio.gather(*(work() for _ in range(4)))) == 20
    found = await store.listed("default")
    assert (len(found), {one.count for one in found}) == (20, {1})


async def test_one_key_is_one_delivery_with_a_count(
    database: Database, store: SqlDeliveryStore
) -> None:
    await outbox_of(database, 3)

    def one_key(row: OutboxRecord) -> list[NewDelivery]:
        return [replace(one, dedupe_key="same") for one in to_slack(row)]

    await store.fan_out(one_key, NOW_MS, PATIENCE_MS, limit=2)
    (merged,) = await store.listed("default")
    assert merged.count == 2
    await store.fan_out(one_key, NOW_MS, PATIENCE_MS)
    assert await store.listed("default") == [replace(merged, count=3)]


# Leases


async def test_what_is_due_is_taken_once_the_earliest_first(store: SqlDeliveryStore) -> None:
    await add(
        store,
        a_delivery("b", due_at_ms=NOW_MS - 1),
        a_delivery("a", due_at_ms=NOW_MS),
        a_delivery("c", due_at_ms=NOW_MS + 1),
        a_delivery("mail", MAIL),
    )
    assert await store.due_targets(NOW_MS) == [MAIL, SLACK]
    assert await lease(store) == ["b", "a"]
    assert await lease(store, by=OTHER) == []
    assert await store.due_targets(NOW_MS) == [MAIL]
    assert await lease(store, NOW_MS + 1) == ["c"]


async def test_a_lease_runs_out(store: SqlDeliveryStore) -> None:
    await add(store, a_delivery("a"))
    assert await lease(store) == ["a"]
    assert await lease(store, NOW_MS + LEASE_MS - 1, OTHER) == []
    assert await store.due_targets(NOW_MS + LEASE_MS) == [SLACK]
    assert await lease(store, NOW_MS + LEASE_MS, OTHER) == ["a"]


async def test_two_that_take_at_once_share(database: Database, store: SqlDeliveryStore) -> None:
    await add(store, *(a_delivery(f"{number:02}") for number in range(12)))
    takes = (store.lease(SLACK, f"process-{n}", NOW_MS, LEASE_MS, 3) for n in range(4))
    taken = [one.dedupe_key for found in await asyncio.gather(*takes) for one in found]
    taken += await lease(store)  # rows that were held by another at that moment are left out
    assert sorted(taken) == [f"{number:02}" for number in range(12)]


async def test_a_lease_is_given_back(store: SqlDeliveryStore) -> None:
    (record,) = await add(store, a_delivery("a"))
    await lease(store)
    await store.postpone(record.delivery_id, OTHER, NOW_MS)
    assert await lease(store) == []
    await store.postpone(record.delivery_id, ME, NOW_MS + 5)
    assert await lease(store) == []
    assert await lease(store, NOW_MS + 5) == ["a"]


# Attempts


async def test_a_success_is_the_end(store: SqlDeliveryStore) -> None:
    (record,) = await add(store, a_delivery("a"))
    await lease(store)
    attempt = await store.finish(an_attempt(record, ok=True), ME, None)
    assert attempt == replace(an_attempt(record, ok=True), number=1)
    assert await store.attempts("default", record.delivery_id) == [attempt]
    ended = await store.get("default", record.delivery_id)
    assert ended == replace(
        record, state=DeliveryState.DELIVERED, attempts=1, delivered_at_ms=NOW_MS + 40
    )
    assert await lease(store, NOW_MS + LEASE_MS) == []


async def test_a_failure_is_tried_again_until_it_is_given_up(store: SqlDeliveryStore) -> None:
    (record,) = await add(store, a_delivery("a"))
    await lease(store)
    await store.finish(an_attempt(record, ok=False), ME, NOW_MS + 5_000)
    assert await lease(store, NOW_MS + 4_999) == []
    assert await lease(store, NOW_MS + 5_000) == ["a"]
    await store.finish(an_attempt(record, ok=False, reason="x" * 900), ME, None)
    ended = await store.get("default", record.delivery_id)
    assert (ended.state, ended.attempts, ended.leased_by) == (DeliveryState.GIVEN_UP, 2, None)
    attempts = await store.attempts("default", record.delivery_id)
    assert [(one.number, one.reason) for one in attempts] == [(1, "busy"), (2, "x" * 500)]


async def test_who_lost_the_lease_ends_nothing_but_a_success_counts(
    store: SqlDeliveryStore,
) -> None:
    (record,) = await add(store, a_delivery("a"))
    await lease(store)
    await lease(store, NOW_MS + LEASE_MS, OTHER)
    await store.finish(an_attempt(record, ok=False), ME, None)
    held = await store.get("default", record.delivery_id)
    assert (held.state, held.leased_by, held.attempts) == (DeliveryState.PENDING, OTHER, 1)
    await store.finish(an_attempt(record, ok=True), ME, None)
    await store.finish(an_attempt(record, ok=False), OTHER, NOW_MS)
    ended = await store.get("default", record.delivery_id)
    assert (ended.state, ended.attempts) == (DeliveryState.DELIVERED, 3)


async def test_what_was_deleted_meanwhile_is_no_error(
    database: Database, store: SqlDeliveryStore
) -> None:
    (session,) = await outbox_of(database)
    await store.fan_out(to_slack, NOW_MS, PATIENCE_MS)
    (record,) = await store.lease(SLACK, ME, NOW_MS, LEASE_MS, 1)
    await store.finish(an_attempt(record, ok=False), ME, NOW_MS)
    await sql_store(database).sessions.delete(session.verification_id)
    assert await store.finish(an_attempt(record, ok=True), ME, None) is None
    with pytest.raises(NotFound):
        await store.get("default", record.delivery_id)


async def test_it_is_sent_again_when_somebody_asks(store: SqlDeliveryStore) -> None:
    (record,) = await add(store, a_delivery("a"))
    await lease(store)
    await store.finish(an_attempt(record, ok=True), ME, None)
    later_ms = NOW_MS + 2 * PATIENCE_MS
    again = await store.retry_now("default", record.delivery_id, later_ms, PATIENCE_MS)
    assert (again.state, again.due_at_ms) == (DeliveryState.PENDING, later_ms)
    assert again.give_up_at_ms == later_ms + PATIENCE_MS
    assert await lease(store, later_ms) == ["a"]
    for tenant_id, key in (("bank-1", record.delivery_id), ("default", "a\x00b")):
        with pytest.raises(NotFound):
            await store.retry_now(tenant_id, key, later_ms, PATIENCE_MS)
