"""The stores that the contract tests run over: memory, SQLite in a file, and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kyc_rtc.storage import Database
from tests.support.memory_store import MemoryStore
from tests.unit.storage.postgresql import cluster
from tests.unit.storage.stores import (
    FINAL_STATES,
    LIVE_STATES,
    Store,
    living_workers,
    opened,
    sql_store,
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        memory = MemoryStore(FINAL_STATES, LIVE_STATES)
        yield Store(
            memory.sessions,
            memory.processes,
            memory.commands,
            memory.alerts,
            memory.footage,
            memory.features,
            memory.lists,
            memory.idempotency,
        )
        return
    async with opened(_url(request, tmp_path)) as database:
        yield sql_store(database)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(_url(request, tmp_path)) as empty:
        yield empty


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite3"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with cluster() as running:
        yield running.url


def _url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite3"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def no_worker_left() -> Iterator[None]:
    yield
    assert not living_workers()
