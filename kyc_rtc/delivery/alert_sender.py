"""Sends alerts to channels, and raises an alert about a channel that keeps failing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.clock import Clock
from kyc_rtc.delivery.alert_plan import HOUR_MS, KIND, AlertTopic
from kyc_rtc.delivery.ports import Outcome
from kyc_rtc.delivery.texts import Message, Texts
from kyc_rtc.errors import NotFound
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage.alert_course import AlertCourse
from kyc_rtc.storage.delivery_records import DeliveryAttempt, DeliveryRecord
from kyc_rtc.storage.records import AlertRecord

FAILING_AFTER: Final = 3
"""So many attempts of one delivery in a row: its channel keeps failing."""
_NAMES: Final = uuid.UUID("3a1f4c1e-6d3b-5e0f-9d47-8f0a4f3c2b11")
"""Any UUID: the namespace of the ids of alerts about channels."""

log = structlog.get_logger(__name__)


class Channel(Protocol):
    """One place that messages are sent to."""

    async def send(self, message: Message) -> Outcome:
        """Send it; what became of it. Off the event loop where the library blocks."""

    async def aclose(self) -> None:
        """Give up what it holds. Idempotent, and returns at once."""


class AlertSender:
    """A `Sender` for alerts: reads the alert as it is now, and puts it in words."""

    def __init__(self, alerts: AlertCourse, channels: Mapping[str, Channel], texts: Texts) -> None:
        """`channels`: by the name of the endpoint."""
        self._alerts = alerts
        self._channels = dict(channels)
        self._texts = texts

    async def send(self, delivery: DeliveryRecord) -> Outcome:
        channel = self._channels.get(delivery.target)
        if channel is None:
            return Outcome(False, reason="the channel is not configured")
        try:
            message = await self._message(delivery)
        except NotFound:
            return Outcome(False, reason="the alert was deleted")
        return await channel.send(message)

    async def _message(self, delivery: DeliveryRecord) -> Message:
        if delivery.topic == AlertTopic.DIGEST:
            severity, from_ms, to_ms = _counted(delivery)
            counts = await self._alerts.count_by_type(delivery.tenant_id, severity, from_ms, to_ms)
            return self._texts.of_digest(delivery, counts)
        alert = await self._alerts.find(delivery.tenant_id, delivery.alert_id or AlertId(""))
        return self._texts.of_alert(delivery, alert)

    async def aclose(self) -> None:
        """Close the channels. Idempotent."""
        for channel in self._channels.values():
            await channel.aclose()


class ChannelAlarm:
    """A `FailureObserver`: a channel that keeps failing raises an alert, once an hour at most. The failure of
    such an alert's own delivery raises none."""

    def __init__(self, alerts: AlertCourse, severity: Severity, clock: Clock) -> None:
        self._alerts = alerts
        self._severity = severity
        self._clock = clock

    async def failed(self, delivery: DeliveryRecord, attempt: DeliveryAttempt) -> None:
        if delivery.kind != KIND or attempt.number < FAILING_AFTER:
            return
        if delivery.payload.get("alert_type") == AlertType.CHANNEL_FAILING:
            return
        log.warning("channel_failing", channel=delivery.target, status=attempt.status)
        session_id = delivery.session_id or await self._session_of_digest(delivery)
        if session_id is None:  # an alert has a session, and those of this digest were deleted
            return
        now_ms = self._clock.now_ms()
        details: dict[str, str | float | list[str] | None] = {"channel": delivery.target}
        if delivery.tenant_id == DEFAULT_TENANT:  # what receivers answer is the operator's to read
            details |= {"reason": attempt.reason, "status_code": attempt.status}
        alert = AlertRecord(
            alert_id=channel_alert_id(delivery.tenant_id, delivery.target, now_ms),
            session_id=session_id,
            type=AlertType.CHANNEL_FAILING.value,
            severity=self._severity.value,
            message_key=AlertType.CHANNEL_FAILING.message_key,
            details=details,
            created_at_ms=now_ms,
            tenant_id=delivery.tenant_id,
        )
        await self._alerts.raise_once(alert)

    async def _session_of_digest(self, delivery: DeliveryRecord) -> SessionId | None:
        """That of the latest alert that the digest counts: it is about no single one."""
        severity, from_ms, to_ms = _counted(delivery)
        return await self._alerts.latest_session(delivery.tenant_id, severity, from_ms, to_ms)


def _counted(delivery: DeliveryRecord) -> tuple[str, int, int]:
    """The severity of a digest, and the time that it is about."""
    payload = delivery.payload
    from_ms, to_ms = (int(str(payload[name])) for name in ("from_ms", "to_ms"))
    return str(payload["severity"]), from_ms, to_ms


def channel_alert_id(tenant_id: str, channel: str, now_ms: int) -> AlertId:
    """The id of a tenant's alert about a channel in this hour: the same in every process. One for each
    tenant: who acknowledges theirs silences nobody else's."""
    return AlertId(str(uuid.uuid5(_NAMES, f"{tenant_id}:{channel}:{now_ms // HOUR_MS}")))
