"""Lists of verifications, and idempotency keys, in memory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kyc_rtc.storage import Position, SessionRecord
from kyc_rtc.storage.idempotency import KEPT_MS, Creation, StoredAnswer, mismatch
from kyc_rtc.storage.lists import (
    MAX_VERIFICATIONS_LISTED,
    AttemptSummary,
    VerificationQuery,
    VerificationSummary,
)
from kyc_rtc.storage.records import check_tenant
from kyc_rtc.storage.values import check_limit

if TYPE_CHECKING:
    from tests.support.memory_store import MemoryStore


class MemoryVerificationLists:
    """`VerificationLists` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def page(
        self, query: VerificationQuery, after: Position | None, limit: int
    ) -> list[VerificationSummary]:
        check_limit(limit, MAX_VERIFICATIONS_LISTED)
        await self._store.reached()
        first = [row for row in self._store.session_rows.values() if row.attempt == 1]
        first.sort(key=lambda row: (row.created_at_ms, row.session_id), reverse=True)
        return [
            self._summary(row)
            for row in first
            if self._fits(row, query)
            and (after is None or (row.created_at_ms, row.session_id) < (after.at_ms, after.id))
        ][:limit]

    def _fits(self, row: SessionRecord, query: VerificationQuery) -> bool:
        states = {attempt.state for attempt in self._attempts(row)}
        return (
            row.tenant_id == query.tenant_id
            and query.user_id in (None, row.user_id)
            and (query.from_ms is None or row.created_at_ms >= query.from_ms)
            and (query.to_ms is None or row.created_at_ms < query.to_ms)
            and (query.states is None or bool(states & query.states))
        )

    def _attempts(self, row: SessionRecord) -> list[SessionRecord]:
        rows = self._store.session_rows.values()
        found = [other for other in rows if other.verification_id == row.session_id]
        return sorted(found, key=lambda other: other.attempt)

    def _summary(self, row: SessionRecord) -> VerificationSummary:
        names = AttemptSummary.__dataclass_fields__
        attempts = tuple(
            AttemptSummary(**{name: getattr(attempt, name) for name in names})
            for attempt in self._attempts(row)
        )
        return VerificationSummary(
            row.session_id, row.user_id, row.terms.profile, row.created_at_ms, attempts
        )


@dataclass
class IdempotencyRow:
    request: str
    new_id: str
    created_at_ms: int
    answer: StoredAnswer | None = None


class MemoryIdempotencyStore:
    """`IdempotencyStore` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def begin(self, tenant_id: str, key: str, request: str, now_ms: int) -> Creation:
        await self._store.reached()
        check_tenant(tenant_id)
        row = self._store.idempotency_rows.get(key)
        if row is None or row.created_at_ms <= now_ms - KEPT_MS:
            row = IdempotencyRow(request, str(uuid.uuid4()), now_ms)
            self._store.idempotency_rows[key] = row
        if row.request != request:
            raise mismatch()
        return Creation(key, row.new_id, row.answer)

    async def keep(self, creation: Creation, answer: StoredAnswer) -> StoredAnswer:
        await self._store.reached()
        row = self._store.idempotency_rows.get(creation.key_hash)
        if row is None or row.new_id != creation.new_id:
            return answer
        row.answer = row.answer or answer
        return row.answer

    async def prune(self, before_ms: int) -> int:
        await self._store.reached()
        rows = self._store.idempotency_rows
        due = [key for key, row in rows.items() if row.created_at_ms < before_ms]
        for key in due:
            del rows[key]
        return len(due)
