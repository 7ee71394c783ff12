"""A pool and a session store whose work is done when the test says so: for interleavings."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.ids import SessionId
from kyc_rtc.memory import give_back
from kyc_rtc.storage.records import Commit, SessionRecord
from tests.support.memory_sessions import MemorySessionStore
from tests.support.memory_store import MemoryStore

T = TypeVar("T")


class HeldPool:
    """A `PoolPort`: each work of a session waits for `release`, unless `is_open`."""

    def __init__(self) -> None:
        self.is_open = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many works are under way."""
        return sum(not one.done() for one in self._waiting)

    async def run(self, work: Callable[[], T]) -> T:
        await asyncio.sleep(0)
        if not self.is_open and work is not give_back:
            await self._turn()
        return work()

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def release(self) -> None:
        """Do the oldest work."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def let_go(self) -> None:
        """Do all of it, and what comes from now on at once."""
        self.is_open = True
        while self._waiting:
            self.release()


class HeldSessionStore(MemorySessionStore):
    """A `SessionStore` in memory whose commits wait for `answer`, unless `is_open`.

    `hold_at`: a type of journal entries; the first commit with one of them ends `is_open`.
    `next_acquire`: how the next `acquire` ends: `stored`, `refused`, or stored and `lost`.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.is_open = False
        self.hold_at = ""
        self.next_acquire = "stored"
        self._waiting: deque[asyncio.Future[str]] = deque()

    async def acquire(self, session_id: SessionId, owner_id: str, epoch: int) -> SessionRecord:
        how, self.next_acquire = self.next_acquire, "stored"
        if how == "refused":
            raise StorageUnavailable("the database is away")
        record = await super().acquire(session_id, owner_id, epoch)
        if how == "lost":
            raise StorageUnavailable("the acknowledgement was lost")
        return record

    async def commit(self, commit: Commit) -> None:
        if any(event.type == self.hold_at for event in commit.events):
            self.is_open, self.hold_at = False, ""
        how = "stored" if self.is_open else await self._turn()
        if how == "refused":
            raise StorageUnavailable("the database is away")
        await super().commit(commit)
        if how == "lost":
            raise StorageUnavailable("the acknowledgement was lost")

    async def _turn(self) -> str:
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        return await turn

    def answer(self, how: str) -> None:
        """The oldest commit is `stored`, `refused`, or stored with its acknowledgement `lost`."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(how)
                return

    def let_go(self) -> None:
        """Store all of it, and what comes from now on at once."""
        self.is_open, self.hold_at = True, ""
        while self._waiting:
            self.answer("stored")
