"""Ways in which a database goes away and comes back, from outside the server."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from tests.support.faked_process import FakedServer
from tests.support.rest import Refused, Rest, Unreachable
from tests.support.stored import PostgresqlStore, SqliteStore, Store
from tests.support.upload_client import UploadClient

SMALL_PAGE = 512
"""Bytes. In a file of such pages almost every entry of a journal needs another one."""
_PROBE_EVERY_S = 2.0
_POLL_S = 0.05


class Outage(Protocol):
    """Something that is done to the database, and undone."""

    def begin(self, store: Store, server: FakedServer) -> None: ...
    def end(self, store: Store, server: FakedServer) -> None: ...


class Stopped:
    """PostgreSQL stops as in a crash, and is started again."""

    def begin(self, store: Store, server: FakedServer) -> None:
        _postgresql(store).cluster.stop()

    def end(self, store: Store, server: FakedServer) -> None:
        _postgresql(store).cluster.start()


class Locked:
    """Another connection holds SQLite's write lock."""

    def __init__(self) -> None:
        self._held: AbstractContextManager[None] | None = None

    def begin(self, store: Store, server: FakedServer) -> None:
        if not isinstance(store, SqliteStore):
            raise TypeError("only SQLite is locked")
        self._held = store.locked()
        self._held.__enter__()

    def end(self, store: Store, server: FakedServer) -> None:
        if self._held is not None:
            self._held.__exit__(None, None, None)


class Full:
    """SQLite's file may not grow: the faked server tells its own connections."""

    def begin(self, store: Store, server: FakedServer) -> None:
        server.signal(signal.SIGUSR1)

    def end(self, store: Store, server: FakedServer) -> None:
        server.signal(signal.SIGUSR2)


def _postgresql(store: Store) -> PostgresqlStore:
    if not isinstance(store, PostgresqlStore):
        raise TypeError("only a PostgreSQL of one's own is stopped")
    return store


@dataclass(frozen=True, slots=True)
class Scenario:
    """An outage of `length_s` on a fresh database. `page_bytes`: of SQLite's file, where it matters.

    `late`: it begins when somebody is at the last challenge, so that a verdict is formed meanwhile;
    else at a random moment of the sessions.
    """

    name: str
    database: str
    outage: Callable[[], Outage]
    length_s: float
    late: bool
    page_bytes: int | None = None


@dataclass(slots=True)
class Probes:
    """What a bank saw that opened sessions during the outage, and what `/health` said."""

    refused: int = 0
    admitted: int = 0
    degraded: int = 0
    wrong: list[str] = field(default_factory=list)

    async def run(self, rest: Rest, until_s: float) -> None:
        """Try again and again until then."""
        while time.monotonic() < until_s:
            await self._start(rest)
            await self._health(rest)
            await asyncio.sleep(_PROBE_EVERY_S)  # a bank's next customer, bounded by the outage

    async def _start(self, rest: Rest) -> None:
        try:
            await rest.start("during the outage")
            self.admitted += 1
        except Refused as error:
            self.refused += error.status == 503
            if error.status != 503 or error.retry_after_s is None:
                self.wrong.append(f"start-session: {error}, Retry-After {error.retry_after_s}")
        except Unreachable as error:
            self.wrong.append(f"start-session: {error}")

    async def _health(self, rest: Rest) -> None:
        try:
            self.degraded += (await rest.get("/health"))["status"] == "degraded"
        except (Refused, Unreachable) as error:
            self.wrong.append(f"health: {error}")


async def moment(scenario: Scenario, clients: list[UploadClient], chance: random.Random) -> None:
    """Wait until the outage is to begin; at most half a minute for a late one."""
    if not scenario.late:
        await asyncio.sleep(chance.uniform(2.0, 8.0))  # the random moment
        return
    deadline_s = time.monotonic() + 30.0
    while not any(at_last_challenge(client) for client in clients):
        if time.monotonic() > deadline_s:
            return
        await asyncio.sleep(_POLL_S)  # polling the clients, bounded by the deadline
    await asyncio.sleep(chance.uniform(0.0, 2.5))  # answers take so long


def at_last_challenge(client: UploadClient) -> bool:
    """Whether it was asked for the last one of its plan."""
    asked = client.record.of_type("challenge")
    return bool(asked) and asked[-1].message["index"] == asked[-1].message["total"]
