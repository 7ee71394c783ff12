"""Two faked servers on one database, with the clients of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from aiohttp import ClientSession

from tests.support.faked_process import FakedServer
from tests.support.rest import Refused, Rest, Unreachable
from tests.support.stored import Store, Stored, read
from tests.support.upload_client import Manner, UploadClient

POLL_S = 0.1
JOIN_LIMIT_S = 15.0
_SECRET = "a secret of the tests that both servers share"


class Side:
    """One of the two servers."""

    def __init__(self, name: str, server: FakedServer, http: ClientSession) -> None:
        self.name = name
        self.server = server
        self.rest = Rest(http, server.url)
        self.clients: list[UploadClient] = []
        self._tasks: list[asyncio.Task[str]] = []

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)

    async def stop(self, limit_s: float) -> int | None:
        """Ask it to end; its exit status, None where it does not end in time."""
        self.server.terminate()
        return await asyncio.to_thread(self.server.ended, limit_s)

    def admit(self, number: int, within_s: float, manner: Manner = Manner.OBEYS) -> None:
        """So many clients begin to verify themselves here."""
        for _ in range(number):
            client = UploadClient(self.rest, f"{self.name}-{len(self.clients)}", manner)
            self.clients.append(client)
            self._tasks.append(asyncio.create_task(client.verify(within_s)))

    async def joined(self) -> None:
        """Wait until every client received something that is stored: its session has an owner."""
        await until(lambda: all(client.record.received for client in self.clients), JOIN_LIMIT_S)

    async def finished(self, limit_s: float) -> list[str]:
        """Wait for the clients; how it ended for each."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)
        return [client.outcome or "no verdict" for client in self.clients]

    async def dismiss(self) -> None:
        """The clients go away, whatever they were at."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.clients.clear()

    def session_ids(self) -> list[str]:
        """Every attempt that was opened here."""
        return [key for client in self.clients for key in client.record.started]


class Pair:
    """A and B on one database; `settings` go to both."""

    def __init__(
        self, store: Store, folder: Path, settings: dict[str, str], http: ClientSession
    ) -> None:
        self.store = store
        given = {"DATABASE_URL": store.url, "SECRET_KEY": _SECRET, **settings}
        self.a = Side("a", FakedServer(folder / "a", given), http)
        self.b = Side("b", FakedServer(folder / "b", given), http)

    async def start(self) -> None:
        """One after the other: the first one migrates."""
        await self.a.start()
        await self.b.start()

    async def ready(self) -> None:
        """Nobody is there, and both serve, whatever the last part left behind."""
        for side in (self.a, self.b):
            await side.dismiss()
            side.server.resume()
            if not side.server.running:
                await side.start()

    def kill(self) -> None:
        for side in (self.a, self.b):
            side.server.resume()
            side.server.kill()

    async def stored(self, session_ids: Collection[str]) -> dict[str, Stored]:
        return await read(self.store, session_ids)

    async def states(self, session_ids: Collection[str]) -> list[str]:
        return [one.state for one in (await self.stored(session_ids)).values()]


async def until(condition: Callable[[], bool | Awaitable[bool]], limit_s: float) -> float | None:
    """Wait for it; after how many seconds it was so, None where it never was."""
    began_s = time.monotonic()
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return time.monotonic() - began_s
        if time.monotonic() > began_s + limit_s:
            return None
        await asyncio.sleep(POLL_S)  # polling, bounded by the limit


async def refusal(call: Awaitable[object]) -> int:
    """The status that a call is refused with; 200 where it is not, 0 where nobody answers."""
    try:
        await call
    except Refused as error:
        return error.status
    except Unreachable:
        return 0
    return 200
