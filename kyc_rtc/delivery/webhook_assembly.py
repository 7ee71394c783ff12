"""The parts of the webhooks, put together."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.clock import Clock
from kyc_rtc.delivery.assembly import Kind
from kyc_rtc.delivery.http_client import HttpClient
from kyc_rtc.delivery.service import DeliveryService
from kyc_rtc.delivery.webhook_plan import WebhookPlanner
from kyc_rtc.delivery.webhook_sender import WebhookSender
from kyc_rtc.delivery.webhook_targets import is_public
from kyc_rtc.settings import Settings
from kyc_rtc.storage.deliveries import DeliveryStore
from kyc_rtc.storage.webhooks import WEBHOOK, WebhookRepository


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What the worker sends webhooks by, and the interface for the HTTP side. Ends with `aclose`, after the
    worker."""

    kind: Kind
    service: DeliveryService
    sender: WebhookSender

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self.sender.aclose()


def assemble_webhooks(
    settings: Settings, clock: Clock, webhooks: WebhookRepository, deliveries: DeliveryStore
) -> Webhooks:
    """Webhooks as the settings allow them."""
    allowed = _any_address if settings.private_webhooks_allowed else is_public
    sender = WebhookSender(webhooks, HttpClient(allowed), clock)
    kind = Kind(WEBHOOK, WebhookPlanner(webhooks, clock), sender)
    service = DeliveryService(webhooks, deliveries, sender, settings, clock)
    return Webhooks(kind, service, sender)


def _any_address(_address: str) -> bool:
    return True
