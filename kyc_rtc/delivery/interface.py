"""The interface of webhooks and deliveries, in plain values: what the HTTP side may ask of them.

It keeps the rule of the interface of the sessions: nothing that passes through it is bound to this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from kyc_rtc.storage.delivery_records import DeliveryState
from kyc_rtc.storage.records import MAX_URL_LENGTH
from kyc_rtc.storage.topics import Topic

__all__ = [
    "MAX_OVERLAP_S",
    "MAX_URL_LENGTH",
    "MAX_WEBHOOKS_OF_TENANT",
    "CreatedWebhook",
    "DeliveryAttemptView",
    "DeliveryDetails",
    "DeliveryFilter",
    "DeliveryInterface",
    "DeliveryPage",
    "DeliveryState",
    "DeliveryView",
    "TestOutcome",
    "Topic",
    "WebhookOrder",
    "WebhookView",
]

MAX_WEBHOOKS_OF_TENANT: Final = 20
MAX_OVERLAP_S: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class WebhookView:
    """An endpoint, without its secrets. Times are Unix milliseconds. `events`: empty where it wants all.

    `previous_until_ms`: until then the secret before the last rotation counts too.
    """

    webhook_id: str
    url: str
    events: tuple[str, ...]
    created_at_ms: int
    created_by: str
    disabled_at_ms: int | None = None
    previous_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CreatedWebhook:
    """An endpoint with a new secret, which is shown once."""

    webhook: WebhookView
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookOrder:
    """An endpoint that is to be made. `by`: who orders it; `events`: topics, empty for all."""

    tenant_id: str
    url: str
    events: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What came of a test. `status`: of the answer, None without one; `reason`: why it failed, else empty."""

    ok: bool
    status: int | None
    reason: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries of a tenant; None: any. `target`: an endpoint's id, or a channel of alerts."""

    tenant_id: str
    kind: str | None = None
    target: str | None = None
    state: str | None = None
    topic: str | None = None
    alert_id: str | None = None
    session_id: str | None = None
    verification_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """Something that was to be sent to one target. `count`: how many times it came up."""

    delivery_id: str
    kind: str
    target: str
    topic: str
    state: str
    count: int
    attempts: int
    created_at_ms: int
    due_at_ms: int
    delivered_at_ms: int | None
    alert_id: str | None
    session_id: str | None
    verification_id: str | None


@dataclass(frozen=True, slots=True)
class DeliveryAttemptView:
    """One attempt to send it. `status`: of the answer, None without one; `reason`: why it failed, else
    empty."""

    number: int
    at_ms: int
    ok: bool
    status: int | None
    reason: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryDetails:
    """A delivery with what is sent and with its attempts, in order."""

    delivery: DeliveryView
    payload: Mapping[str, Any]
    attempts: tuple[DeliveryAttemptView, ...]


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, and the cursor of the next page; None where this is the last."""

    deliveries: tuple[DeliveryView, ...]
    next: str | None


class DeliveryInterface(Protocol):
    """Every method raises `StorageUnavailable` while the database is away, and `NotFound` for what the tenant
    does not have."""

    async def webhooks(self, tenant_id: str) -> tuple[WebhookView, ...]:
        """All endpoints of a tenant, the newest first, the disabled ones too."""

    async def create_webhook(self, order: WebhookOrder) -> CreatedWebhook:
        """Raises `BadRequest` for a URL that webhooks may not go to, `Conflict` at the limit."""

    async def delete_webhook(self, tenant_id: str, webhook_id: str) -> None:
        """Delete an endpoint; what waits for it is cancelled."""

    async def rotate_webhook(
        self, tenant_id: str, webhook_id: str, overlap_s: int
    ) -> CreatedWebhook:
        """Another secret; the present one counts for `overlap_s` more. Raises `BadRequest`."""

    async def test_webhook(self, tenant_id: str, webhook_id: str) -> TestOutcome:
        """Send it `webhook.test` now. Raises `Conflict` where it is disabled."""

    async def deliveries(self, wanted: DeliveryFilter, after: str, limit: int) -> DeliveryPage:
        """Deliveries of all kinds, the newest first. `after`: the `next` of the page before, or empty.
        Raises `BadRequest`."""

    async def delivery(self, tenant_id: str, delivery_id: str) -> DeliveryDetails:
        """One delivery."""

    async def replay(self, tenant_id: str, delivery_id: str) -> DeliveryView:
        """Send it again, whatever became of it. Raises `Conflict` where its endpoint is gone or disabled."""
