"""Many rows are deleted batch by batch: each transaction is short, and others write in between."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import Select, Table, bindparam, delete

from kyc_rtc.storage.database import Database

BATCH: Final = 5_000
MAX_BATCHES: Final = 200
"""After so many a call ends; the next one goes on."""
_PAUSE_S: Final = 0.05
"""SQLite's writers do not queue: without a pause, others would hardly ever find the database free."""


async def delete_in_batches(database: Database, table: Table, due: Select[Any]) -> int:
    """Delete the rows of `table` that `due` selects, in its order; how many.

    `due` selects the columns of the primary key. Rows that another transaction holds are left out.
    """
    keys = [(column, f"key_{column.name}") for column in table.primary_key]
    statement = delete(table).where(*(column == bindparam(name) for column, name in keys))
    count = 0
    for number in range(MAX_BATCHES):
        if number:
            await asyncio.sleep(_PAUSE_S)
        async with database.begin() as connection:
            if (await connection.execute(due.limit(1))).first() is None:
                break
        batch = due.limit(BATCH).with_for_update(of=table, skip_locked=True)
        async with database.begin(write=True) as connection:
            rows = (await connection.execute(batch)).mappings().all()
            if not rows:
                break
            values = [{name: row[column] for column, name in keys} for row in rows]
            await connection.execute(statement, values)
        count += len(rows)
    return count
