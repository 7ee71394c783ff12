"""Deliveries that wait for an acknowledgement, in lists, pruned and refused, over each database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import (
    AlertRecord,
    Database,
    DeliveryQuery,
    DeliveryState,
    Position,
    SqlDeliveryStore,
    Target,
)
from kyc_rtc.storage.tables import outbox
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import opened, put_alerts, sql_store
from tests.unit.storage.test_delivery_store import (
    MAIL,
    ME,
    NOW_MS,
    PATIENCE_MS,
    a_delivery,
    add,
    an_attempt,
    lease,
    outbox_of,
    to_slack,
)
from tests.unit.storage.test_outbox import rows


@pytest.fixture
def store(database: Database) -> SqlDeliveryStore:
    return SqlDeliveryStore(database)


# Acknowledgement


async def waiting_escalation(database: Database, store: SqlDeliveryStore) -> AlertRecord:
    session = a_session()
    stores = sql_store(database)
    await stores.sessions.open(session, [])
    alert = an_alert(session.session_id)
    await put_alerts(stores, alert)
    await add(
        store,
        a_delivery("a", alert_id=alert.alert_id, session_id=session.session_id),
        a_delivery(
            "b",
            alert_id=alert.alert_id,
            session_id=session.session_id,
            until_acknowledged=True,
            due_at_ms=NOW_MS + 300_000,
        ),
    )
    return alert


async def test_what_waits_for_an_acknowledgement_is_sent_without_one(
    database: Database, store: SqlDeliveryStore
) -> None:
    await waiting_escalation(database, store)
    assert await lease(store) == ["a"]
    assert await store.settle() == 0
    assert await lease(store, NOW_MS + 300_000) == ["a", "b"]


async def test_an_acknowledged_alert_is_not_escalated(
    database: Database, store: SqlDeliveryStore
) -> None:
    alert = await waiting_escalation(database, store)
    await sql_store(database).alerts.acknowledge(alert.alert_id, DEFAULT_TENANT, "agent-7", NOW_MS)
    assert await lease(store, NOW_MS + 300_000) == ["a"]
    assert await store.settle() == 1
    states = {one.dedupe_key: one.state for one in await store.listed("default")}
    assert states == {"a": DeliveryState.PENDING, "b": DeliveryState.CANCELLED}
    assert await store.count_by_state() == {"pending": 1, "cancelled": 1}


# Lists


async def test_a_list_has_filters_and_pages_and_one_tenant(store: SqlDeliveryStore) -> None:
    await add(
        store,
        *(a_delivery(f"{number}") for number in range(5)),
        a_delivery("mail", MAIL, topic="alert.digest"),
        a_delivery("theirs", tenant_id="bank-1"),
    )
    everything = await store.listed("default")
    assert len(everything) == 6
    first = await store.listed("default", limit=4)
    end = Position(first[-1].created_at_ms, first[-1].delivery_id)
    assert first + await store.listed("default", after=end) == everything
    for query in (DeliveryQuery(target="mail"), DeliveryQuery(topic="alert.digest")):
        assert [one.dedupe_key for one in await store.listed("default", query)] == ["mail"]
    assert await store.listed("default", DeliveryQuery(session_id=new_session_id())) == []
    (theirs,) = await store.listed("bank-1")
    with pytest.raises(NotFound):
        await store.get("default", theirs.delivery_id)
    with pytest.raises(BadRequest):
        await store.listed("default", limit=0)


async def test_attempts_are_the_tenants_own(store: SqlDeliveryStore) -> None:
    (record,) = await add(store, a_delivery("a"))
    await store.finish(an_attempt(record, ok=False), ME, NOW_MS)
    assert len(await store.attempts("default", record.delivery_id)) == 1
    assert await store.attempts("bank-1", record.delivery_id) == []


async def test_old_ones_are_pruned_but_what_is_pending_stays(store: SqlDeliveryStore) -> None:
    first, _ = await add(store, a_delivery("a"), a_delivery("b"))
    await lease(store)
    await store.finish(an_attempt(first, ok=True), ME, None)
    assert await store.prune(NOW_MS) == 0
    assert await store.prune(NOW_MS + 1) == 1
    assert [one.dedupe_key for one in await store.listed("default")] == ["b"]
    assert await store.attempts("default", first.delivery_id) == []


# Values


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": ""},
        {"tenant_id": "x" * 65},
        {"payload": {"a": float("nan")}},
        {"due_at_ms": -1},
        {"until_acknowledged": True},
        {"session_id": "x" * 37},
    ],
)
def test_what_cannot_be_stored_is_no_delivery(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        a_delivery("a", **changes)
    with pytest.raises(BadRequest):
        a_delivery("k" * 321)
    with pytest.raises(BadRequest):
        Target("alert", "")


async def test_a_delivery_of_no_session_is_refused(store: SqlDeliveryStore) -> None:
    with pytest.raises(Conflict):
        await store.add([a_delivery("a", session_id=SessionId("nobody"))], NOW_MS, PATIENCE_MS)


async def test_deletion_and_fan_out_never_wait_for_each_other(
    database: Database, store: SqlDeliveryStore
) -> None:
    sessions = await outbox_of(database, 12)
    delete = sql_store(database).sessions.delete
    await asyncio.gather(
        *(delete(session.verification_id) for session in sessions),
        *(store.fan_out(to_slack, NOW_MS, PATIENCE_MS, limit=4) for _ in range(4)),
    )
    assert (await rows(database), await store.listed("default")) == ([], [])


async def test_a_postgresql_that_holds_a_row_holds_up_nobody(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        store = SqlDeliveryStore(database)
        await outbox_of(database, 2)
        async with database.begin(write=True) as connection:
            held = select(outbox).order_by(outbox.c.number).limit(1).with_for_update()
            await connection.execute(held)
            assert await store.fan_out(to_slack, NOW_MS, PATIENCE_MS) == 1
        assert await store.fan_out(to_slack, NOW_MS, PATIENCE_MS) == 1
