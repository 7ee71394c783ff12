"""Outbox, deliveries and the course of alerts come and go, and the alerts stay, over each database."""

from __future__ import annotations

from sqlalchemy import text

from kyc_rtc.storage import Database, SqlDeliveryStore
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import put_alerts, sql_store, step_back, step_forward
from tests.unit.storage.test_delivery_store import NOW_MS, PATIENCE_MS, to_slack
from tests.unit.storage.test_outbox import topics


async def test_alerts_stay_on_the_way_back_and_forth(database: Database) -> None:
    store = sql_store(database)
    session = a_session()
    await store.sessions.open(session, [])
    alert = an_alert(session.session_id)
    await put_alerts(store, alert)
    deliveries = SqlDeliveryStore(database)
    assert await deliveries.fan_out(to_slack, NOW_MS, PATIENCE_MS) == 1
    await step_back(database, "0013")
    async with database.begin() as connection:
        kept = (await connection.execute(text("SELECT alert_id FROM alerts"))).scalars().all()
    assert kept == [alert.alert_id]
    await step_forward(database)
    assert await store.alerts.of_session(session.session_id) == [alert]
    assert await deliveries.listed("default") == []
    later = an_alert(session.session_id)
    await put_alerts(store, later)
    assert await topics(database) == ["alert.raised"]
