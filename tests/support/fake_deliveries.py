"""Webhooks and deliveries with nothing behind them but dictionaries: for tests of the HTTP side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kyc_rtc.delivery.interface import (
    CreatedWebhook,
    DeliveryAttemptView,
    DeliveryDetails,
    DeliveryFilter,
    DeliveryPage,
    DeliveryView,
    TestOutcome,
    WebhookOrder,
    WebhookView,
)
from kyc_rtc.errors import KycError, NotFound
from kyc_rtc.scopes import DEFAULT_TENANT

A_WEBHOOK = WebhookView("w1", "https://bank.example/hook", (), 1_700_000_000_000, "backend")
A_DELIVERY = DeliveryView(
    delivery_id="d1", kind="webhook", target="w1", topic="verification.completed", state="delivered",
    count=1, attempts=2, created_at_ms=1_700_000_000_000, due_at_ms=1_700_000_000_000,
    delivered_at_ms=1_700_000_005_000, alert_id=None, session_id="s1", verification_id="s1",
)  # fmt: skip


class FakeDeliveries:
    """Implements `DeliveryInterface`: one endpoint and one delivery, of the tenant `default`. `refusal` is
    raised by the next call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.refusal: KycError | None = None

    def _check(self, name: str, detail: Any) -> None:
        self.calls.append((name, detail))
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    def _own(self, name: str, tenant_id: str, key: str, own: str) -> None:
        self._check(name, (tenant_id, key))
        if (tenant_id, key) != (DEFAULT_TENANT, own):
            raise NotFound("no such thing")

    async def webhooks(self, tenant_id: str) -> tuple[WebhookView, ...]:
        self._check("webhooks", tenant_id)
        return (A_WEBHOOK,) if tenant_id == DEFAULT_TENANT else ()

    async def create_webhook(self, order: WebhookOrder) -> CreatedWebhook:
        self._check("create_webhook", order)
        made = replace(A_WEBHOOK, url=order.url, events=order.events, created_by=order.by)
        return CreatedWebhook(made, "whsec_new")

    async def delete_webhook(self, tenant_id: str, webhook_id: str) -> None:
        self._own("delete_webhook", tenant_id, webhook_id, "w1")

    async def rotate_webhook(
        self, tenant_id: str, webhook_id: str, overlap_s: int
    ) -> CreatedWebhook:
        self._own("rotate_webhook", tenant_id, webhook_id, "w1")
        until_ms = A_WEBHOOK.created_at_ms + 1_000 * overlap_s
        return CreatedWebhook(replace(A_WEBHOOK, previous_until_ms=until_ms), "whsec_next")

    async def test_webhook(self, tenant_id: str, webhook_id: str) -> TestOutcome:
        self._own("test_webhook", tenant_id, webhook_id, "w1")
        return TestOutcome(False, 500, "HTTP 500", 12)

    async def deliveries(self, wanted: DeliveryFilter, after: str, limit: int) -> DeliveryPage:
        self._check("deliveries", (wanted, after, limit))
        return DeliveryPage((A_DELIVERY,) if wanted.tenant_id == DEFAULT_TENANT else (), None)

    async def delivery(self, tenant_id: str, delivery_id: str) -> DeliveryDetails:
        self._own("delivery", tenant_id, delivery_id, "d1")
        tries = (
            DeliveryAttemptView(1, 1_700_000_000_000, False, 500, "HTTP 500", 7),
            DeliveryAttemptView(2, 1_700_000_005_000, True, 204, "", 5),
        )
        return DeliveryDetails(A_DELIVERY, {"type": A_DELIVERY.topic, "data": {}}, tries)

    async def replay(self, tenant_id: str, delivery_id: str) -> DeliveryView:
        self._own("replay", tenant_id, delivery_id, "d1")
        return replace(A_DELIVERY, state="pending", delivered_at_ms=None)
