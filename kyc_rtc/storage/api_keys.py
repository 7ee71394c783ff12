"""API keys in the store: their hashes, and what they may be used for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, RowMapping, and_, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.once import one_at_a_time
from kyc_rtc.storage.records import (
    MAX_ACTOR_LENGTH,
    MAX_KEY_NAME_LENGTH,
    MAX_WORD_LENGTH,
    check_tenant,
)
from kyc_rtc.storage.tables import api_keys
from kyc_rtc.storage.values import MAX_ID_LENGTH, check_integer, check_text


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """A key without its secret. Times are Unix milliseconds; `expires_at_ms` None: it never expires.

    Raises BadRequest where it cannot be stored.
    """

    key_id: str
    tenant_id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    is_test: bool
    created_at_ms: int
    created_by: str
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    last_used_at_ms: int | None = None
    replaces: str | None = None

    def __post_init__(self) -> None:
        check_text("key_id", self.key_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        check_text("name", self.name, MAX_KEY_NAME_LENGTH)
        check_text("created_by", self.created_by, MAX_ACTOR_LENGTH)
        for scope in self.scopes:
            check_text("scopes", scope, MAX_WORD_LENGTH)
        check_integer("created_at_ms", self.created_at_ms)
        if self.expires_at_ms is not None:
            check_integer("expires_at_ms", self.expires_at_ms)


class ApiKeyRepository(Protocol):
    """Keys, kept when they are over too: the journal names them."""

    async def add(self, record: ApiKeyRecord, limit: int) -> bool:
        """Store a new key. False where the tenant has `limit` keys that are valid at its time."""

    async def get(self, key_id: str) -> ApiKeyRecord | None:
        """The key of this id, whoever's it is."""

    async def of_tenant(self, tenant_id: str, key_id: str) -> ApiKeyRecord:
        """Raises NotFound, for a key of another tenant too."""

    async def listed(self, tenant_id: str) -> list[ApiKeyRecord]:
        """All of a tenant, the newest first."""

    async def revoke(self, tenant_id: str, key_id: str, now_ms: int) -> ApiKeyRecord:
        """The key as it is afterwards; the first time stays. Raises NotFound."""

    async def replace(self, record: ApiKeyRecord, until_ms: int, limit: int) -> bool:
        """Store the key that takes the place of `record.replaces`, which expires at `until_ms` unless it does
        so earlier: both or neither. False where the tenant has `limit` keys that are valid.

        Raises:
            Conflict: the key that it replaces is over by now.
        """

    async def used(self, key_id: str, now_ms: int) -> None:
        """Note that it was used."""


class SqlApiKeyRepository:
    """`ApiKeyRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: ApiKeyRecord, limit: int) -> bool:
        async with self._database.begin(write=True) as connection:
            return await _insert(connection, record, limit)

    async def replace(self, record: ApiKeyRecord, until_ms: int, limit: int) -> bool:
        expires, now_ms = api_keys.c.expires_at_ms, record.created_at_ms
        statement = (
            update(api_keys)
            .where(
                _one(record.tenant_id, record.replaces or ""),
                api_keys.c.revoked_at_ms.is_(None),
                or_(expires.is_(None), expires > now_ms),
            )
            .values(
                expires_at_ms=case((expires < until_ms, expires), else_=until_ms),
            )
        )
        async with self._database.begin(write=True) as connection:
            if not await _insert(connection, record, limit):
                return False
            if not (await connection.execute(statement)).rowcount:
                raise Conflict("the key is over already", hint="create another one")
        return True

    async def get(self, key_id: str) -> ApiKeyRecord | None:
        async with self._database.begin() as connection:
            found = await connection.execute(select(api_keys).where(api_keys.c.key_id == key_id))
            row = found.mappings().one_or_none()
        return None if row is None else _record(row)

    async def of_tenant(self, tenant_id: str, key_id: str) -> ApiKeyRecord:
        found = await self.get(key_id)
        if found is None or found.tenant_id != tenant_id:
            raise NotFound("no such key")
        return found

    async def listed(self, tenant_id: str) -> list[ApiKeyRecord]:
        statement = (
            select(api_keys)
            .where(api_keys.c.tenant_id == tenant_id)
            .order_by(api_keys.c.created_at_ms.desc(), api_keys.c.key_id)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [_record(row) for row in rows]

    async def revoke(self, tenant_id: str, key_id: str, now_ms: int) -> ApiKeyRecord:
        statement = (
            update(api_keys)
            .where(_one(tenant_id, key_id), api_keys.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=now_ms)
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)
        return await self.of_tenant(tenant_id, key_id)

    async def used(self, key_id: str, now_ms: int) -> None:
        statement = (
            update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at_ms=now_ms)
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)


async def _insert(connection: AsyncConnection, record: ApiKeyRecord, limit: int) -> bool:
    """False where the tenant has `limit` keys that are valid at its time."""
    expires = api_keys.c.expires_at_ms
    valid = (
        select(func.count())
        .select_from(api_keys)
        .where(
            api_keys.c.tenant_id == record.tenant_id,
            api_keys.c.revoked_at_ms.is_(None),
            or_(expires.is_(None), expires > record.created_at_ms),
        )
    )
    await one_at_a_time(connection, f"api_keys:{record.tenant_id}")
    if (await connection.scalar(valid) or 0) >= limit:
        return False
    row = {**asdict(record), "scopes": list(record.scopes)}
    await connection.execute(insert(api_keys).values(row))
    return True


def _one(tenant_id: str, key_id: str) -> ColumnElement[bool]:
    return and_(api_keys.c.tenant_id == tenant_id, api_keys.c.key_id == key_id)


def _record(row: RowMapping) -> ApiKeyRecord:
    return ApiKeyRecord(**{**row, "scopes": tuple(row["scopes"])})
