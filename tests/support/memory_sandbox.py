"""Tests of sandboxes in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kyc_rtc.scopes import is_sandbox
from kyc_rtc.storage.records import Commit, SessionRecord
from kyc_rtc.storage.sandbox import CREATED

if TYPE_CHECKING:
    from tests.support.memory_store import MemoryStore


class MemorySandboxStore:
    """Implements `SandboxStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def due(self, before_ms: int, limit: int) -> list[SessionRecord]:
        await self._store.reached()
        found = [
            row
            for row in self._store.session_rows.values()
            if row.state == CREATED
            and row.owner_id is None
            and row.created_at_ms <= before_ms
            and is_sandbox(row.tenant_id)
        ]
        return sorted(found, key=lambda row: row.created_at_ms)[:limit]

    async def carry_out(self, course: Sequence[Commit]) -> bool:
        await self._store.reached()
        for commit in course:
            record = commit.record
            stored = self._store.row(record.session_id)
            if stored.owner_id is not None or stored.last_seq != commit.base_seq:
                return False
            self._store.put(record)
            self._store.event_rows[record.session_id] += commit.events
            self._store.alert_rows.update({alert.alert_id: alert for alert in commit.alerts})
        return True
