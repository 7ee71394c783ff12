"""Creating calls that may be repeated: a key names one creation, whoever repeats it, in any process.

The row comes first, and holds the id of what is to be created. So whoever repeats the call creates the
same thing, which exists once; and of several answers the first that is kept is everybody's.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import IdempotencyMismatch, StorageUnavailable
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.pruning import delete_in_batches
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.tables import idempotency

KEPT_MS: Final = 86_400_000
"""For so long a key stands for what it created."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was first given: HTTP status, and body as JSON."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Creation:
    """What a key stands for. `new_id`: the id of what is created; `answer`: None before it was given."""

    key_hash: str
    new_id: str
    answer: StoredAnswer | None = None


class IdempotencyStore(Protocol):
    """Keys and what they created, for `KEPT_MS`. Neither key, request nor answer is stored in plain."""

    async def begin(self, tenant_id: str, key: str, request: str, now_ms: int) -> Creation:
        """What `key` stands for, from now on where it is new. `key` includes whose it is.

        Raises:
            IdempotencyMismatch: it came with another request before.
        """

    async def keep(self, creation: Creation, answer: StoredAnswer) -> StoredAnswer:
        """Keep the answer, unless another one was kept before; the one that is kept."""

    async def prune(self, before_ms: int) -> int:
        """Delete keys from before then; how many. The next call goes on where many are left."""


class SqlIdempotencyStore:
    """`IdempotencyStore` on a `Database`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def begin(self, tenant_id: str, key: str, request: str, now_ms: int) -> Creation:
        key_hash, request_hash = map(self._sealer.digest, (key, request))
        row = await self._find(key_hash, now_ms)
        row = row or await self._add(tenant_id, key_hash, request_hash, now_ms)
        if row["request_hash"] != request_hash:
            raise mismatch()
        return Creation(key_hash, row["new_id"], self._answer_of(row))

    async def _find(self, key_hash: str, now_ms: int) -> RowMapping | None:
        statement = select(idempotency).where(
            idempotency.c.key_hash == key_hash, idempotency.c.created_at_ms > now_ms - KEPT_MS
        )
        async with self._database.begin() as connection:
            return (await connection.execute(statement)).mappings().one_or_none()

    async def _add(
        self, tenant_id: str, key_hash: str, request_hash: str, now_ms: int
    ) -> RowMapping:
        outdated = delete(idempotency).where(
            idempotency.c.key_hash == key_hash, idempotency.c.created_at_ms <= now_ms - KEPT_MS
        )
        row = {
            "key_hash": key_hash,
            "tenant_id": tenant_id,
            "request_hash": request_hash,
            "new_id": str(uuid.uuid4()),
            "created_at_ms": now_ms,
        }
        with suppress(IntegrityError):  # somebody else was faster, here or in another process
            async with self._database.begin(write=True) as connection:
                await connection.execute(outdated)
                await connection.execute(insert(idempotency).values(row))
        found = await self._find(key_hash, now_ms)
        if found is None:
            raise StorageUnavailable("the key was deleted meanwhile", hint="try again")
        return found

    def _answer_of(self, row: RowMapping) -> StoredAnswer | None:
        sealed = row["body_sealed"]
        if sealed is None:
            return None
        return StoredAnswer(row["status"], self._sealer.unseal(sealed, _context(row["key_hash"])))

    async def keep(self, creation: Creation, answer: StoredAnswer) -> StoredAnswer:
        ours = (
            idempotency.c.key_hash == creation.key_hash,
            idempotency.c.new_id == creation.new_id,
        )
        sealed = self._sealer.seal(answer.body, _context(creation.key_hash))
        statement = (
            update(idempotency)
            .where(*ours, idempotency.c.body_sealed.is_(None))
            .values(status=answer.status, body_sealed=sealed)
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)
            found = await connection.execute(select(idempotency).where(*ours))
            row = found.mappings().one_or_none()
        kept = None if row is None else self._answer_of(row)
        return kept or answer  # a key that was deleted meanwhile stands for nothing

    async def prune(self, before_ms: int) -> int:
        due = (
            select(idempotency.c.key_hash)
            .where(idempotency.c.created_at_ms < before_ms)
            .order_by(idempotency.c.created_at_ms)
        )
        return await delete_in_batches(self._database, idempotency, due)


def mismatch() -> IdempotencyMismatch:
    """The refusal of a key that came with another request before."""
    return IdempotencyMismatch(
        "the Idempotency-Key came with another request before",
        hint="use a new key for another request, and the same body for a repeat",
    )


def _context(key_hash: str) -> str:
    return f"answer:{key_hash}"
