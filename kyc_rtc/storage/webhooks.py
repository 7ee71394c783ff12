"""Endpoints of webhooks in the store. Their secrets are sealed, and stand in no record's `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from sqlalchemy import ColumnElement, RowMapping, Update, and_, delete, func, insert, select, update

from kyc_rtc.errors import NotFound
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.delivery_records import DeliveryState
from kyc_rtc.storage.once import one_at_a_time
from kyc_rtc.storage.records import (
    MAX_ACTOR_LENGTH,
    MAX_URL_LENGTH,
    MAX_WORD_LENGTH,
    check_tenant,
)
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.tables import deliveries, webhooks
from kyc_rtc.storage.values import MAX_ID_LENGTH, can_be_id, check_integer, check_text

WEBHOOK: Final = "webhook"
"""The kind of deliveries that go to endpoints. Their target is the endpoint's id."""


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """An endpoint. Times are Unix milliseconds. `events`: the topics that it wants; empty: all.

    The previous secret counts until `previous_until_ms`. A disabled endpoint gets nothing more.

    Raises:
        BadRequest: a field cannot be stored.
    """

    webhook_id: str
    tenant_id: str
    url: str
    events: tuple[str, ...]
    secret: str = field(repr=False)
    created_at_ms: int
    created_by: str
    previous_secret: str | None = field(default=None, repr=False)
    previous_until_ms: int | None = None
    disabled_at_ms: int | None = None

    def __post_init__(self) -> None:
        check_text("webhook_id", self.webhook_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        check_text("url", self.url, MAX_URL_LENGTH)
        check_text("created_by", self.created_by, MAX_ACTOR_LENGTH)
        check_integer("created_at_ms", self.created_at_ms)
        for event in self.events:
            check_text("events", event, MAX_WORD_LENGTH)

    def secrets_at(self, now_ms: int) -> tuple[str, ...]:
        """The secrets that count then, the newest first."""
        until_ms = self.previous_until_ms
        if self.previous_secret is None or until_ms is None or until_ms <= now_ms:
            return (self.secret,)
        return self.secret, self.previous_secret


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an endpoint wants to hear of. `events`: topics; empty: all."""

    webhook_id: str
    tenant_id: str
    events: frozenset[str]

    def wants(self, topic: str) -> bool:
        return not self.events or topic in self.events


class WebhookRepository(Protocol):
    """Endpoints, kept until somebody deletes them. What waits for one that is disabled or deleted is
    cancelled with it."""

    async def add(self, record: WebhookRecord, limit: int) -> bool:
        """Store a new endpoint. False where the tenant has `limit` of them."""

    async def get(self, tenant_id: str, webhook_id: str) -> WebhookRecord:
        """Raises NotFound, of another tenant's too."""

    async def listed(self, tenant_id: str) -> list[WebhookRecord]:
        """All of a tenant, the newest first."""

    async def subscriptions(self) -> list[Subscription]:
        """Of all endpoints that are not disabled, of all tenants."""

    async def rotate(
        self, tenant_id: str, webhook_id: str, secret: str, previous_until_ms: int
    ) -> WebhookRecord:
        """Give it another secret; the present one counts until then. Raises NotFound."""

    async def disable(self, tenant_id: str, webhook_id: str, now_ms: int) -> None:
        """Send it nothing more. The first time stays. Changes nothing where there is none."""

    async def delete(self, tenant_id: str, webhook_id: str) -> None:
        """Raises NotFound."""


class SqlWebhookRepository:
    """`WebhookRepository` on a `Database`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def add(self, record: WebhookRecord, limit: int) -> bool:
        own = webhooks.c.tenant_id == record.tenant_id
        row = {
            "webhook_id": record.webhook_id,
            "tenant_id": record.tenant_id,
            "url": record.url,
            "events": list(record.events),
            "secret_sealed": self._sealed(record.webhook_id, record.secret),
            "created_at_ms": record.created_at_ms,
            "created_by": record.created_by,
        }
        async with self._database.begin(write=True) as connection:
            await one_at_a_time(connection, f"webhooks:{record.tenant_id}")
            count = await connection.scalar(select(func.count()).select_from(webhooks).where(own))
            if (count or 0) >= limit:
                return False
            await connection.execute(insert(webhooks).values(row))
        return True

    async def get(self, tenant_id: str, webhook_id: str) -> WebhookRecord:
        if not can_be_id(webhook_id):
            raise NotFound("no such webhook")
        statement = select(webhooks).where(_one(tenant_id, webhook_id))
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound("no such webhook")
        return self._record(row)

    async def listed(self, tenant_id: str) -> list[WebhookRecord]:
        statement = (
            select(webhooks)
            .where(webhooks.c.tenant_id == tenant_id)
            .order_by(webhooks.c.created_at_ms.desc(), webhooks.c.webhook_id)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [self._record(row) for row in rows]

    async def subscriptions(self) -> list[Subscription]:
        columns = (webhooks.c.webhook_id, webhooks.c.tenant_id, webhooks.c.events)
        statement = (
            select(*columns)
            .where(webhooks.c.disabled_at_ms.is_(None))
            .order_by(webhooks.c.webhook_id)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).all()
        return [Subscription(row.webhook_id, row.tenant_id, frozenset(row.events)) for row in rows]

    async def rotate(
        self, tenant_id: str, webhook_id: str, secret: str, previous_until_ms: int
    ) -> WebhookRecord:
        if not can_be_id(webhook_id):
            raise NotFound("no such webhook")
        statement = (
            update(webhooks)
            .where(_one(tenant_id, webhook_id))
            .values(
                previous_sealed=webhooks.c.secret_sealed,
                previous_until_ms=previous_until_ms,
                secret_sealed=self._sealed(webhook_id, secret),
            )
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)
        return await self.get(tenant_id, webhook_id)

    async def disable(self, tenant_id: str, webhook_id: str, now_ms: int) -> None:
        statement = (
            update(webhooks)
            .where(_one(tenant_id, webhook_id), webhooks.c.disabled_at_ms.is_(None))
            .values(disabled_at_ms=now_ms)
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)
            await connection.execute(_cancel_what_waits(tenant_id, webhook_id))

    async def delete(self, tenant_id: str, webhook_id: str) -> None:
        if not can_be_id(webhook_id):
            raise NotFound("no such webhook")
        statement = delete(webhooks).where(_one(tenant_id, webhook_id))
        async with self._database.begin(write=True) as connection:
            if not (await connection.execute(statement)).rowcount:
                raise NotFound("no such webhook")
            await connection.execute(_cancel_what_waits(tenant_id, webhook_id))

    def _sealed(self, webhook_id: str, secret: str) -> bytes:
        return self._sealer.seal(secret, _context(webhook_id))

    def _record(self, row: RowMapping) -> WebhookRecord:
        values = dict(row)
        context = _context(values["webhook_id"])
        sealed, previous = values.pop("secret_sealed"), values.pop("previous_sealed")
        values["events"] = tuple(values["events"])
        return WebhookRecord(
            secret=self._sealer.unseal(sealed, context),
            previous_secret=None if previous is None else self._sealer.unseal(previous, context),
            **values,
        )


def _one(tenant_id: str, webhook_id: str) -> ColumnElement[bool]:
    return and_(webhooks.c.tenant_id == tenant_id, webhooks.c.webhook_id == webhook_id)


def _cancel_what_waits(tenant_id: str, webhook_id: str) -> Update:
    return (
        update(deliveries)
        .where(
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.kind == WEBHOOK,
            deliveries.c.target == webhook_id,
            deliveries.c.tenant_id == tenant_id,
        )
        .values(state=DeliveryState.CANCELLED.value, leased_by=None, leased_until_ms=None)
    )


def _context(webhook_id: str) -> str:
    return f"webhook:{webhook_id}"
