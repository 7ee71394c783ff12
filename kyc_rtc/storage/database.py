"""The database: one engine, opened once and closed once.

    new ── open() ──▶ open ── aclose() ──▶ closed

`aclose()` waits for the transactions under way, for a bounded time, and then ends every connection;
with aiosqlite each of them is a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

import asyncpg  # type: ignore[import-untyped]  # it brings no types
from alembic.util import CommandError
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from kyc_rtc.errors import KycError, SettingsError, StorageUnavailable
from kyc_rtc.storage.failures import DRIVER_ERRORS, is_passing
from kyc_rtc.storage.schema import BEGIN_OPTION, migrate
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.urls import async_url, is_sqlite, sqlite_path
from kyc_rtc.storage.values import dump_json

_WAL_ATTEMPTS, _WAL_PAUSE_S = 100, 0.02
_CLOSE_LIMIT_S = 10.0
_GOODBYE_LIMIT_S = 5.0
_CONNECT_LIMIT_S = 5.0
_POOL_SIZE = 5
_POOL_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Limits:
    """How long a statement may take, wait for a lock, and leave its transaction idle.

    The last two end a transaction whose process was stopped in the middle of it, and whoever waits
    for that one: nobody is held up by another process for longer.
    """

    statement_s: float
    lock_ms: int
    idle_ms: int
    busy_ms: int
    """SQLite's wait for the one that writes."""


_SERVING = _Limits(statement_s=10.0, lock_ms=5_000, idle_ms=5_000, busy_ms=2_000)
_MIGRATING = _Limits(statement_s=600.0, lock_ms=600_000, idle_ms=600_000, busy_ms=60_000)


class Database:
    """SQLite or PostgreSQL, behind short transactions."""

    def __init__(self, url: str, sealer: Sealer | None = None) -> None:
        """`sealer` is needed once: by the migration of sessions that an older program wrote.

        Raises:
            SettingsError: `url` is not a usable database URL. Nothing is opened yet.
        """
        self._url = async_url(url)
        self._sealer = sealer
        self._engine: AsyncEngine | None = None
        self._was_opened = False
        self._file: tuple[int, int] | None = None
        self._under_way = 0
        self._held: set[AsyncConnection] = set()
        self._drivers: WeakSet[asyncpg.Connection] = WeakSet()
        self._cut_off = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = asyncio.Lock()

    async def open(self) -> None:
        """Connect, and migrate to the newest schema. SQLite's file and folder are made if missing.

        Raises:
            SettingsError: the database cannot be reached or written, is newer than the program, or has
                sessions of an older one and there is no sealer.
        """
        if self._was_opened:
            raise RuntimeError("a Database is opened once")
        self._was_opened = True
        try:
            if is_sqlite(self._url):
                await asyncio.to_thread(_make_file, sqlite_path(self._url))
            self._engine = await _open_engine(self._url, self._sealer)
            self._file = await asyncio.to_thread(self._file_now)
            if not is_sqlite(self._url):
                event.listen(self._engine.sync_engine, "connect", self._remember)
        except (
            SQLAlchemyError,
            sqlite3.Error,
            OSError,
            CommandError,
            *DRIVER_ERRORS,
        ) as error:
            raise SettingsError(
                f"database_url: the database cannot be opened ({type(error).__name__})",
                hint="is it running, is the folder writable, and is the program the newest version?",
            ) from error

    async def aclose(self) -> None:
        """End every connection and its thread. Idempotent; returns within about fifteen seconds."""
        self._was_opened = True
        async with self._closing:
            engine, self._engine = self._engine, None
            if engine is None:
                return
            try:
                async with asyncio.timeout(_CLOSE_LIMIT_S):
                    await self._idle.wait()
            except TimeoutError:
                await self._cut()
            finally:
                await self._dispose(engine)

    @asynccontextmanager
    async def begin(self, *, write: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end, rolled back on an exception.

        A transaction that writes says so: SQLite refuses to go from reading to writing once another
        connection wrote in between (SQLITE_BUSY_SNAPSHOT), and no waiting helps.

        Raises:
            IntegrityError: a statement inside broke a constraint.
            StorageUnavailable: the database is not open, away, busy or full; it may be there again.
                When this comes out of the commit itself, the transaction may be stored all the same.
            KycError: the database refused a statement.
        """
        engine = self._engine
        if engine is None:
            raise StorageUnavailable("the database is not open")
        if write:
            engine = engine.execution_options(**{BEGIN_OPTION: "BEGIN IMMEDIATE"})
        self._under_way += 1
        self._idle.clear()
        try:
            async with engine.begin() as connection, self._hold(connection):
                yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, *DRIVER_ERRORS) as error:
            if self._cut_off or is_passing(error):
                raise StorageUnavailable(
                    "the database does not answer", hint="try again in a few seconds"
                ) from error
            raise KycError("the database failed", hint="see the log of the database") from error
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def check_file(self) -> None:
        """Raises `StorageUnavailable` where SQLite's file was deleted, or another one lies in its place."""
        try:
            file = await asyncio.to_thread(self._file_now)
        except OSError:
            file = None
        if file != self._file:
            raise StorageUnavailable("the database's file is gone", hint="restart the server")

    def _file_now(self) -> tuple[int, int] | None:
        """The file at the database's path, by device and inode; None of PostgreSQL."""
        if not is_sqlite(self._url):
            return None
        found = sqlite_path(self._url).stat()
        return found.st_dev, found.st_ino

    def _remember(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        self._drivers.add(connection.driver_connection)

    @asynccontextmanager
    async def _hold(self, connection: AsyncConnection) -> AsyncIterator[None]:
        if self._cut_off:  # it waited for a free connection for longer than closing waits
            await connection.invalidate()
        self._held.add(connection)
        try:
            yield
        finally:
            self._held.discard(connection)

    async def _dispose(self, engine: AsyncEngine) -> None:
        """Say goodbye to a PostgreSQL that answers; from one that does not, connection after connection
        would wait for the limit of a statement."""
        try:
            async with asyncio.timeout(_GOODBYE_LIMIT_S):
                await engine.dispose()
        except TimeoutError:
            for driver in self._drivers:
                driver.terminate()
            await engine.dispose()

    async def _cut(self) -> None:
        """End the connections that are still in use; their holders get an error."""
        self._cut_off = True
        await asyncio.gather(*map(_invalidate, self._held))


async def _invalidate(connection: AsyncConnection) -> None:
    if not connection.closed:
        await connection.invalidate()


async def _open_engine(url: URL, sealer: Sealer | None) -> AsyncEngine:
    migrating = _make_engine(url, _MIGRATING)
    try:
        await migrate(migrating, sealer)
    finally:
        await migrating.dispose()
    return _make_engine(url, _SERVING)


def _make_engine(url: URL, limits: _Limits) -> AsyncEngine:
    """Parameters are hidden from error messages: they are personal data."""
    sqlite = is_sqlite(url)
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_S,
        pool_pre_ping=not sqlite,
        json_serializer=dump_json,
        connect_args={} if sqlite else _postgresql_arguments(limits),
    )
    if sqlite:

        def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            _configure_sqlite(connection, limits)

        event.listen(engine.sync_engine, "connect", configure)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _postgresql_arguments(limits: _Limits) -> dict[str, object]:
    return {
        "timeout": _CONNECT_LIMIT_S,
        "command_timeout": limits.statement_s,
        "server_settings": {
            "lock_timeout": str(limits.lock_ms),
            "idle_in_transaction_session_timeout": str(limits.idle_ms),
        },
    }


def _make_file(path: Path) -> None:
    """Personal data lives in it: only its owner may read. SQLite's side files inherit the mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    _switch_to_wal(path)


def _switch_to_wal(path: Path) -> None:
    """The file keeps the mode. SQLite waits for nobody here: who finds it locked has to try again."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                return
        except sqlite3.OperationalError:
            if attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(_WAL_PAUSE_S)


def _configure_sqlite(connection: DBAPIConnection, limits: _Limits) -> None:
    # The driver's own transaction control leaves CREATE TABLE outside of transactions; ours starts
    # in `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {limits.busy_ms}")
    cursor.execute("PRAGMA synchronous = FULL")  # a verdict that was answered survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is not left in a free page
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN_OPTION, "BEGIN"))
