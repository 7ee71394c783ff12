"""Webhooks and deliveries as the HTTP side sees them. Implements `DeliveryInterface`."""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import asdict
from typing import Final

import structlog

from kyc_rtc.clock import Clock
from kyc_rtc.delivery.alert_plan import HOUR_MS
from kyc_rtc.delivery.interface import (
    MAX_OVERLAP_S,
    MAX_WEBHOOKS_OF_TENANT,
    CreatedWebhook,
    DeliveryAttemptView,
    DeliveryDetails,
    DeliveryFilter,
    DeliveryPage,
    DeliveryView,
    TestOutcome,
    Topic,
    WebhookOrder,
    WebhookView,
)
from kyc_rtc.delivery.webhook_plan import message
from kyc_rtc.delivery.webhook_sender import WebhookSender
from kyc_rtc.delivery.webhook_targets import check_url
from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.scopes import DEFAULT_TENANT, is_sandbox
from kyc_rtc.settings import Settings
from kyc_rtc.storage.cursors import cursor_of, position_of
from kyc_rtc.storage.deliveries import DeliveryStore
from kyc_rtc.storage.delivery_records import DeliveryQuery, DeliveryRecord
from kyc_rtc.storage.records import Position
from kyc_rtc.storage.values import MAX_ID_LENGTH, JsonObject, check_text
from kyc_rtc.storage.webhooks import WEBHOOK, WebhookRecord, WebhookRepository

TEST: Final = "webhook.test"
_CURSOR: Final = "d"
_SECRET_BYTES: Final = 32

log = structlog.get_logger(__name__)


class DeliveryService:
    """Makes endpoints, tests them, and shows what was sent."""

    def __init__(
        self,
        webhooks: WebhookRepository,
        deliveries: DeliveryStore,
        sender: WebhookSender,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._sender = sender
        self._settings = settings
        self._clock = clock

    async def webhooks(self, tenant_id: str) -> tuple[WebhookView, ...]:
        return tuple(map(_view, await self._webhooks.listed(tenant_id)))

    async def create_webhook(self, order: WebhookOrder) -> CreatedWebhook:
        settings = self._settings
        check_url(
            order.url,
            allow_private=settings.private_webhooks_allowed,
            allow_plain_local=settings.development,
        )
        unknown = sorted(set(order.events) - set(Topic))
        if unknown:
            raise BadRequest("events: has one that there is not", hint="see docs/webhooks.md")
        record = WebhookRecord(
            webhook_id=str(uuid.uuid4()),
            tenant_id=order.tenant_id,
            url=order.url,
            events=tuple(sorted(set(order.events))),
            secret=_new_secret(),
            created_at_ms=self._clock.now_ms(),
            created_by=order.by,
        )
        if not await self._webhooks.add(record, MAX_WEBHOOKS_OF_TENANT):
            raise Conflict(
                f"the tenant has {MAX_WEBHOOKS_OF_TENANT} webhooks", hint="delete some first"
            )
        log.info("webhook_created", webhook_id=record.webhook_id, tenant_id=record.tenant_id)
        return CreatedWebhook(_view(record), record.secret)

    async def delete_webhook(self, tenant_id: str, webhook_id: str) -> None:
        await self._webhooks.delete(tenant_id, webhook_id)
        log.info("webhook_deleted", webhook_id=webhook_id, tenant_id=tenant_id)

    async def rotate_webhook(
        self, tenant_id: str, webhook_id: str, overlap_s: int
    ) -> CreatedWebhook:
        if not 0 <= overlap_s <= MAX_OVERLAP_S:
            raise BadRequest(f"overlap: has to be 0 to {MAX_OVERLAP_S} s")
        until_ms = self._clock.now_ms() + 1_000 * overlap_s
        record = await self._webhooks.rotate(tenant_id, webhook_id, _new_secret(), until_ms)
        return CreatedWebhook(_view(record), record.secret)

    async def test_webhook(self, tenant_id: str, webhook_id: str) -> TestOutcome:
        record = await self._enabled(tenant_id, webhook_id)
        data: JsonObject = {"webhook_id": webhook_id, "is_test": is_sandbox(tenant_id)}
        body = message(TEST, self._clock.now_ms(), data)
        began_ms = self._clock.monotonic_ms()
        outcome = await self._sender.post(record, str(uuid.uuid4()), body)
        took_ms = round(self._clock.monotonic_ms() - began_ms)
        return TestOutcome(outcome.ok, outcome.status, outcome.reason, took_ms)

    async def deliveries(self, wanted: DeliveryFilter, after: str, limit: int) -> DeliveryPage:
        query = _query(wanted)
        position = position_of(_CURSOR, after)
        found = await self._deliveries.listed(wanted.tenant_id, query, position, limit + 1)
        page = found[:limit]
        following = None
        if len(found) > limit:
            last = page[-1]
            following = cursor_of(_CURSOR, Position(last.created_at_ms, last.delivery_id))
        return DeliveryPage(tuple(map(_delivery_view, page)), following)

    async def delivery(self, tenant_id: str, delivery_id: str) -> DeliveryDetails:
        record = await self._deliveries.get(tenant_id, delivery_id)
        attempts = []
        for attempt in await self._deliveries.attempts(tenant_id, delivery_id):
            fields = asdict(attempt)
            del fields["delivery_id"]
            attempts.append(DeliveryAttemptView(**fields))
        return DeliveryDetails(_delivery_view(record), record.payload, tuple(attempts))

    async def replay(self, tenant_id: str, delivery_id: str) -> DeliveryView:
        record = await self._deliveries.get(tenant_id, delivery_id)
        if record.kind == WEBHOOK:
            try:
                await self._enabled(tenant_id, record.target)
            except NotFound:
                raise Conflict("the endpoint was deleted") from None
        elif tenant_id != DEFAULT_TENANT:
            raise Conflict("channels of alerts are the operator's", hint="ask the operator")
        patience_ms = self._settings.alerts.give_up_after_h * HOUR_MS
        now_ms = self._clock.now_ms()
        if (record.leased_until_ms or 0) > now_ms:
            raise Conflict("it is being sent just now", hint="look again in a minute")
        return _delivery_view(
            await self._deliveries.retry_now(tenant_id, delivery_id, now_ms, patience_ms)
        )

    async def _enabled(self, tenant_id: str, webhook_id: str) -> WebhookRecord:
        """Raises Conflict where it is disabled, NotFound where there is none."""
        record = await self._webhooks.get(tenant_id, webhook_id)
        if record.disabled_at_ms is not None:
            raise Conflict("the endpoint is disabled", hint="delete it, and register it again")
        return record


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _query(wanted: DeliveryFilter) -> DeliveryQuery:
    """Raises BadRequest for what can equal nothing that is stored."""
    fields = asdict(wanted)
    del fields["tenant_id"]
    for name, value in fields.items():
        if value is not None:
            check_text(name, value, 2 * MAX_ID_LENGTH)
    session_id, alert_id = fields.pop("session_id"), fields.pop("alert_id")
    verification_id = fields.pop("verification_id")
    return DeliveryQuery(
        **fields,
        alert_id=None if alert_id is None else AlertId(alert_id),
        session_id=None if session_id is None else SessionId(session_id),
        verification_id=None if verification_id is None else SessionId(verification_id),
    )


def _view(record: WebhookRecord) -> WebhookView:
    return WebhookView(
        webhook_id=record.webhook_id,
        url=record.url,
        events=record.events,
        created_at_ms=record.created_at_ms,
        created_by=record.created_by,
        disabled_at_ms=record.disabled_at_ms,
        previous_until_ms=record.previous_until_ms,
    )


def _delivery_view(record: DeliveryRecord) -> DeliveryView:
    return DeliveryView(
        delivery_id=record.delivery_id,
        kind=record.kind,
        target=record.target,
        topic=record.topic,
        state=record.state,
        count=record.count,
        attempts=record.attempts,
        created_at_ms=record.created_at_ms,
        due_at_ms=record.due_at_ms,
        delivered_at_ms=record.delivered_at_ms,
        alert_id=record.alert_id,
        session_id=record.session_id,
        verification_id=record.verification_id,
    )
