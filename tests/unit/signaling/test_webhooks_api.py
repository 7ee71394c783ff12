"""The REST API of webhooks and deliveries, over fakes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kyc_rtc.delivery.interface import DeliveryFilter, WebhookOrder
from kyc_rtc.errors import Conflict
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from signaling.app import create_app
from tests.support.clock import ManualClock
from tests.support.fake_deliveries import FakeDeliveries
from tests.support.fake_sessions import FakeSessions
from tests.support.interfaces import interfaces
from tests.unit.signaling.conftest import Client

WEBHOOKS, DELIVERIES = "/api/v1/webhooks", "/api/v1/deliveries"
AT = "2023-11-14T22:13:20.000Z"


@pytest.fixture
def deliveries() -> FakeDeliveries:
    return FakeDeliveries()


@pytest.fixture
async def client(
    development: Settings, clock: ManualClock, deliveries: FakeDeliveries
) -> AsyncIterator[Client]:
    parts = interfaces(FakeSessions(), clock, deliveries=deliveries)
    app = create_app(development, clock, Metrics(), parts, contextlib.nullcontext())
    async with TestClient(TestServer(app)) as made:
        yield made


async def called(client: Client, method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
    response = await client.request(method, path, **kwargs)
    return response.status, await response.json() if response.status != 204 else None


async def test_an_endpoint_is_registered_for_some_events(
    client: Client, deliveries: FakeDeliveries
) -> None:
    body = {"url": "https://bank.example/hook", "events": ["alert.raised"]}
    status, made = await called(client, "POST", WEBHOOKS, json=body)
    assert (status, made["secret"]) == (201, "whsec_new")
    assert made["webhook"] == {
        "webhook_id": "w1",
        "url": "https://bank.example/hook",
        "events": ["alert.raised"],
        "enabled": True,
        "created_at": made["webhook"]["created_at"],
        "created_by": "development",
        "disabled_at": None,
        "previous_secret_until": None,
    }
    assert made["webhook"]["created_at"].startswith("2023-11-14T22:13:20")
    order = WebhookOrder("default", body["url"], ("alert.raised",), "development")  # type: ignore[arg-type]
    assert deliveries.calls == [("create_webhook", order)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "https://x.example/", "events": ["no.such"]},
        {"url": "https://x.example/", "events": "alert.raised"},
        {"url": "https://x.example/", "secret": "mine"},
        {"url": "x" * 2_001},
    ],
)
async def test_what_is_no_order_is_refused(
    client: Client, deliveries: FakeDeliveries, body: dict[str, Any]
) -> None:
    status, _ = await called(client, "POST", WEBHOOKS, json=body)
    assert (status, deliveries.calls) == (400, [])


async def test_the_list_has_no_secret(client: Client) -> None:
    status, listed = await called(client, "GET", WEBHOOKS)
    assert (status, [one["webhook_id"] for one in listed["webhooks"]]) == (200, ["w1"])
    assert "whsec" not in repr(listed)


async def test_a_secret_is_rotated_with_an_overlap(client: Client) -> None:
    status, made = await called(client, "POST", f"{WEBHOOKS}/w1/rotate", json={"overlap": 60})
    assert (status, made["secret"]) == (200, "whsec_next")
    assert made["webhook"]["previous_secret_until"].startswith("2023-11-14T22:14:20")
    for overlap in (-1, 10**9, "x"):
        body = {"overlap": overlap}
        assert (await called(client, "POST", f"{WEBHOOKS}/w1/rotate", json=body))[0] == 400


async def test_a_test_says_what_came_of_it(client: Client) -> None:
    assert await called(client, "POST", f"{WEBHOOKS}/w1/test") == (
        200,
        {"ok": False, "http_status": 500, "reason": "HTTP 500", "took_ms": 12},
    )


async def test_an_endpoint_is_deleted(client: Client) -> None:
    assert await called(client, "DELETE", f"{WEBHOOKS}/w1") == (204, None)
    assert (await called(client, "DELETE", f"{WEBHOOKS}/w2"))[0] == 404


async def test_deliveries_are_listed_by_filters(client: Client, deliveries: FakeDeliveries) -> None:
    query = {"kind": "webhook", "target": "w1", "state": "given_up", "limit": "7", "after": "abc"}
    status, page = await called(client, "GET", DELIVERIES, params=query)
    assert (status, page["count"], page["next"]) == (200, 1, None)
    assert page["deliveries"][0]["state"] == "delivered"
    wanted = DeliveryFilter("default", kind="webhook", target="w1", state="given_up")
    assert deliveries.calls == [("deliveries", (wanted, "abc", 7))]


@pytest.mark.parametrize("query", ["state=lost", "kind=letter", "limit=0", "no=1", "tenant_id=x"])
async def test_what_is_no_filter_is_refused(client: Client, query: str) -> None:
    assert (await called(client, "GET", f"{DELIVERIES}?{query}"))[0] == 400


async def test_a_delivery_has_its_attempts(client: Client) -> None:
    status, found = await called(client, "GET", f"{DELIVERIES}/d1")
    assert (status, found["delivery"]["attempts"]) == (200, 2)
    assert [(one["number"], one["ok"], one["http_status"]) for one in found["tries"]] == [
        (1, False, 500),
        (2, True, 204),
    ]
    assert found["payload"]["type"] == "verification.completed"


async def test_a_delivery_is_sent_again(client: Client, deliveries: FakeDeliveries) -> None:
    status, found = await called(client, "POST", f"{DELIVERIES}/d1/replay")
    assert (status, found["state"], found["delivered_at"]) == (200, "pending", None)
    deliveries.refusal = Conflict("the endpoint was deleted")
    assert (await called(client, "POST", f"{DELIVERIES}/d1/replay"))[0] == 409
