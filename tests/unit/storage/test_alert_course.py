"""Assigned, acknowledged, resolved, counted: over each database, and never across tenants."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kyc_rtc.alerts.catalogue import Resolution
from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import AlertId
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions.alert_course import AlertCourseService
from kyc_rtc.storage import AlertRecord, Database, SqlLabelRepository
from kyc_rtc.storage.alert_course import SqlAlertCourse
from kyc_rtc.storage.alerts import AlertQuery
from tests.support.clock import ManualClock
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import put_alerts, sql_store
from tests.unit.storage.test_outbox import topics

HOUR_MS = 3_600_000
NOW_MS = 100 * HOUR_MS


@pytest.fixture
def course(database: Database) -> SqlAlertCourse:
    return SqlAlertCourse(database)


@pytest.fixture
def service(database: Database, course: SqlAlertCourse) -> AlertCourseService:
    return AlertCourseService(course, SqlLabelRepository(database), ManualClock(NOW_MS))


async def stored(database: Database, verdict: str | None = "FAILED", **changes: Any) -> AlertRecord:
    tenant_id = changes.get("tenant_id", "default")
    session = a_session(tenant_id=tenant_id, verdict_status=verdict)
    store = sql_store(database)
    await store.sessions.open(session, [])
    alert = an_alert(session.session_id, **changes)
    await put_alerts(store, alert)
    return alert


async def acknowledged(database: Database, alert: AlertRecord, by: str, at_ms: int) -> None:
    await sql_store(database).alerts.acknowledge(alert.alert_id, alert.tenant_id, by, at_ms)


async def test_an_alert_is_assigned_again_and_again_until_it_is_resolved(
    database: Database, service: AlertCourseService
) -> None:
    alert = await stored(database)
    await service.assign("default", alert.alert_id, to="agent-1", by="lead")
    view = await service.assign("default", alert.alert_id, to="agent-2", by="lead-2")
    assert (view.assigned_to, view.assigned_by, view.assigned_at_ms) == (
        "agent-2",
        "lead-2",
        NOW_MS,
    )
    await service.resolve(
        "default", alert.alert_id, by="agent-2", resolution=Resolution.HANDLED, note="called"
    )
    with pytest.raises(Conflict):
        await service.assign("default", alert.alert_id, to="agent-1", by="lead")
    with pytest.raises(BadRequest):
        await service.assign("default", alert.alert_id, to="", by="lead")


async def test_the_first_acknowledgement_and_the_first_resolution_stay(
    database: Database, service: AlertCourseService
) -> None:
    alert = await stored(database)
    for by in ("agent-1", "agent-2"):
        await acknowledged(database, alert, by, NOW_MS)
    for by, resolution in (("agent-3", Resolution.DUPLICATE), ("agent-4", Resolution.HANDLED)):
        view = await service.resolve("default", alert.alert_id, by=by, resolution=resolution)
    assert (view.resolved_by, view.resolution) == ("agent-3", "duplicate")
    assert (view.acknowledged_by, view.acknowledged_at_ms) == ("agent-1", NOW_MS)


async def test_who_resolves_acknowledges_too(
    database: Database, service: AlertCourseService
) -> None:
    alert = await stored(database)
    view = await service.resolve(
        "default", alert.alert_id, by="agent-1", resolution=Resolution.CONFIRMED_ATTACK
    )
    assert (view.acknowledged_by, view.acknowledged_at_ms) == ("agent-1", NOW_MS)
    assert not view.labelled
    assert await SqlLabelRepository(database).history(alert.session_id) == []
    assert await sql_store(database).alerts.active(AlertQuery(DEFAULT_TENANT)) == []


async def test_a_false_positive_labels_the_session_once(
    database: Database, service: AlertCourseService
) -> None:
    alert = await stored(database, tenant_id="bank-1")
    for _ in range(2):
        view = await service.resolve(
            "bank-1",
            alert.alert_id,
            by="agent-1",
            resolution=Resolution.FALSE_POSITIVE,
            note="it was her",
        )
        assert view.labelled
    (label,) = await SqlLabelRepository(database).history(alert.session_id)
    assert (label.label, label.labelled_by, label.note) == ("bona_fide", "agent-1", "it was her")
    assert (label.tenant_id, label.labelled_at_ms) == ("bank-1", NOW_MS)


async def test_who_may_not_label_closes_without_a_label(
    database: Database, service: AlertCourseService
) -> None:
    alert = await stored(database)
    view = await service.resolve(
        "default",
        alert.alert_id,
        by="agent-1",
        resolution=Resolution.FALSE_POSITIVE,
        may_label=False,
    )
    assert (view.resolution, view.labelled) == ("false_positive", False)
    assert await SqlLabelRepository(database).history(alert.session_id) == []


async def test_an_attempt_without_a_verdict_takes_no_label(
    database: Database, service: AlertCourseService
) -> None:
    alert = await stored(database, verdict=None)
    view = await service.resolve(
        "default", alert.alert_id, by="agent-1", resolution=Resolution.FALSE_POSITIVE
    )
    assert (view.resolution, view.labelled) == ("false_positive", False)


async def test_nothing_of_another_tenant_is_found(
    database: Database, service: AlertCourseService, course: SqlAlertCourse
) -> None:
    alert = await stored(database, tenant_id="bank-1")
    key = alert.alert_id
    for attempt in (
        course.find("default", key),
        course.find("bank-1", AlertId("a\x00b")),
        service.assign("default", key, to="a", by="b"),
        service.resolve("default", key, by="a", resolution=Resolution.HANDLED),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await course.find("bank-1", key) == alert
    assert (await service.statistics("default", 0)).total == 0
    assert await course.count_by_type("default", "high", 0, 2**60) == {}


async def test_statistics_count_and_time(
    database: Database, service: AlertCourseService, course: SqlAlertCourse
) -> None:
    for number in range(20):
        alert = await stored(database, created_at_ms=number % 2 * HOUR_MS)
        at_ms = alert.created_at_ms + (number + 1) * 1_000
        await acknowledged(database, alert, "agent", at_ms)
    await stored(database, type="quality_poor", severity="low", created_at_ms=26 * HOUR_MS)
    await stored(database, tenant_id="bank-1", created_at_ms=HOUR_MS)
    found = await service.statistics("default", 0)
    assert (found.total, found.acknowledged, found.resolved) == (21, 20, 0)
    assert found.by_type == {"replay_detected": 20, "quality_poor": 1}
    assert found.by_severity == {"high": 20, "low": 1}
    assert found.by_hour == {0: 10, 1: 10, 2: 1}
    assert (found.acknowledged_median_ms, found.acknowledged_p95_ms) == (10_000, 19_000)
    everyone = await service.statistics(None, 0)
    assert everyone.by_tenant == {"default": 21, "bank-1": 1}
    late = await service.statistics("default", 2 * HOUR_MS)
    assert (late.total, late.acknowledged_median_ms) == (1, None)
    assert await course.count_by_type("default", "high", 0, HOUR_MS) == {"replay_detected": 10}


async def test_an_alert_of_no_verdict_is_stored_once_with_its_topic(
    database: Database, course: SqlAlertCourse
) -> None:
    first = await stored(database)
    before = await topics(database)
    alert = an_alert(first.session_id, type="channel_failing")
    raised = await asyncio.gather(*(course.raise_once(alert) for _ in range(3)))
    assert sorted(raised) == [False, False, True]
    assert await course.find("default", alert.alert_id) == alert
    assert await topics(database) == [*before, "alert.raised"]
    stranger = an_alert(first.session_id, tenant_id="bank-1")
    assert not await course.raise_once(stranger)
