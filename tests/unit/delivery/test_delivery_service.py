"""Webhooks and deliveries by their interface, over SQLite and a real receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from kyc_rtc.clock import SystemClock
from kyc_rtc.delivery.http_client import HttpClient
from kyc_rtc.delivery.interface import (
    MAX_OVERLAP_S,
    MAX_WEBHOOKS_OF_TENANT,
    CreatedWebhook,
    DeliveryFilter,
    WebhookOrder,
)
from kyc_rtc.delivery.service import DeliveryService
from kyc_rtc.delivery.webhook_sender import WebhookSender
from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.settings import Settings
from kyc_rtc.storage import DeliveryAttempt, NewDelivery, SqlDeliveryStore, Target
from kyc_rtc.storage.webhooks import WEBHOOK, SqlWebhookRepository
from tests.support.receiver import Receiver, receiving
from tests.unit.storage.stores import SEALER, opened

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Scene:
    """The service, what it stands on, and a receiver."""

    service: DeliveryService
    store: SqlDeliveryStore
    webhooks: SqlWebhookRepository
    receiver: Receiver

    async def registered(self, tenant_id: str = "bank-a") -> CreatedWebhook:
        order = WebhookOrder(tenant_id, self.receiver.url, (), "backend")
        return await self.service.create_webhook(order)

    async def planned(self, webhook_id: str, count: int = 1) -> list[str]:
        """Ids of deliveries to it, the oldest first."""
        for number in range(count):
            target = Target(WEBHOOK, webhook_id)
            new = NewDelivery(target, "bank-a", "alert.raised", {"n": number}, f"k{number}", 1)
            await self.store.add([new], 1_000 + number, HOUR_MS)
        return [one.delivery_id for one in reversed(await self.store.listed("bank-a"))]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(f"sqlite:///{tmp_path}/s.sqlite3") as database, receiving() as receiver:
        webhooks, store = SqlWebhookRepository(database, SEALER), SqlDeliveryStore(database)
        sender = WebhookSender(webhooks, HttpClient(lambda _: True), SystemClock())
        service = DeliveryService(webhooks, store, sender, Settings(), SystemClock())
        yield Scene(service, store, webhooks, receiver)
        await sender.aclose()


async def test_a_test_is_signed_and_sent_at_once(scene: Scene) -> None:
    made = await scene.registered()
    outcome = await scene.service.test_webhook("bank-a", made.webhook.webhook_id)
    assert (outcome.ok, outcome.status, outcome.reason) == (True, 204, "")
    ((headers, body),) = scene.receiver.requests
    message = Webhook(made.secret).verify(body, headers)
    assert (message["type"], message["data"]["is_test"]) == ("webhook.test", False)
    assert await scene.store.listed("bank-a") == []


async def test_a_test_says_why_it_failed(scene: Scene) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=418, text="short and stout")

    scene.receiver.respond = refuse
    made = await scene.registered()
    outcome = await scene.service.test_webhook("bank-a", made.webhook.webhook_id)
    assert (outcome.ok, outcome.status, outcome.reason) == (False, 418, "HTTP 418: short and stout")


async def test_after_a_rotation_both_secrets_count(scene: Scene) -> None:
    made = await scene.registered()
    webhook_id = made.webhook.webhook_id
    rotated = await scene.service.rotate_webhook("bank-a", webhook_id, 60)
    await scene.service.test_webhook("bank-a", webhook_id)
    ((headers, body),) = scene.receiver.requests
    assert made.secret != rotated.secret
    for secret in (made.secret, rotated.secret):
        Webhook(secret).verify(body, headers)
    for overlap_s in (-1, MAX_OVERLAP_S + 1):
        with pytest.raises(BadRequest):
            await scene.service.rotate_webhook("bank-a", webhook_id, overlap_s)


@pytest.mark.parametrize(
    ("url", "events"),
    [("https://a@bank.example/", ()), ("http://bank.example/", ()), ("https://x.example/", ("y",))],
)
async def test_what_cannot_be_registered(scene: Scene, url: str, events: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest):
        await scene.service.create_webhook(WebhookOrder("bank-a", url, events, "backend"))
    assert await scene.service.webhooks("bank-a") == ()


async def test_there_are_so_many_and_no_more(scene: Scene) -> None:
    for _ in range(MAX_WEBHOOKS_OF_TENANT):
        await scene.registered()
    with pytest.raises(Conflict, match="20"):
        await scene.registered()
    await scene.registered("bank-b")


async def test_nothing_of_a_tenant_is_there_for_another(scene: Scene) -> None:
    made = await scene.registered()
    webhook_id = made.webhook.webhook_id
    (delivery_id,) = await scene.planned(webhook_id)
    service = scene.service
    for call in (
        service.delete_webhook("bank-b", webhook_id),
        service.rotate_webhook("bank-b", webhook_id, 0),
        service.test_webhook("bank-b", webhook_id),
        service.delivery("bank-b", delivery_id),
        service.replay("bank-b", delivery_id),
    ):
        with pytest.raises(NotFound):
            await call
    assert await service.webhooks("bank-b") == ()
    assert (await service.deliveries(DeliveryFilter("bank-b"), "", 10)).deliveries == ()
    assert scene.receiver.requests == []


async def test_deliveries_come_in_pages(scene: Scene) -> None:
    ids = await scene.planned("w-1", 5)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await scene.service.deliveries(DeliveryFilter("bank-a"), after, 2)
        found += [one.delivery_id for one in page.deliveries]
        after = page.next
    assert found == ids[::-1]
    for filters, count in (({"target": "w-1"}, 5), ({"target": "w-2"}, 0), ({"kind": "alert"}, 0)):
        wanted = DeliveryFilter("bank-a", **filters)
        assert len((await scene.service.deliveries(wanted, "", 10)).deliveries) == count
    with pytest.raises(BadRequest):
        await scene.service.deliveries(DeliveryFilter("bank-a"), "junk", 2)
    with pytest.raises(BadRequest):
        await scene.service.deliveries(DeliveryFilter("bank-a", target="\0"), "", 2)


async def test_a_delivery_that_was_given_up_is_sent_again(scene: Scene) -> None:
    made = await scene.registered()
    (delivery_id,) = await scene.planned(made.webhook.webhook_id)
    (leased,) = await scene.store.lease(Target(WEBHOOK, made.webhook.webhook_id), "p", 2_000, 9, 1)
    attempt = DeliveryAttempt(leased.delivery_id, 1, 2_000, False, 500, "HTTP 500", 3)
    await scene.store.finish(attempt, "p", None)
    details = await scene.service.delivery("bank-a", delivery_id)
    assert (details.delivery.state, details.payload) == ("given_up", {"n": 0})
    assert [(one.number, one.reason) for one in details.attempts] == [(1, "HTTP 500")]
    again = await scene.service.replay("bank-a", delivery_id)
    assert (again.delivery_id, again.state) == (delivery_id, "pending")


@pytest.mark.parametrize("deleted", [True, False])
async def test_nothing_is_sent_to_an_endpoint_that_is_gone(scene: Scene, deleted: bool) -> None:
    made = await scene.registered()
    webhook_id = made.webhook.webhook_id
    (delivery_id,) = await scene.planned(webhook_id)
    if deleted:
        await scene.service.delete_webhook("bank-a", webhook_id)
    else:
        await scene.webhooks.disable("bank-a", webhook_id, 5_000)
        with pytest.raises(Conflict, match="disabled"):
            await scene.service.test_webhook("bank-a", webhook_id)
    with pytest.raises(Conflict, match="endpoint"):
        await scene.service.replay("bank-a", delivery_id)
    assert (await scene.service.delivery("bank-a", delivery_id)).delivery.state == "cancelled"


async def test_what_is_being_sent_is_not_sent_a_second_time(scene: Scene) -> None:
    made = await scene.registered()
    (delivery_id,) = await scene.planned(made.webhook.webhook_id)
    now_ms = SystemClock().now_ms()
    await scene.store.lease(Target(WEBHOOK, made.webhook.webhook_id), "p", now_ms, 60_000, 1)
    with pytest.raises(Conflict, match="just now"):
        await scene.service.replay("bank-a", delivery_id)


async def test_only_the_operator_sends_to_channels_again(scene: Scene) -> None:
    for tenant_id in ("bank-a", DEFAULT_TENANT):
        new = NewDelivery(Target("alert", "slack"), tenant_id, "alert.raised", {}, tenant_id, 1)
        await scene.store.add([new], 1_000, HOUR_MS)
    ids = {t: (await scene.store.listed(t))[0].delivery_id for t in ("bank-a", DEFAULT_TENANT)}
    with pytest.raises(Conflict, match="operator"):
        await scene.service.replay("bank-a", ids["bank-a"])
    again = await scene.service.replay(DEFAULT_TENANT, ids[DEFAULT_TENANT])
    assert again.state == "pending"
