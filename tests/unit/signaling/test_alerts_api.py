"""Alerts that people work on, over REST, and their feed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from signaling.app import create_app
from tests.support.clock import ManualClock
from tests.support.fake_alerts import FakeAlerts, an_alert
from tests.support.fake_sessions import FakeSessions
from tests.support.interfaces import interfaces
from tests.unit.signaling.conftest import Client

ALERTS = "/api/v1/alerts"


@pytest.fixture
def alerts() -> FakeAlerts:
    found = FakeAlerts()
    found.alerts[DEFAULT_TENANT, "a1"] = an_alert()
    return found


@pytest.fixture
async def client(
    development: Settings, clock: ManualClock, sessions: FakeSessions, alerts: FakeAlerts
) -> AsyncIterator[Client]:
    seen = interfaces(sessions, clock, alerts=alerts)
    app = create_app(development, clock, Metrics(), seen, contextlib.nullcontext())
    async with TestClient(TestServer(app)) as made:
        yield made


async def test_a_list_names_what_became_of_each(client: Client, alerts: FakeAlerts) -> None:
    query = {"state": "open", "severity": "high", "after": "x", "limit": "7"}
    body = await (await client.get(ALERTS, params=query)).json()
    assert (body["count"], body["next"]) == (1, None)
    first = body["alerts"][0]
    assert (first["alert_id"], first["assigned_to"], first["resolution"]) == ("a1", None, None)
    (wanted, after, limit) = alerts.wanted[0]
    assert (wanted.tenant_id, wanted.state, wanted.severity) == (DEFAULT_TENANT, "open", "high")
    assert (after, limit) == ("x", 7)


@pytest.mark.parametrize(
    "query", [{"state": "closed"}, {"severity": "huge"}, {"limit": "0"}, {"colour": "red"}]
)
async def test_a_list_that_makes_no_sense_is_refused(client: Client, query: dict[str, str]) -> None:
    assert (await client.get(ALERTS, params=query)).status == 400


async def test_an_alert_is_assigned_and_resolved_by_the_principal(client: Client) -> None:
    given = await client.post(f"{ALERTS}/a1/assign", json={"assigned_to": "Ann"})
    assert (await given.json())["assigned_by"] == "development"
    order = {"resolution": "false_positive", "note": "glasses"}
    closed = await (await client.post(f"{ALERTS}/a1/resolve", json=order)).json()
    assert (closed["assigned_to"], closed["resolution"]) == ("Ann", "false_positive")
    assert (closed["resolved_by"], closed["resolved_note"]) == ("development", "glasses")
    assert (await (await client.get(f"{ALERTS}/a1")).json()) == closed


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("assign", {}),
        ("assign", {"assigned_to": ""}),
        ("assign", {"assigned_to": "x" * 257}),
        ("assign", {"assigned_to": "x", "by": "y"}),
        ("resolve", {"resolution": "whatever"}),
        ("resolve", {"resolution": "handled", "note": "x" * 2_001}),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    client: Client, call: str, body: dict[str, Any]
) -> None:
    assert (await client.post(f"{ALERTS}/a1/{call}", json=body)).status == 400


@pytest.mark.parametrize("call", ["assign", "resolve"])
async def test_an_alert_that_is_not_there_is_404(client: Client, call: str) -> None:
    body = {"assign": {"assigned_to": "x"}, "resolve": {"resolution": "handled"}}[call]
    assert (await client.post(f"{ALERTS}/a2/{call}", json=body)).status == 404
    assert (await client.get(f"{ALERTS}/a2")).status == 404


async def test_statistics_are_of_so_many_days(
    client: Client, alerts: FakeAlerts, clock: ManualClock
) -> None:
    body = await (await client.get(f"{ALERTS}/course", params={"days": "7"})).json()
    assert (body["total"], body["by_hour"]) == (1, {"13": 1})
    assert (body["acknowledged_median_s"], body["acknowledged_p95_s"]) == (None, 1.5)
    assert alerts.counted == [(DEFAULT_TENANT, clock.now_ms() - 7 * 86_400_000)]
    assert (await client.get(f"{ALERTS}/course", params={"days": "0"})).status == 400


async def test_the_feed_says_what_is_new(client: Client, alerts: FakeAlerts) -> None:
    alerts.news = ({"type": "alert", "alert_id": "a9", "change": "raised"},)
    response = await client.get(f"{ALERTS}/feed")
    text = await response.text()
    assert response.content_type == "text/event-stream"
    assert 'event: alert\ndata: {"type":"alert","alert_id":"a9","change":"raised"' in text
    assert f'"tenant":"{DEFAULT_TENANT}"' in text
