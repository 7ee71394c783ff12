"""Alerts, footage and features in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import AlertId, SessionId
from kyc_rtc.storage import (
    MAX_ALERTS_LISTED,
    MAX_FOOTAGE_LISTED,
    AlertRecord,
    AlertStatistics,
    EarlierFootage,
    FeaturesRecord,
    FootageRecord,
    Position,
    SessionRecord,
)
from kyc_rtc.storage.alerts import DAY_MS, AlertQuery
from kyc_rtc.storage.records import check_actor, check_note
from kyc_rtc.storage.values import check_limit

if TYPE_CHECKING:
    from tests.support.memory_store import MemoryStore


class MemoryAlertRepository:
    """`AlertRepository` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get(self, alert_id: AlertId, tenant_id: str) -> AlertRecord:
        await self._store.reached()
        return replace(self._row(alert_id, tenant_id))

    async def active(
        self,
        query: AlertQuery,
        limit: int = MAX_ALERTS_LISTED,
        after: Position | None = None,
    ) -> list[AlertRecord]:
        check_limit(limit, MAX_ALERTS_LISTED)
        await self._store.reached()
        wanted = {name: value for name, value in asdict(query).items() if value is not None}
        rows = [
            row
            for row in self._store.alert_rows.values()
            if row.acknowledged_by is None
            and all(getattr(row, name) == value for name, value in wanted.items())
            and (after is None or _place(row) > (-after.at_ms, after.id))
        ]
        return [replace(row) for row in sorted(rows, key=_place)[:limit]]

    async def of_session(self, session_id: SessionId) -> list[AlertRecord]:
        await self._store.reached()
        rows = [row for row in self._store.alert_rows.values() if row.session_id == session_id]
        rows.sort(key=lambda row: (-row.created_at_ms, row.alert_id))
        return [replace(row) for row in rows]

    async def acknowledge(
        self, alert_id: AlertId, tenant_id: str, by: str, now_ms: int, note: str | None = None
    ) -> AlertRecord:
        check_actor(by)
        check_note(note)
        await self._store.reached()
        row = self._row(alert_id, tenant_id)
        if row.acknowledged_by is None:
            row = replace(
                row, acknowledged_by=by, acknowledged_note=note, acknowledged_at_ms=now_ms
            )
            self._store.alert_rows[alert_id] = row
        return replace(row)

    async def statistics(self, tenant_id: str, now_ms: int) -> AlertStatistics:
        await self._store.reached()
        rows = [row for row in self._store.alert_rows.values() if row.tenant_id == tenant_id]
        active = sum(row.acknowledged_by is None for row in rows)
        return AlertStatistics(
            total=len(rows),
            active=active,
            acknowledged=len(rows) - active,
            last_24_h=sum(row.created_at_ms > now_ms - DAY_MS for row in rows),
            by_severity=dict(Counter(row.severity for row in rows)),
            by_type=dict(Counter(row.type for row in rows)),
        )

    def _row(self, alert_id: AlertId, tenant_id: str) -> AlertRecord:
        row = self._store.alert_rows.get(alert_id)
        if row is None or row.tenant_id != tenant_id:
            raise NotFound("no such alert")
        return row


def _place(row: AlertRecord) -> tuple[int, str]:
    return -row.created_at_ms, row.alert_id


class MemoryFootageRepository:
    """`FootageRepository` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, record: FootageRecord) -> None:
        await self._store.reached()
        self._store.row(record.session_id)
        if self._store.footage_rows.setdefault(record.session_id, record) != record:
            raise Conflict("the session has footage already")

    async def latest(self, limit: int, session: SessionRecord) -> list[EarlierFootage]:
        check_limit(limit, MAX_FOOTAGE_LISTED)
        await self._store.reached()
        others = [
            row
            for row in self._store.footage_rows.values()
            if row.session_id != session.session_id and row.tenant_id == session.tenant_id
        ]
        others.sort(key=lambda row: (-row.created_at_ms, row.session_id))
        return [self._earlier(row, session) for row in others[:limit]]

    def _earlier(self, row: FootageRecord, session: SessionRecord) -> EarlierFootage:
        known = session.verification_id in self._store.session_rows
        same_user = known and self._store.row(row.session_id).user_id == session.user_id
        return EarlierFootage(row.session_id, same_user, row.record)


class MemoryFeaturesRepository:
    """`FeaturesRepository` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, record: FeaturesRecord) -> None:
        await self._store.reached()
        self._store.row(record.session_id)
        if self._store.features_rows.setdefault(record.session_id, record) != record:
            raise Conflict("the session has features already")
