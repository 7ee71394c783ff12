"""Rows of which there may be only so many: one of a session, or a number of a tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.storage.database import Database


async def insert_once(database: Database, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row into a table whose key is `session_id`. The same row again changes nothing.

    Raises:
        Conflict: the session has another one already. NotFound: there is no session.
    """
    try:
        async with database.begin(write=True) as connection:
            await connection.execute(insert(table).values(row))
    except IntegrityError:
        statement = select(table).where(table.c.session_id == row["session_id"])
        async with database.begin() as connection:
            stored = (await connection.execute(statement)).mappings().one_or_none()
        if stored is None:
            raise NotFound("no such session") from None
        if dict(stored) != dict(row):
            raise Conflict(f"the session has {table.name} already") from None


async def one_at_a_time(connection: AsyncConnection, key: str) -> None:
    """Hold every other transaction that asks for the same key until this one ends, so that what it counts
    stays true. SQLite has one that writes at any time."""
    if connection.dialect.name != "sqlite":
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
