"""Which channels hear of an alert, and when. Pure: rows of the outbox in, deliveries out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.alerts.rules import AlertRules
from kyc_rtc.ids import AlertId
from kyc_rtc.storage.deliveries import Plan
from kyc_rtc.storage.delivery_records import NewDelivery, OutboxRecord, Target
from kyc_rtc.storage.topics import Topic

KIND: Final = "alert"
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DIGEST_GRACE_MS: Final = 300_000
"""A digest goes out so long after its day is over: what was raised in its last moments is in the store."""


class AlertTopic(StrEnum):
    """What a delivery to a channel is."""

    RAISED = Topic.ALERT_RAISED.value
    ESCALATED = "alert.escalated"
    DIGEST = "alert.digest"


Endpoints = Mapping[str, tuple[str, ...]]
"""The places that a channel's name stands for, such as two addresses of one team; each is a target of its
own, so that one that fails does not make the other hear everything twice."""


class AlertPlanner:
    """Plans by the rules, over the channels that are configured."""

    def __init__(self, rules: AlertRules, endpoints: Endpoints) -> None:
        self._rules = rules
        self._endpoints = endpoints

    async def plan(self) -> Plan:
        return lambda row: deliveries_for(row, self._rules, self._endpoints)


def deliveries_for(
    row: OutboxRecord, rules: AlertRules, endpoints: Endpoints
) -> Iterator[NewDelivery]:
    """What has to be sent of a row of the outbox; nothing where it is not of an alert."""
    if row.topic != Topic.ALERT_RAISED:
        return
    route = rules.routes[_severity(row)]
    channels = route.channels
    if row.payload["alert_type"] == AlertType.CHANNEL_FAILING:
        channels = (*channels, *rules.fallback)  # the one that fails may be among them
    for place in _places(channels, rules, endpoints):
        yield _raised(row, place, rules.dedupe_window_s * 1_000)
    for place in _places(route.escalate_to, rules, endpoints):
        yield _escalated(row, place, route.escalate_after_s)
    for place in _places(route.digest, rules, endpoints):
        yield _digest(row, place, rules.digest_hour_utc)


def _severity(row: OutboxRecord) -> Severity:
    """A severity of a newer program is routed like a high one: somebody hears of it."""
    try:
        return Severity(str(row.payload["severity"]))
    except ValueError:
        return Severity.HIGH


def _places(channels: Iterable[str], rules: AlertRules, endpoints: Endpoints) -> tuple[str, ...]:
    """The endpoints of the channels that are configured, each once; where none is, of the fallback's."""
    named = tuple(channels)
    found = _configured(named, endpoints)
    if named and not found:
        found = _configured(rules.fallback, endpoints)
    return found


def _configured(channels: Iterable[str], endpoints: Endpoints) -> tuple[str, ...]:
    places = (place for name in channels for place in endpoints.get(name, ()))
    return tuple(dict.fromkeys(places))


def _raised(row: OutboxRecord, place: str, window_ms: int) -> NewDelivery:
    """One for each verification and type in a window; without a window, one for each alert."""
    kind = row.payload["alert_type"]
    window = row.created_at_ms // window_ms if window_ms else f"alert-{row.payload['alert_id']}"
    return NewDelivery(
        Target(KIND, place),
        row.tenant_id,
        AlertTopic.RAISED.value,
        row.payload,
        dedupe_key=f"alert:{place}:{row.verification_id}:{kind}:{window}",
        due_at_ms=row.created_at_ms,
        alert_id=_alert_id(row),
        session_id=row.session_id,
        verification_id=row.verification_id,
    )


def _escalated(row: OutboxRecord, place: str, after_s: int) -> NewDelivery:
    """One for each alert: whoever acknowledged another one may not know of this."""
    return NewDelivery(
        Target(KIND, place),
        row.tenant_id,
        AlertTopic.ESCALATED.value,
        {**row.payload, "after_s": after_s},
        dedupe_key=f"escalation:{place}:{_alert_id(row)}",
        due_at_ms=row.created_at_ms + after_s * 1_000,
        alert_id=_alert_id(row),
        session_id=row.session_id,
        verification_id=row.verification_id,
        until_acknowledged=True,
    )


def _digest(row: OutboxRecord, place: str, hour_utc: int) -> NewDelivery:
    """One a day for each tenant. It is about no single session, and stays when one is deleted."""
    shift_ms = hour_utc * HOUR_MS
    from_ms = (row.created_at_ms - shift_ms) // DAY_MS * DAY_MS + shift_ms
    to_ms = from_ms + DAY_MS
    return NewDelivery(
        Target(KIND, place),
        row.tenant_id,
        AlertTopic.DIGEST.value,
        {"from_ms": from_ms, "to_ms": to_ms, "severity": row.payload["severity"]},
        dedupe_key=f"digest:{place}:{row.tenant_id}:{row.payload['severity']}:{to_ms}",
        due_at_ms=to_ms + DIGEST_GRACE_MS,
    )


def _alert_id(row: OutboxRecord) -> AlertId:
    return AlertId(str(row.payload["alert_id"]))
