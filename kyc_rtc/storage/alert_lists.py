"""Alerts in pages, whatever became of them; and which of them changed, for whoever follows them live."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy import ColumnElement, and_, or_, select

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import AlertRecord, Position
from kyc_rtc.storage.tables import alerts
from kyc_rtc.storage.values import check_limit

MAX_ALERTS_OF_A_PAGE: Final = 500
_TIMES: Final = (
    alerts.c.created_at_ms,
    alerts.c.assigned_at_ms,
    alerts.c.acknowledged_at_ms,
    alerts.c.resolved_at_ms,
)


class AlertState(StrEnum):
    """How far somebody is with an alert."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class AlertListQuery:
    """Which alerts of a tenant; None: any. `session_id`: of exactly this attempt."""

    tenant_id: str
    state: AlertState | None = None
    severity: str | None = None
    type: str | None = None
    session_id: SessionId | None = None


class AlertLists(Protocol):
    """Reads alerts, and changes none."""

    async def page(
        self, query: AlertListQuery, after: Position | None, limit: int
    ) -> list[AlertRecord]:
        """At most `limit` (1..500) of them behind `after`, the newest first, and then by id.

        Raises:
            BadRequest: another limit.
        """

    async def changed(self, tenant_id: str, since_ms: int, limit: int) -> list[AlertRecord]:
        """Alerts of a tenant that were raised, assigned, acknowledged or resolved at that time or later;
        at most `limit` (1..500), the newest first.

        Raises:
            BadRequest: another limit.
        """


class SqlAlertLists:
    """`AlertLists` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, query: AlertListQuery, after: Position | None, limit: int
    ) -> list[AlertRecord]:
        check_limit(limit, MAX_ALERTS_OF_A_PAGE)
        statement = (
            select(alerts)
            .where(*_conditions(query))
            .order_by(alerts.c.created_at_ms.desc(), alerts.c.alert_id)
            .limit(limit)
        )
        if after is not None:
            at_ms, key = alerts.c.created_at_ms, alerts.c.alert_id
            behind = and_(at_ms <= after.at_ms, or_(at_ms < after.at_ms, key > after.id))
            statement = statement.where(behind)
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [AlertRecord(**row) for row in rows]

    async def changed(self, tenant_id: str, since_ms: int, limit: int) -> list[AlertRecord]:
        check_limit(limit, MAX_ALERTS_OF_A_PAGE)
        statement = (
            select(alerts)
            .where(alerts.c.tenant_id == tenant_id, or_(*(time >= since_ms for time in _TIMES)))
            .order_by(alerts.c.created_at_ms.desc(), alerts.c.alert_id)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [AlertRecord(**row) for row in rows]


def _conditions(query: AlertListQuery) -> list[ColumnElement[bool]]:
    conditions = [alerts.c.tenant_id == query.tenant_id]
    acknowledged, resolved = alerts.c.acknowledged_at_ms, alerts.c.resolved_at_ms
    match query.state:
        case AlertState.OPEN:
            conditions += [acknowledged.is_(None), resolved.is_(None)]
        case AlertState.ACKNOWLEDGED:
            conditions += [acknowledged.is_not(None), resolved.is_(None)]
        case AlertState.RESOLVED:
            conditions.append(resolved.is_not(None))
        case None:
            pass
    for name in ("severity", "type", "session_id"):
        value = getattr(query, name)
        if value is not None:
            conditions.append(alerts.c[name] == value)
    return conditions
