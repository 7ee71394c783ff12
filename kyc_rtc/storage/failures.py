"""Which errors of a database driver pass by themselves, so that the same call may succeed later.

The rest are errors of ours: a statement that is wrong, a value that does not fit.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # it brings no types
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What asyncpg raises while connecting, where SQLAlchemy does not translate."""

_SQLITE_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_SQLSTATE_CLASSES: Final = frozenset(
    {
        "08",  # connection exception
        "40",  # transaction rollback: a deadlock was resolved at our cost
        "53",  # insufficient resources: disk full, too many connections
        "57",  # operator intervention: shut down, starting up, statement cancelled
        "58",  # system error: I/O
    }
)
_SQLSTATES: Final = frozenset(
    {
        "25006",  # a standby that takes no writes, during a fail-over
        "25P03",  # idle_in_transaction_session_timeout
        "55P03",  # lock_timeout
    }
)


def is_passing(error: BaseException) -> bool:
    """True of errors that say something about the database's condition, not about the statement."""
    match error:
        case PoolTimeout() | OSError():  # TimeoutError, which asyncpg raises itself, is an OSError
            return True
        case DBAPIError():
            return error.connection_invalidated or (
                error.orig is not None and _is_passing_of_driver(error.orig)
            )
        case _:
            return _is_passing_of_driver(error)


def _is_passing_of_driver(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        # The primary code is the low byte: SQLITE_BUSY_SNAPSHOT is a kind of SQLITE_BUSY.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_PASSING
    if isinstance(error, OSError):
        return True
    if isinstance(error, asyncpg.InterfaceError):  # most of its kinds are mistakes in a call
        return "connection is closed" in str(error)
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return state[:2] in _SQLSTATE_CLASSES or state in _SQLSTATES
    cause = error.__cause__  # the adapter's exception has the driver's as its cause
    return cause is not None and _is_passing_of_driver(cause)
