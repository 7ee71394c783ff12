"""Alerts in the store."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update

from kyc_rtc.errors import NotFound
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import (
    AlertRecord,
    AlertStatistics,
    Position,
    check_actor,
    check_note,
)
from kyc_rtc.storage.tables import alerts
from kyc_rtc.storage.values import can_be_id, check_limit

MAX_ALERTS_LISTED: Final = 500
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts of a tenant; None: any. `session_id`: of exactly this attempt."""

    tenant_id: str
    severity: str | None = None
    type: str | None = None
    session_id: SessionId | None = None


class AlertRepository(Protocol):
    """Alerts, kept until their session is deleted. They come in with a commit of the session."""

    async def get(self, alert_id: AlertId, tenant_id: str) -> AlertRecord:
        """Raises NotFound, of another tenant's too."""

    async def active(
        self,
        query: AlertQuery,
        limit: int = MAX_ALERTS_LISTED,
        after: Position | None = None,
    ) -> list[AlertRecord]:
        """Alerts that nobody acknowledged, behind `after`, the newest first, and then by id.

        Raises:
            BadRequest: a limit outside 1..500.
        """

    async def of_session(self, session_id: SessionId) -> list[AlertRecord]:
        """All alerts about a session, the newest first."""

    async def acknowledge(
        self, alert_id: AlertId, tenant_id: str, by: str, now_ms: int, note: str | None = None
    ) -> AlertRecord:
        """The alert as it is afterwards. The first acknowledgement stays; later ones change nothing.

        Raises:
            BadRequest: `by` is empty, too long, or cannot be stored.
            NotFound: the tenant has no such alert.
        """

    async def statistics(self, tenant_id: str, now_ms: int) -> AlertStatistics:
        """Counts of all alerts of a tenant, all taken at one moment."""


class SqlAlertRepository:
    """`AlertRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, alert_id: AlertId, tenant_id: str) -> AlertRecord:
        if not can_be_id(alert_id):
            raise NotFound("no such alert")
        statement = select(alerts).where(
            alerts.c.alert_id == alert_id, alerts.c.tenant_id == tenant_id
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound("no such alert")
        return AlertRecord(**row)

    async def active(
        self,
        query: AlertQuery,
        limit: int = MAX_ALERTS_LISTED,
        after: Position | None = None,
    ) -> list[AlertRecord]:
        check_limit(limit, MAX_ALERTS_LISTED)
        wanted = {name: value for name, value in asdict(query).items() if value is not None}
        statement = (
            select(alerts)
            .where(
                alerts.c.acknowledged_at_ms.is_(None),
                *(alerts.c[name] == value for name, value in wanted.items()),
            )
            .order_by(alerts.c.created_at_ms.desc(), alerts.c.alert_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(_behind(after))
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [AlertRecord(**row) for row in rows]

    async def of_session(self, session_id: SessionId) -> list[AlertRecord]:
        if not can_be_id(session_id):
            return []
        statement = (
            select(alerts)
            .where(alerts.c.session_id == session_id)
            .order_by(alerts.c.created_at_ms.desc(), alerts.c.alert_id)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [AlertRecord(**row) for row in rows]

    async def acknowledge(
        self, alert_id: AlertId, tenant_id: str, by: str, now_ms: int, note: str | None = None
    ) -> AlertRecord:
        check_actor(by)
        check_note(note)
        if can_be_id(alert_id):
            statement = (
                update(alerts)
                .where(
                    alerts.c.alert_id == alert_id,
                    alerts.c.tenant_id == tenant_id,
                    alerts.c.acknowledged_at_ms.is_(None),
                )
                .values(acknowledged_at_ms=now_ms, acknowledged_by=by, acknowledged_note=note)
            )
            async with self._database.begin(write=True) as connection:
                await connection.execute(statement)
        return await self.get(alert_id, tenant_id)

    async def statistics(self, tenant_id: str, now_ms: int) -> AlertStatistics:
        acknowledged = case((alerts.c.acknowledged_at_ms.is_(None), 0), else_=1)
        recent = case((alerts.c.created_at_ms > now_ms - DAY_MS, 1), else_=0)
        columns = select(
            alerts.c.severity,
            alerts.c.type,
            func.count().label("total"),
            func.sum(acknowledged).label("acknowledged"),
            func.sum(recent).label("recent"),
        )
        statement = columns.where(alerts.c.tenant_id == tenant_id).group_by(
            alerts.c.severity, alerts.c.type
        )
        async with self._database.begin() as connection:
            groups = (await connection.execute(statement)).all()
        by_severity, by_type = Counter[str](), Counter[str]()
        for group in groups:
            by_severity[group.severity] += group.total
            by_type[group.type] += group.total
        total = sum(group.total for group in groups)
        done = sum(group.acknowledged for group in groups)
        last_24_h = sum(group.recent for group in groups)
        return AlertStatistics(
            total, total - done, done, last_24_h, dict(by_severity), dict(by_type)
        )


def _behind(after: Position) -> ColumnElement[bool]:
    at_ms, key = alerts.c.created_at_ms, alerts.c.alert_id
    return and_(at_ms <= after.at_ms, or_(at_ms < after.at_ms, key > after.id))
