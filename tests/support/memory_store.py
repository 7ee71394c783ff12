"""The repositories of `kyc_rtc.storage` in memory, held to the same contract tests as the real ones.

Every call gives way to other tasks once and is then atomic, as a transaction is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from kyc_rtc.errors import Conflict, KycError, NotFound
from kyc_rtc.ids import AlertId, SessionId, new_alert_id, new_session_id
from kyc_rtc.storage import (
    EXPIRED,
    INTERRUPTED,
    MAX_ALERTS_LISTED,
    MAX_FOOTAGE_LISTED,
    AlertRecord,
    AlertStatistics,
    FootageRecord,
    MeasuresRecord,
    SessionRecord,
)
from kyc_rtc.storage.alerts import DAY_MS
from kyc_rtc.storage.records import check_actor
from kyc_rtc.storage.sessions import FIXED_FIELDS, MAX_EXPIRED_AT_ONCE
from kyc_rtc.storage.values import check_limit


class MemoryStore:
    """The repositories over shared rows. Set `failure` and every call raises it."""

    def __init__(self, final_states: Collection[str] = (EXPIRED,)) -> None:
        self.final_states = frozenset(final_states)
        self.session_rows: dict[SessionId, SessionRecord] = {}
        self.alert_rows: dict[AlertId, AlertRecord] = {}
        self.footage_rows: dict[SessionId, FootageRecord] = {}
        self.measures_rows: dict[SessionId, MeasuresRecord] = {}
        self.failure: KycError | None = None
        self.sessions = MemorySessionRepository(self)
        self.alerts = MemoryAlertRepository(self)
        self.footage = MemoryFootageRepository(self)
        self.measures = MemoryMeasuresRepository(self)

    async def reached(self) -> None:
        """Give way once; raise `failure` if one is set."""
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure


class MemorySessionRepository:
    """`SessionRepository` over a `MemoryStore`. Records are copied on the way in and out."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, record: SessionRecord) -> None:
        await self._store.reached()
        rows = self._store.session_rows
        if record.session_id in rows:
            raise Conflict("the session exists already")
        if record.parent_id not in (None, record.session_id) and record.parent_id not in rows:
            raise NotFound("no such parent session")
        rows[record.session_id] = replace(record)

    async def get(self, session_id: SessionId) -> SessionRecord:
        await self._store.reached()
        return replace(self._row(session_id))

    async def retry_of(self, session_id: SessionId) -> SessionRecord | None:
        await self._store.reached()
        rows = [row for row in self._store.session_rows.values() if row.parent_id == session_id]
        return min(rows, key=lambda row: (row.created_at_ms, row.session_id), default=None)

    async def update(self, record: SessionRecord) -> bool:
        await self._store.reached()
        stored = self._row(record.session_id)
        if stored.state in self._store.final_states:
            return False
        names = {field.name for field in fields(record)} - FIXED_FIELDS
        self._put(replace(stored, **{name: getattr(record, name) for name in names}))
        return True

    async def interrupt_live(self, live_states: Collection[str], now_ms: int) -> int:
        await self._store.reached()
        left = [row for row in self._not_final() if row.state in live_states]
        for row in left:
            self._put(replace(row, state=INTERRUPTED, updated_at_ms=now_ms))
        return len(left)

    async def expire(self, now_ms: int, limit: int = MAX_EXPIRED_AT_ONCE) -> list[SessionId]:
        check_limit(limit, MAX_EXPIRED_AT_ONCE)
        await self._store.reached()
        due = [row for row in self._not_final() if row.expires_at_ms <= now_ms]
        due = sorted(due, key=lambda row: row.expires_at_ms)[:limit]
        for row in due:
            self._put(replace(row, state=EXPIRED, updated_at_ms=now_ms))
        return [row.session_id for row in due]

    async def count_by_state(self) -> dict[str, int]:
        await self._store.reached()
        return dict(Counter(row.state for row in self._store.session_rows.values()))

    async def delete(self, session_id: SessionId) -> bool:
        await self._store.reached()
        if self._store.session_rows.pop(session_id, None) is None:
            return False
        self._store.footage_rows.pop(session_id, None)
        self._store.measures_rows.pop(session_id, None)
        for child in list(self._store.session_rows.values()):
            if child.parent_id == session_id:
                self._put(replace(child, parent_id=None))
        kept = {key: row for key, row in self._store.alert_rows.items() if _other(row, session_id)}
        self._store.alert_rows = kept
        return True

    def _row(self, session_id: SessionId) -> SessionRecord:
        try:
            return self._store.session_rows[session_id]
        except KeyError:
            raise NotFound("no such session") from None

    def _put(self, record: SessionRecord) -> None:
        self._store.session_rows[record.session_id] = record

    def _not_final(self) -> list[SessionRecord]:
        rows = self._store.session_rows.values()
        return [row for row in rows if row.state not in self._store.final_states]


class MemoryAlertRepository:
    """`AlertRepository` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, record: AlertRecord) -> None:
        await self._store.reached()
        if record.alert_id in self._store.alert_rows:
            raise Conflict("the alert exists already")
        if record.session_id not in self._store.session_rows:
            raise NotFound("no such session")
        self._store.alert_rows[record.alert_id] = replace(record)

    async def get(self, alert_id: AlertId) -> AlertRecord:
        await self._store.reached()
        return replace(self._row(alert_id))

    async def active(self, limit: int = MAX_ALERTS_LISTED) -> list[AlertRecord]:
        check_limit(limit, MAX_ALERTS_LISTED)
        await self._store.reached()
        rows = [row for row in self._store.alert_rows.values() if row.acknowledged_by is None]
        rows.sort(key=lambda row: (-row.created_at_ms, row.alert_id))
        return [replace(row) for row in rows[:limit]]

    async def acknowledge(self, alert_id: AlertId, by: str, now_ms: int) -> AlertRecord:
        check_actor(by)
        await self._store.reached()
        row = self._row(alert_id)
        if row.acknowledged_by is None:
            row = replace(row, acknowledged_by=by, acknowledged_at_ms=now_ms)
            self._store.alert_rows[alert_id] = row
        return replace(row)

    async def statistics(self, now_ms: int) -> AlertStatistics:
        await self._store.reached()
        rows = list(self._store.alert_rows.values())
        active = sum(row.acknowledged_by is None for row in rows)
        return AlertStatistics(
            total=len(rows),
            active=active,
            acknowledged=len(rows) - active,
            last_24_h=sum(row.created_at_ms > now_ms - DAY_MS for row in rows),
            by_severity=dict(Counter(row.severity for row in rows)),
            by_type=dict(Counter(row.type for row in rows)),
        )

    def _row(self, alert_id: AlertId) -> AlertRecord:
        try:
            return self._store.alert_rows[alert_id]
        except KeyError:
            raise NotFound("no such alert") from None


class MemoryFootageRepository:
    """`FootageRepository` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, record: FootageRecord) -> None:
        await self._store.reached()
        if record.session_id in self._store.footage_rows:
            raise Conflict("the session has a record")
        if record.session_id not in self._store.session_rows:
            raise NotFound("no such session")
        self._store.footage_rows[record.session_id] = record

    async def latest(self, limit: int, except_session: SessionId) -> list[bytes]:
        check_limit(limit, MAX_FOOTAGE_LISTED)
        await self._store.reached()
        rows = self._store.footage_rows.values()
        others = [row for row in rows if row.session_id != except_session]
        others.sort(key=lambda row: (-row.created_at_ms, row.session_id))
        return [row.record for row in others[:limit]]


class MemoryMeasuresRepository:
    """`MeasuresRepository` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, record: MeasuresRecord) -> None:
        await self._store.reached()
        if record.session_id in self._store.measures_rows:
            raise Conflict("the session has measures already")
        if record.session_id not in self._store.session_rows:
            raise NotFound("no such session")
        self._store.measures_rows[record.session_id] = record


def a_session(**changes: Any) -> SessionRecord:
    """A session with a fresh id, as it is right after it was opened."""
    values: dict[str, Any] = {
        "session_id": new_session_id(),
        "user_id": "applicant-1",
        "state": "created",
        "created_at_ms": 1_000,
        "updated_at_ms": 1_000,
        "expires_at_ms": 61_000,
    }
    return SessionRecord(**(values | changes))


def an_alert(session_id: SessionId, **changes: Any) -> AlertRecord:
    """An alert with a fresh id that nobody has acknowledged."""
    values: dict[str, Any] = {
        "alert_id": new_alert_id(),
        "session_id": session_id,
        "type": "replay_detected",
        "severity": "high",
        "message_key": "alert.replay_detected",
        "details": {"reasons": ["video_loop"]},
        "created_at_ms": 2_000,
    }
    return AlertRecord(**(values | changes))


def _other(row: AlertRecord, session_id: SessionId) -> bool:
    return row.session_id != session_id
