"""What every alert repository does, over each store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import AlertId, SessionId, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import AlertStatistics
from kyc_rtc.storage.alerts import AlertQuery
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import Store, put_alerts

DAY_MS = 24 * 3_600_000


@pytest.fixture
async def session_id(store: Store) -> SessionId:
    session = a_session()
    await store.sessions.open(session, [])
    return session.session_id


async def test_an_added_alert_is_read_back_whole(store: Store, session_id: SessionId) -> None:
    waiting = an_alert(session_id, details={"reasons": ["texture"], "deepfake_score": 0.7})
    done = an_alert(session_id, details={}, acknowledged_at_ms=3_000, acknowledged_by="agent-7")
    for record in (waiting, done):
        await put_alerts(store, record)
        assert await store.alerts.get(record.alert_id, DEFAULT_TENANT) == record


async def test_an_alert_id_is_taken_once(store: Store, session_id: SessionId) -> None:
    record = an_alert(session_id)
    await put_alerts(store, record)
    with pytest.raises(Conflict):
        await put_alerts(store, replace(record, severity="low"))
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT)) == [record]


async def test_the_newest_alerts_of_a_session_come_first(
    store: Store, session_id: SessionId
) -> None:
    other = a_session()
    await store.sessions.open(other, [])
    alerts = [an_alert(session_id, created_at_ms=ms) for ms in (2_000, 4_000, 3_000)]
    await put_alerts(store, *alerts, an_alert(other.session_id))
    done = await store.alerts.acknowledge(alerts[1].alert_id, DEFAULT_TENANT, "agent-7", 5_000)
    assert await store.alerts.of_session(session_id) == [done, alerts[2], alerts[0]]
    for nobody in (new_session_id(), SessionId("a\x00b")):
        assert await store.alerts.of_session(nobody) == []


async def test_an_alert_belongs_to_a_tenant(store: Store) -> None:
    session = a_session(tenant_id="bank-1")
    await store.sessions.open(session, [])
    record = an_alert(session.session_id, tenant_id="bank-1")
    await put_alerts(store, record)
    assert await store.alerts.get(record.alert_id, "bank-1") == record
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT)) == []
    assert (await store.alerts.statistics(DEFAULT_TENANT, 9_000)).total == 0
    assert (await store.alerts.statistics("bank-1", 9_000)).total == 1
    with pytest.raises(NotFound):
        await store.alerts.get(record.alert_id, DEFAULT_TENANT)
    with pytest.raises(NotFound):
        await store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, "agent-7", 5_000)
    assert await store.alerts.active(AlertQuery("bank-1")) == [record]


async def test_the_newest_active_alerts_come_first(store: Store, session_id: SessionId) -> None:
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT)) == []
    alerts = [an_alert(session_id, created_at_ms=ms) for ms in (2_000, 4_000, 1_000, 3_000)]
    for record in alerts:
        await put_alerts(store, record)
    await store.alerts.acknowledge(alerts[3].alert_id, DEFAULT_TENANT, "agent-7", 5_000)
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT)) == [
        alerts[1],
        alerts[0],
        alerts[2],
    ]
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT), limit=1) == [alerts[1]]


@pytest.mark.parametrize("limit", [-1, 0, 501])
async def test_an_unbounded_list_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.alerts.active(AlertQuery(DEFAULT_TENANT), limit)


async def test_the_first_acknowledgement_stays(store: Store, session_id: SessionId) -> None:
    record = an_alert(session_id)
    await put_alerts(store, record)
    done = replace(record, acknowledged_at_ms=5_000, acknowledged_by="agent-7")
    assert await store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, "agent-7", 5_000) == done
    assert await store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, "agent-8", 6_000) == done
    assert await store.alerts.get(record.alert_id, DEFAULT_TENANT) == done
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT)) == []


async def test_of_fifty_acknowledgements_at_once_one_stands(
    store: Store, session_id: SessionId
) -> None:
    record = an_alert(session_id)
    await put_alerts(store, record)
    calls = (
        store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, f"agent-{n}", n)
        for n in range(50)
    )
    answers = await asyncio.gather(*calls)
    assert {answer.acknowledged_by for answer in answers} == {answers[0].acknowledged_by}
    assert answers[0] == await store.alerts.get(record.alert_id, DEFAULT_TENANT)


@pytest.mark.parametrize(
    "text", ["00000000-0000-4000-8000-000000000000", "", "x" * 300, "a\x00b", "\ud800", "' OR 1=1"]
)
async def test_an_unknown_alert_is_not_found(
    store: Store, session_id: SessionId, text: str
) -> None:
    await put_alerts(store, an_alert(session_id))
    with pytest.raises(NotFound):
        await store.alerts.get(AlertId(text), DEFAULT_TENANT)
    with pytest.raises(NotFound):
        await store.alerts.acknowledge(AlertId(text), DEFAULT_TENANT, "agent-7", 5_000)
    assert len(await store.alerts.active(AlertQuery(DEFAULT_TENANT))) == 1


@pytest.mark.parametrize("by", ["", "x" * 257, "a\x00b", "\udfff"])
async def test_an_acknowledgement_names_somebody(
    store: Store, session_id: SessionId, by: str
) -> None:
    record = an_alert(session_id)
    await put_alerts(store, record)
    with pytest.raises(BadRequest):
        await store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, by, 5_000)
    assert await store.alerts.active(AlertQuery(DEFAULT_TENANT)) == [record]


@pytest.mark.parametrize("by", ["'; DROP TABLE alerts; --", "\U0001f469" * 256])
async def test_any_other_name_is_stored_as_it_is(
    store: Store, session_id: SessionId, by: str
) -> None:
    record = an_alert(session_id)
    await put_alerts(store, record)
    assert (
        await store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, by, 5_000)
    ).acknowledged_by == by
    assert (await store.alerts.get(record.alert_id, DEFAULT_TENANT)).acknowledged_by == by


async def test_statistics(store: Store, session_id: SessionId) -> None:
    now_ms = 10 * DAY_MS
    assert await store.alerts.statistics(DEFAULT_TENANT, now_ms) == AlertStatistics(
        0, 0, 0, 0, {}, {}
    )
    for kind, severity, created_at_ms in (
        ("replay_detected", "critical", now_ms - DAY_MS),
        ("replay_detected", "high", now_ms - DAY_MS + 1),
        ("quality_poor", "low", now_ms),
        ("quality_poor", "low", 0),
    ):
        record = an_alert(session_id, type=kind, severity=severity, created_at_ms=created_at_ms)
        await put_alerts(store, record)
    await store.alerts.acknowledge(record.alert_id, DEFAULT_TENANT, "agent-7", now_ms)
    assert await store.alerts.statistics(DEFAULT_TENANT, now_ms) == AlertStatistics(
        total=4,
        active=3,
        acknowledged=1,
        last_24_h=2,
        by_severity={"critical": 1, "high": 1, "low": 2},
        by_type={"replay_detected": 2, "quality_poor": 2},
    )
