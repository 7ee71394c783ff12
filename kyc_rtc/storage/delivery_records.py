"""Deliveries as values: what is to be sent to whom, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.scopes import MAX_TENANT_LENGTH
from kyc_rtc.storage.records import (
    MAX_WORD_LENGTH,
    check_tenant,
)
from kyc_rtc.storage.values import (
    MAX_ID_LENGTH,
    JsonObject,
    check_integer,
    check_text,
    copy_object,
)

MAX_KEY_LENGTH: Final = 4 * MAX_WORD_LENGTH + MAX_TENANT_LENGTH
MAX_REASON_LENGTH: Final = 500


class DeliveryState(StrEnum):
    """Where a delivery stands. The last three are final, until somebody sends it again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"
    """An escalation of an alert that somebody acknowledged, or resolved, in time; or what waited for an
    endpoint that was disabled or deleted."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Where something is sent: a channel of alerts by its name, or a webhook's endpoint by its id."""

    kind: str
    name: str

    def __post_init__(self) -> None:
        check_text("kind", self.kind, MAX_WORD_LENGTH)
        check_text("target", self.name, MAX_WORD_LENGTH)


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """Something happened that others may have to hear of. `payload` has ids and words, and no person."""

    number: int
    tenant_id: str
    topic: str
    session_id: SessionId
    verification_id: SessionId
    payload: JsonObject
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """Something to be sent to one target from `due_at_ms` on.

    Of one `dedupe_key` there is one delivery ever: a second one counts, and is not sent.
    `until_acknowledged`: not sent once the alert was acknowledged or resolved.

    Raises:
        BadRequest: a field cannot be stored, or there is no alert to be acknowledged.
    """

    target: Target
    tenant_id: str
    topic: str
    payload: JsonObject
    dedupe_key: str
    due_at_ms: int
    alert_id: AlertId | None = None
    session_id: SessionId | None = None
    verification_id: SessionId | None = None
    until_acknowledged: bool = False

    def __post_init__(self) -> None:
        check_tenant(self.tenant_id)
        check_text("topic", self.topic, MAX_WORD_LENGTH)
        check_text("dedupe_key", self.dedupe_key, MAX_KEY_LENGTH)
        check_integer("due_at_ms", self.due_at_ms)
        for name in ("alert_id", "session_id", "verification_id"):
            value = getattr(self, name)
            if value is not None:
                check_text(name, value, MAX_ID_LENGTH)
        if self.until_acknowledged and self.alert_id is None:
            raise BadRequest("until_acknowledged: an alert has to be named")
        object.__setattr__(self, "payload", copy_object("payload", self.payload))


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as it is stored. Times are milliseconds since the Unix epoch.

    `count`: how many times it came up. `attempts`: how many times it was tried. After `give_up_at_ms` a
    failed attempt is the last one.
    """

    delivery_id: str
    tenant_id: str
    topic: str
    kind: str
    target: str
    payload: JsonObject
    dedupe_key: str
    count: int
    created_at_ms: int
    due_at_ms: int
    give_up_at_ms: int
    attempts: int
    state: str
    alert_id: AlertId | None = None
    session_id: SessionId | None = None
    verification_id: SessionId | None = None
    until_acknowledged: bool = False
    leased_until_ms: int | None = None
    leased_by: str | None = None
    delivered_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt to send a delivery, numbered from 1. `status`: of the answer, where there is one, such
    as HTTP's. `reason`: why it failed, at most 500 characters, without secrets; empty of a success."""

    delivery_id: str
    number: int
    at_ms: int
    ok: bool
    status: int | None
    reason: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries; None: any."""

    kind: str | None = None
    target: str | None = None
    state: str | None = None
    topic: str | None = None
    alert_id: AlertId | None = None
    session_id: SessionId | None = None
    verification_id: SessionId | None = None
