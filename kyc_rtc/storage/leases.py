"""Leases in SQL: the database's clock, which all processes share, and what a lease allows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, exists
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from kyc_rtc.storage.tables import processes, sessions


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, in milliseconds since the Unix epoch."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_on_sqlite(_element: now_ms, _compiler: SQLCompiler, **_options: Any) -> str:
    # Julian days of the Unix epoch: 2440587.5. A double keeps them to a twentieth of a millisecond.
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_on_postgresql(_element: now_ms, _compiler: SQLCompiler, **_options: Any) -> str:
    # Not now(), which stands still during a transaction.
    return "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)"


def holds_lease(process_id: str, epoch: int) -> ColumnElement[bool]:
    """The process is known under this epoch, and its lease has not run out."""
    return exists().where(
        processes.c.process_id == process_id,
        processes.c.epoch == epoch,
        processes.c.lease_until_ms > now_ms(),
    )


def has_epoch(process_id: str, epoch: int) -> ColumnElement[bool]:
    """The process is known under this epoch: nobody has taken its sessions away."""
    return exists().where(processes.c.process_id == process_id, processes.c.epoch == epoch)


def is_orphan() -> ColumnElement[bool]:
    """The session has no owner, or one whose epoch has passed."""
    return ~exists().where(
        processes.c.process_id == sessions.c.owner_id, processes.c.epoch == sessions.c.owner_epoch
    )
