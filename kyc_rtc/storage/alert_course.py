"""The course of an alert in the store: assigned, resolved; and its statistics. `alerts.py` acknowledges.

Everything is of one tenant: of another's alerts nothing is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.outbox import Subject, write_journal
from kyc_rtc.storage.records import (
    MAX_ACTOR_LENGTH,
    MAX_NOTE_LENGTH,
    MAX_WORD_LENGTH,
    AlertRecord,
)
from kyc_rtc.storage.tables import alerts, sessions
from kyc_rtc.storage.values import can_be_id, check_text

HOUR_MS: Final = 3_600_000
_MEDIAN, _P95 = 0.5, 0.95


@dataclass(frozen=True, slots=True)
class AlertCourseStatistics:
    """Counts of alerts, and how long they waited to be acknowledged. A key that never came up is absent.

    `by_hour`: of the day they were raised in (UTC, 0..23). The times are None where none was acknowledged.
    """

    total: int
    acknowledged: int
    resolved: int
    by_type: Mapping[str, int]
    by_severity: Mapping[str, int]
    by_hour: Mapping[int, int]
    by_tenant: Mapping[str, int]
    acknowledged_median_ms: int | None
    acknowledged_p95_ms: int | None


class AlertCourse(Protocol):
    """What may become of an alert after it was raised."""

    async def find(self, tenant_id: str, alert_id: AlertId) -> AlertRecord:
        """Raises NotFound: the tenant has no such alert."""

    async def raise_once(self, alert: AlertRecord) -> bool:
        """Store an alert that comes from no verdict, with its row of the outbox. False where it is there
        already, or its session is gone."""

    async def assign(
        self, tenant_id: str, alert_id: AlertId, to: str, by: str, now_ms: int
    ) -> AlertRecord:
        """Give an alert to somebody, in the place of an earlier one; as it is then.

        Raises:
            BadRequest: a name is empty, too long, or cannot be stored.
            NotFound: the tenant has no such alert. Conflict: it is resolved.
        """

    async def resolve(
        self,
        tenant_id: str,
        alert_id: AlertId,
        by: str,
        resolution: str,
        note: str | None,
        now_ms: int,
    ) -> AlertRecord:
        """Close an alert; who does so acknowledges it too, where nobody has. The first resolution stays.

        Raises:
            BadRequest: a text cannot be stored. NotFound: the tenant has no such alert.
        """

    async def course_statistics(
        self, tenant_id: str | None, since_ms: int
    ) -> AlertCourseStatistics:
        """Counts of the alerts raised since then; of every tenant where none is named."""

    async def count_by_type(
        self, tenant_id: str, severity: str, from_ms: int, to_ms: int
    ) -> dict[str, int]:
        """How many alerts of a severity were raised from `from_ms` on and before `to_ms`."""

    async def latest_session(
        self, tenant_id: str, severity: str, from_ms: int, to_ms: int
    ) -> SessionId | None:
        """The session of the latest of those alerts; None where there is none any more."""


class SqlAlertCourse:
    """`AlertCourse` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: str, alert_id: AlertId) -> AlertRecord:
        if not can_be_id(alert_id):
            raise NotFound("no such alert")
        statement = select(alerts).where(_is_of(tenant_id, alert_id))
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound("no such alert")
        return AlertRecord(**row)

    async def raise_once(self, alert: AlertRecord) -> bool:
        session = (sessions.c.verification_id, sessions.c.verdict_status, sessions.c.needs_review)
        statement = select(*session).where(
            sessions.c.session_id == alert.session_id, sessions.c.tenant_id == alert.tenant_id
        )
        there = select(alerts.c.alert_id).where(alerts.c.alert_id == alert.alert_id)
        try:
            async with self._database.begin(write=True) as connection:
                row = (await connection.execute(statement)).one_or_none()
                if row is None or await connection.scalar(there) is not None:
                    return False
                subject = Subject(
                    SessionId(row.verification_id), row.verdict_status, row.needs_review
                )
                await write_journal(connection, {alert.session_id: subject}, (), [alert])
        except IntegrityError:  # another process was quicker
            return False
        return True

    async def assign(
        self, tenant_id: str, alert_id: AlertId, to: str, by: str, now_ms: int
    ) -> AlertRecord:
        for text in (to, by):
            check_text("the name", text, MAX_ACTOR_LENGTH)
        changes = {"assigned_at_ms": now_ms, "assigned_to": to, "assigned_by": by}
        is_open = alerts.c.resolved_at_ms.is_(None)
        if not await self._change(tenant_id, alert_id, is_open, changes):
            await self.find(tenant_id, alert_id)
            raise Conflict("the alert is resolved")
        return await self.find(tenant_id, alert_id)

    async def resolve(
        self,
        tenant_id: str,
        alert_id: AlertId,
        by: str,
        resolution: str,
        note: str | None,
        now_ms: int,
    ) -> AlertRecord:
        check_text("the name", by, MAX_ACTOR_LENGTH)
        check_text("resolution", resolution, MAX_WORD_LENGTH)
        if note is not None:
            check_text("note", note, MAX_NOTE_LENGTH, min_length=0)
        at_ms, who = alerts.c.acknowledged_at_ms, alerts.c.acknowledged_by
        changes = {
            "resolved_at_ms": now_ms,
            "resolved_by": by,
            "resolution": resolution,
            "resolution_note": note,
            "acknowledged_at_ms": func.coalesce(at_ms, now_ms),
            "acknowledged_by": func.coalesce(who, by),
        }
        await self._change(tenant_id, alert_id, alerts.c.resolved_at_ms.is_(None), changes)
        return await self.find(tenant_id, alert_id)

    async def _change(
        self,
        tenant_id: str,
        alert_id: AlertId,
        condition: ColumnElement[bool],
        changes: Mapping[str, Any],
    ) -> bool:
        if not can_be_id(alert_id):
            return False
        statement = update(alerts).where(_is_of(tenant_id, alert_id), condition).values(changes)
        async with self._database.begin(write=True) as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def course_statistics(
        self, tenant_id: str | None, since_ms: int
    ) -> AlertCourseStatistics:
        scope = [alerts.c.created_at_ms >= since_ms]
        if tenant_id is not None:
            scope.append(alerts.c.tenant_id == tenant_id)
        hour = ((alerts.c.created_at_ms // HOUR_MS) % 24).label("hour")
        keys = (alerts.c.type, alerts.c.severity, alerts.c.tenant_id, hour)
        statement = (
            select(
                *keys,
                func.count().label("total"),
                func.count(alerts.c.acknowledged_at_ms).label("acknowledged"),
                func.count(alerts.c.resolved_at_ms).label("resolved"),
            )
            .where(*scope)
            .group_by(*keys)
        )
        waited_ms = (alerts.c.acknowledged_at_ms - alerts.c.created_at_ms).label("waited_ms")
        waits = (
            select(waited_ms)
            .where(*scope, alerts.c.acknowledged_at_ms.is_not(None))
            .order_by(waited_ms)
        )
        async with self._database.begin() as connection:
            groups = (await connection.execute(statement)).all()
            acknowledged = sum(group.acknowledged for group in groups)
            quantiles = [
                await connection.scalar(waits.limit(1).offset(_place(acknowledged, share)))
                for share in (_MEDIAN, _P95)
            ]
        counts = {name: Counter[Any]() for name in ("type", "severity", "tenant_id", "hour")}
        for group in groups:
            for name, counter in counts.items():
                counter[getattr(group, name)] += group.total
        return AlertCourseStatistics(
            total=sum(group.total for group in groups),
            acknowledged=acknowledged,
            resolved=sum(group.resolved for group in groups),
            by_type=dict(counts["type"]),
            by_severity=dict(counts["severity"]),
            by_hour=dict(counts["hour"]),
            by_tenant=dict(counts["tenant_id"]),
            acknowledged_median_ms=quantiles[0],
            acknowledged_p95_ms=quantiles[1],
        )

    async def count_by_type(
        self, tenant_id: str, severity: str, from_ms: int, to_ms: int
    ) -> dict[str, int]:
        statement = (
            select(alerts.c.type, func.count())
            .where(
                alerts.c.tenant_id == tenant_id,
                alerts.c.severity == severity,
                alerts.c.created_at_ms >= from_ms,
                alerts.c.created_at_ms < to_ms,
            )
            .group_by(alerts.c.type)
        )
        async with self._database.begin() as connection:
            return dict((await connection.execute(statement)).all())

    async def latest_session(
        self, tenant_id: str, severity: str, from_ms: int, to_ms: int
    ) -> SessionId | None:
        statement = (
            select(alerts.c.session_id)
            .where(
                alerts.c.tenant_id == tenant_id,
                alerts.c.severity == severity,
                alerts.c.created_at_ms >= from_ms,
                alerts.c.created_at_ms < to_ms,
            )
            .order_by(alerts.c.created_at_ms.desc())
            .limit(1)
        )
        async with self._database.begin() as connection:
            found = await connection.scalar(statement)
        return None if found is None else SessionId(found)


def _place(count: int, share: float) -> int:
    """The place of a quantile among so many sorted values: the nearest rank, counted from 0."""
    return max(0, -int(-(count * share) // 1) - 1)


def _is_of(tenant_id: str, alert_id: AlertId) -> ColumnElement[bool]:
    return (alerts.c.alert_id == alert_id) & (alerts.c.tenant_id == tenant_id)
