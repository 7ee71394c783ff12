"""What is in the database, read past the server: SQLite in a file, or a PostgreSQL of one's own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg  # type: ignore[import-untyped]  # it has no stubs

from tests.unit.storage.postgresql import Cluster, running

Row = Mapping[str, Any]
_QUIET_LIMIT_S = 10.0
_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a journal."""

    seq: int
    type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One session with its journal, in order, and its alerts' rows."""

    row: Row
    journal: tuple[Entry, ...]
    alerts: tuple[Row, ...]

    @property
    def session_id(self) -> str:
        return str(self.row["session_id"])

    @property
    def state(self) -> str:
        return str(self.row["state"])

    @property
    def verdict(self) -> str | None:
        status: str | None = self.row["verdict_status"]
        return status

    def of_type(self, kind: str) -> list[Entry]:
        return [entry for entry in self.journal if entry.type == kind]


class Store(Protocol):
    """A database and the way to look into it. `url` is the server's setting."""

    name: str
    url: str

    async def quiet(self) -> None:
        """Wait until what a dead server had sent is done with."""

    async def rows(self, table: str, session_ids: Collection[str] | None = None) -> list[Row]:
        """The rows of these sessions, or the whole table."""


async def read(store: Store, session_ids: Collection[str] | None = None) -> dict[str, Stored]:
    """The sessions of these ids, or all, as they stand. For a server that stands still."""
    rows = await store.rows("sessions", session_ids)
    found = {str(row["session_id"]): _Found(row) for row in rows}
    for row in await store.rows("session_events", session_ids):
        entry = Entry(row["seq"], row["type"], parsed(row["payload"]) or {})
        found[row["session_id"]].journal.append(entry)
    for row in await store.rows("alerts", session_ids):
        found[row["session_id"]].alerts.append(row)
    return {key: one.made() for key, one in found.items()}


@dataclass(slots=True)
class _Found:
    row: Row
    journal: list[Entry] = field(default_factory=list)
    alerts: list[Row] = field(default_factory=list)

    def made(self) -> Stored:
        journal = sorted(self.journal, key=lambda entry: entry.seq)
        return Stored(self.row, tuple(journal), tuple(self.alerts))


def parsed(value: Any) -> Any:
    """A JSON column: SQLite and asyncpg both give text."""
    return json.loads(value) if isinstance(value, str | bytes) else value


class SqliteStore:
    """A file."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def create(self, page_bytes: int) -> None:
        """Make the file before the server does, with pages of another size than 4096 bytes."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(f"PRAGMA page_size = {page_bytes}")
            connection.execute("VACUUM")

    async def quiet(self) -> None:
        """Nothing to wait for: the transactions die with the process."""

    async def rows(self, table: str, session_ids: Collection[str] | None = None) -> list[Row]:
        return await asyncio.to_thread(self._rows, table, session_ids)

    def _rows(self, table: str, session_ids: Collection[str] | None) -> list[Row]:
        given: tuple[str, ...] = ()
        statement = f"SELECT * FROM {table}"  # noqa: S608 - our own words
        if session_ids is not None:
            statement += " WHERE session_id IN (SELECT value FROM json_each(?))"
            given = (json.dumps(sorted(session_ids)),)
        with closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, given)]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile. May be left on another thread than it was entered on."""
        made = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        with closing(made) as held:
            held.execute("BEGIN EXCLUSIVE")
            try:
                yield
            finally:
                held.execute("ROLLBACK")


class PostgresqlStore:
    """A database of a cluster of one's own."""

    name = "postgresql"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.url = cluster.url

    async def quiet(self) -> None:
        others = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        deadline_s = time.monotonic() + _QUIET_LIMIT_S
        connection = await asyncpg.connect(self.url)
        try:
            while await connection.fetchval(others):
                if time.monotonic() > deadline_s:
                    raise TimeoutError("a dead server's connections live on")
                await asyncio.sleep(0.02)  # polling PostgreSQL, bounded by the deadline
        finally:
            await connection.close()

    async def rows(self, table: str, session_ids: Collection[str] | None = None) -> list[Row]:
        given: list[list[str]] = []
        statement = f"SELECT * FROM {table}"  # noqa: S608 - our own words
        if session_ids is not None:
            statement += " WHERE session_id = ANY($1)"
            given = [sorted(session_ids)]
        connection = await asyncpg.connect(self.url)
        try:
            return [dict(row) for row in await connection.fetch(statement, *given)]
        finally:
            await connection.close()


@contextmanager
def postgresql_store() -> Iterator[PostgresqlStore]:
    """A cluster of one's own. Raises NotInstalled."""
    with running() as cluster:
        yield PostgresqlStore(cluster)


@contextmanager
def new_store(name: str, folder: Path) -> Iterator[Store]:
    """A fresh database, `sqlite` in the folder or `postgresql`. Raises NotInstalled."""
    if name == "sqlite":
        yield SqliteStore(folder / "kyc.sqlite3")
        return
    with postgresql_store() as store:
        yield store
