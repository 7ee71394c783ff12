"""The real application on a loopback port: real peers, real nets, SQLite in a temporary folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

import server
from kyc_rtc.settings import Settings

Serve = Callable[[Settings], Awaitable[str]]


@pytest.fixture
async def serve(face_model: Path) -> AsyncIterator[Serve]:
    """Starts the application and gives its URL; afterwards proves that nothing is left of it."""
    servers: list[TestServer] = []
    threads_before = set(threading.enumerate())
    tasks_before = asyncio.all_tasks()

    async def start(settings: Settings) -> str:
        made = TestServer(server.build(settings))
        servers.append(made)
        await made.start_server()
        return str(made.make_url("")).rstrip("/")

    yield start
    for made in servers:
        await made.close()
    await _nothing_left(
        "tasks", lambda: asyncio.all_tasks() - tasks_before - {asyncio.current_task()}
    )
    await _nothing_left(
        "threads",
        lambda: {
            thread
            for thread in set(threading.enumerate()) - threads_before
            # The event loop's own pool, which its end closes.
            if not thread.name.startswith("asyncio_")
        },
    )


async def _nothing_left(what: str, leftover: Callable[[], set[Any]]) -> None:
    for _ in range(200):
        if not leftover():
            return
        await asyncio.sleep(0.01)  # threads end on their own time: poll, up to two seconds
    pytest.fail(f"{what} left behind: {leftover()}")


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session
