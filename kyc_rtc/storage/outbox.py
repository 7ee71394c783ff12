"""The only place that inserts journal entries and alerts: what they mean for others goes into the outbox
with them, in the same transaction, so that nothing is published unstored and nothing stored unpublished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.records import AlertRecord, EventRecord, SessionRecord
from kyc_rtc.storage.rows import alert_row, event_row
from kyc_rtc.storage.tables import alerts as alert_table
from kyc_rtc.storage.tables import outbox, session_events
from kyc_rtc.storage.topics import Topic, topics_of
from kyc_rtc.storage.values import JsonObject


@dataclass(frozen=True, slots=True)
class Subject:
    """What the outbox says of a session in addition to its entries. `status` and `reasons`: the
    verdict's, None and nothing without one."""

    verification_id: SessionId
    status: str | None = None
    needs_review: bool = False
    reasons: tuple[str, ...] = ()

    @staticmethod
    def of(record: SessionRecord) -> Subject:
        status = record.verdict_status
        reasons = () if status is None else record.reasons
        return Subject(record.verification_id, status, record.needs_review, reasons)


async def write_journal(
    connection: AsyncConnection,
    subjects: Mapping[SessionId, Subject],
    events: Sequence[EventRecord],
    alerts: Sequence[AlertRecord] = (),
) -> None:
    """Insert entries and alerts with their rows of the outbox. `subjects`: of every session among them.

    Raises:
        IntegrityError: one of them is there already, or has no session.
    """
    if events:
        await connection.execute(insert(session_events), [event_row(event) for event in events])
    if alerts:
        await connection.execute(insert(alert_table), [alert_row(alert) for alert in alerts])
    rows = [
        *(row for event in events for row in _rows_of_event(event, subjects[event.session_id])),
        *(_row_of_alert(alert, subjects[alert.session_id]) for alert in alerts),
    ]
    if rows:
        await connection.execute(insert(outbox), rows)


async def write_journal_of(
    connection: AsyncConnection,
    record: SessionRecord,
    events: Sequence[EventRecord],
    alerts: Sequence[AlertRecord] = (),
) -> None:
    """`write_journal` for entries and alerts of one session."""
    await write_journal(connection, {record.session_id: Subject.of(record)}, events, alerts)


def _rows_of_event(event: EventRecord, subject: Subject) -> Iterator[dict[str, Any]]:
    state = event.payload.get("state")
    for topic in topics_of(event.type, event.payload, needs_review=subject.needs_review):
        payload = {
            "state": state,
            "status": subject.status,
            "needs_review": subject.needs_review,
            "reasons": list(subject.reasons),
        }
        yield _row(topic, event.tenant_id, event.session_id, subject, payload, event.at_ms)


def _row_of_alert(alert: AlertRecord, subject: Subject) -> dict[str, Any]:
    payload = {
        "alert_id": alert.alert_id,
        "alert_type": alert.type,
        "severity": alert.severity,
    }
    return _row(
        Topic.ALERT_RAISED, alert.tenant_id, alert.session_id, subject, payload, alert.created_at_ms
    )


def _row(
    topic: Topic,
    tenant_id: str,
    session_id: SessionId,
    subject: Subject,
    payload: JsonObject,
    at_ms: int,
) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "topic": topic.value,
        "session_id": session_id,
        "verification_id": subject.verification_id,
        "payload": payload,
        "created_at_ms": at_ms,
    }
