"""Rows of which a session has at most one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.storage.database import Database


async def insert_once(database: Database, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row into a table whose key is `session_id`.

    Raises:
        Conflict: the session has one already. NotFound: there is no session.
    """
    try:
        async with database.begin() as connection:
            await connection.execute(insert(table).values(row))
    except IntegrityError:
        key = table.c.session_id
        async with database.begin() as connection:
            known = await connection.scalar(select(key).where(key == row["session_id"])) is not None
        missing = NotFound("no such session")
        raise (Conflict(f"the session has {table.name} already") if known else missing) from None
