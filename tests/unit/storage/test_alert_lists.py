"""Alerts in pages by their state, and which of them changed, on each database."""

from __future__ import annotations

from typing import Any

import pytest

from kyc_rtc.errors import BadRequest
from kyc_rtc.storage import AlertRecord, Database
from kyc_rtc.storage.alert_course import SqlAlertCourse
from kyc_rtc.storage.alert_lists import AlertListQuery, AlertState, SqlAlertLists
from kyc_rtc.storage.records import Position
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import put_alerts, sql_store

TENANT = "bank-a"


async def stored(database: Database, count: int = 3, tenant: str = TENANT) -> list[AlertRecord]:
    """Alerts of one session, a second apart, the oldest first."""
    store, session = sql_store(database), a_session(tenant_id=tenant)
    await store.sessions.open(session, [])
    records = [
        an_alert(session.session_id, tenant_id=tenant, created_at_ms=1_000 * (number + 1))
        for number in range(count)
    ]
    for record in records:
        await put_alerts(store, record)
    return records


async def ids(database: Database, **wanted: Any) -> list[str]:
    page = await SqlAlertLists(database).page(AlertListQuery(TENANT, **wanted), None, 10)
    return [alert.alert_id for alert in page]


async def test_states_part_the_alerts(database: Database) -> None:
    first, second, third = await stored(database)
    course = SqlAlertCourse(database)
    await sql_store(database).alerts.acknowledge(second.alert_id, TENANT, "ann", 5_000)
    await course.resolve(TENANT, third.alert_id, "ann", "handled", None, 6_000)
    assert await ids(database, state=AlertState.OPEN) == [first.alert_id]
    assert await ids(database, state=AlertState.ACKNOWLEDGED) == [second.alert_id]
    assert await ids(database, state=AlertState.RESOLVED) == [third.alert_id]
    assert await ids(database) == [third.alert_id, second.alert_id, first.alert_id]


async def test_filters_and_tenants_part_them_too(database: Database) -> None:
    mine = await stored(database, 1)
    await stored(database, 2, "bank-b")
    assert await ids(database) == [mine[0].alert_id]
    assert await ids(database, severity=mine[0].severity, type=mine[0].type) == [mine[0].alert_id]
    assert await ids(database, severity="nothing") == []
    assert await ids(database, session_id=mine[0].session_id) == [mine[0].alert_id]


async def test_pages_follow_each_other(database: Database) -> None:
    records = await stored(database, 5)
    lists, after, seen = SqlAlertLists(database), None, []
    while page := await lists.page(AlertListQuery(TENANT), after, 2):
        seen += [alert.alert_id for alert in page]
        after = Position(page[-1].created_at_ms, page[-1].alert_id)
    assert seen == [record.alert_id for record in reversed(records)]
    with pytest.raises(BadRequest):
        await lists.page(AlertListQuery(TENANT), None, 501)


async def test_what_was_raised_or_worked_on_has_changed(database: Database) -> None:
    first, second, third = await stored(database)
    lists, course = SqlAlertLists(database), SqlAlertCourse(database)

    async def changed(since_ms: int) -> set[str]:
        return {alert.alert_id for alert in await lists.changed(TENANT, since_ms, 10)}

    assert await changed(3_000) == {third.alert_id}
    await course.assign(TENANT, first.alert_id, "ann", "bob", 8_000)
    await course.resolve(TENANT, second.alert_id, "ann", "handled", "x", 9_000)
    assert await changed(8_000) == {first.alert_id, second.alert_id}
    assert await changed(9_001) == set()
