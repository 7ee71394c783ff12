"""Creating calls that may be repeated under an idempotency key: the interface that the HTTP side sees.

It keeps the rule of the interface of the sessions: nothing that passes through it is bound to this
process.
"""

from __future__ import annotations

from typing import Protocol

from kyc_rtc.clock import Clock
from kyc_rtc.storage.idempotency import Creation, IdempotencyStore, StoredAnswer

__all__ = ["Creation", "CreationInterface", "CreationService", "StoredAnswer"]


class CreationInterface(Protocol):
    """Both methods raise `StorageUnavailable` while the database is away; the call may be repeated."""

    async def begin(self, tenant_id: str, principal: str, key: str, request: str) -> Creation:
        """What the key of a principal of a tenant stands for: the id of what is to be created, and the
        answer where one was given. `request`: all that has to be the same when the call is repeated.

        Raises:
            IdempotencyMismatch: the key came with another request within the last 24 h.
        """

    async def keep(self, creation: Creation, answer: StoredAnswer) -> StoredAnswer:
        """Keep the answer for repeats. Of several, the first one is everybody's: that is returned."""


class CreationService:
    """Implements `CreationInterface`."""

    def __init__(self, store: IdempotencyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, tenant_id: str, principal: str, key: str, request: str) -> Creation:
        return await self._store.begin(
            tenant_id, f"{principal}\n{key}", request, self._clock.now_ms()
        )

    async def keep(self, creation: Creation, answer: StoredAnswer) -> StoredAnswer:
        return await self._store.keep(creation, answer)
