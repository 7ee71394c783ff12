"""Which endpoints get a row of the outbox, and what it says: ids, states and codes; no person and
no score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from kyc_rtc.clock import Clock
from kyc_rtc.ids import AlertId
from kyc_rtc.scopes import is_sandbox
from kyc_rtc.storage.deliveries import Plan
from kyc_rtc.storage.delivery_records import NewDelivery, OutboxRecord, Target
from kyc_rtc.storage.topics import Topic
from kyc_rtc.storage.values import JsonObject
from kyc_rtc.storage.webhooks import WEBHOOK, Subscription, WebhookRepository

REREAD_EVERY_MS: Final = 2_000.0
"""For so long an endpoint that is new may miss events."""

_OF_AN_ALERT: Final = ("alert_id", "alert_type", "severity")
_OF_A_SESSION: Final = ("state", "status", "needs_review", "reasons")


class WebhookPlanner:
    """A `Planner` that reads the endpoints every two seconds."""

    def __init__(self, webhooks: WebhookRepository, clock: Clock) -> None:
        self._webhooks = webhooks
        self._clock = clock
        self._by_tenant: Mapping[str, tuple[Subscription, ...]] = {}
        self._read_at_ms = float("-inf")

    async def plan(self) -> Plan:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._read_at_ms >= REREAD_EVERY_MS:
            self._by_tenant = _by_tenant(await self._webhooks.subscriptions())
            self._read_at_ms = now_ms
        by_tenant = self._by_tenant
        return lambda row: deliveries_for(row, by_tenant.get(row.tenant_id, ()))


def deliveries_for(
    row: OutboxRecord, subscriptions: Iterable[Subscription]
) -> Iterator[NewDelivery]:
    """One for each endpoint that wants it. `subscriptions`: of the row's tenant.

    A session comes to a state once, so that session and topic name an event.
    """
    alert_id = row.payload.get("alert_id")
    for subscription in subscriptions:
        if not subscription.wants(row.topic):
            continue
        yield NewDelivery(
            Target(WEBHOOK, subscription.webhook_id),
            row.tenant_id,
            row.topic,
            message_of(row),
            dedupe_key=f"{WEBHOOK}:{subscription.webhook_id}:{row.topic}:{alert_id or row.session_id}",
            due_at_ms=row.created_at_ms,
            alert_id=None if alert_id is None else AlertId(str(alert_id)),
            session_id=row.session_id,
            verification_id=row.verification_id,
        )


def message_of(row: OutboxRecord) -> JsonObject:
    """The body that is sent."""
    names = _OF_AN_ALERT if row.topic == Topic.ALERT_RAISED else _OF_A_SESSION
    data = {
        "verification_id": row.verification_id,
        "session_id": row.session_id,
        **{name: row.payload[name] for name in names if name in row.payload},
        "is_test": is_sandbox(row.tenant_id),
    }
    return message(row.topic, row.created_at_ms, data)


def message(kind: str, at_ms: int, data: JsonObject) -> JsonObject:
    """A body in the form of Standard Webhooks. `at_ms`: when it happened."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {"type": kind, "timestamp": at.replace("+00:00", "Z"), "data": data}


def _by_tenant(found: Iterable[Subscription]) -> Mapping[str, tuple[Subscription, ...]]:
    by_tenant: dict[str, list[Subscription]] = {}
    for subscription in found:
        by_tenant.setdefault(subscription.tenant_id, []).append(subscription)
    return {tenant_id: tuple(own) for tenant_id, own in by_tenant.items()}
