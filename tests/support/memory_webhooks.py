"""Endpoints of webhooks in memory."""

from __future__ import annotations

from dataclasses import replace

from kyc_rtc.errors import NotFound
from kyc_rtc.storage.webhooks import Subscription, WebhookRecord


class MemoryWebhooks:
    """Implements `WebhookRepository`, without the deliveries that end with an endpoint."""

    def __init__(self, *records: WebhookRecord) -> None:
        self.rows = {record.webhook_id: record for record in records}

    async def add(self, record: WebhookRecord, limit: int) -> bool:
        if len(await self.listed(record.tenant_id)) >= limit:
            return False
        self.rows[record.webhook_id] = record
        return True

    async def get(self, tenant_id: str, webhook_id: str) -> WebhookRecord:
        row = self.rows.get(webhook_id)
        if row is None or row.tenant_id != tenant_id:
            raise NotFound("no such webhook")
        return row

    async def listed(self, tenant_id: str) -> list[WebhookRecord]:
        rows = [row for row in self.rows.values() if row.tenant_id == tenant_id]
        return sorted(rows, key=lambda row: (-row.created_at_ms, row.webhook_id))

    async def subscriptions(self) -> list[Subscription]:
        return [
            Subscription(row.webhook_id, row.tenant_id, frozenset(row.events))
            for row in self.rows.values()
            if row.disabled_at_ms is None
        ]

    async def rotate(
        self, tenant_id: str, webhook_id: str, secret: str, previous_until_ms: int
    ) -> WebhookRecord:
        row = await self.get(tenant_id, webhook_id)
        row = self.rows[webhook_id] = replace(
            row, secret=secret, previous_secret=row.secret, previous_until_ms=previous_until_ms
        )
        return row

    async def disable(self, tenant_id: str, webhook_id: str, now_ms: int) -> None:
        row = await self.get(tenant_id, webhook_id)
        self.rows[webhook_id] = replace(row, disabled_at_ms=row.disabled_at_ms or now_ms)

    async def delete(self, tenant_id: str, webhook_id: str) -> None:
        await self.get(tenant_id, webhook_id)
        del self.rows[webhook_id]
