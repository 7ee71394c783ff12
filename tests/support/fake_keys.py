"""API keys in memory: for tests of the HTTP side."""

from __future__ import annotations

from dataclasses import replace

from kyc_rtc.access.keys import KeyService
from kyc_rtc.clock import Clock
from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.storage.api_keys import ApiKeyRecord


class MemoryApiKeys:
    """Implements `ApiKeyRepository`."""

    def __init__(self) -> None:
        self.rows: dict[str, ApiKeyRecord] = {}

    async def add(self, record: ApiKeyRecord, limit: int) -> bool:
        valid = [
            row
            for row in self.rows.values()
            if row.tenant_id == record.tenant_id
            and row.revoked_at_ms is None
            and (row.expires_at_ms is None or row.expires_at_ms > record.created_at_ms)
        ]
        if len(valid) >= limit:
            return False
        self.rows[record.key_id] = record
        return True

    async def get(self, key_id: str) -> ApiKeyRecord | None:
        return self.rows.get(key_id)

    async def of_tenant(self, tenant_id: str, key_id: str) -> ApiKeyRecord:
        row = self.rows.get(key_id)
        if row is None or row.tenant_id != tenant_id:
            raise NotFound("no such key")
        return row

    async def listed(self, tenant_id: str) -> list[ApiKeyRecord]:
        rows = [row for row in self.rows.values() if row.tenant_id == tenant_id]
        return sorted(rows, key=lambda row: (-row.created_at_ms, row.key_id))

    async def revoke(self, tenant_id: str, key_id: str, now_ms: int) -> ApiKeyRecord:
        row = await self.of_tenant(tenant_id, key_id)
        if row.revoked_at_ms is None:
            row = self.rows[key_id] = replace(row, revoked_at_ms=now_ms)
        return row

    async def replace(self, record: ApiKeyRecord, until_ms: int, limit: int) -> bool:
        old = await self.of_tenant(record.tenant_id, record.replaces or "")
        ends_at_ms = until_ms if old.expires_at_ms is None else old.expires_at_ms
        is_over = old.expires_at_ms is not None and old.expires_at_ms <= record.created_at_ms
        if old.revoked_at_ms is not None or is_over:
            raise Conflict("the key is over already")
        if not await self.add(record, limit):
            return False
        self.rows[old.key_id] = replace(old, expires_at_ms=min(until_ms, ends_at_ms))
        return True

    async def used(self, key_id: str, now_ms: int) -> None:
        self.rows[key_id] = replace(self.rows[key_id], last_used_at_ms=now_ms)


def no_keys(clock: Clock) -> KeyService:
    """A service that knows no keys yet."""
    return KeyService(MemoryApiKeys(), clock)
