"""What the storage tests run over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import delete

from kyc_rtc.storage import (
    AlertRepository,
    Database,
    FootageRepository,
    MeasuresRepository,
    SessionRepository,
)
from kyc_rtc.storage.tables import sessions

FINAL_STATES = ("passed", "failed", "expired", "interrupted")


@dataclass(frozen=True, slots=True)
class Store:
    """The repositories over one store."""

    sessions: SessionRepository
    alerts: AlertRepository
    footage: FootageRepository
    measures: MeasuresRepository


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """An empty database, and afterwards the proof that closing left no thread and no task."""
    database = Database(url)
    await database.open()
    try:
        async with database.begin() as connection:
            await connection.execute(delete(sessions))
        yield database
    finally:
        await database.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not living_workers()


def living_workers() -> list[str]:
    """aiosqlite's threads that are still there a moment after they were told to end."""
    workers = [thread for thread in threading.enumerate() if "connection_worker" in thread.name]
    for thread in workers:
        thread.join(timeout=5)
    return [thread.name for thread in workers if thread.is_alive()]
