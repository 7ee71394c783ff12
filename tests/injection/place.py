"""Where a run takes place, and what clients of all methods need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.browser_server import LiveServer

Session = Mapping[str, Any]
"""What `start-session` answers."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server of the run's own, a folder for files, and a seed for what a client draws."""

    server: LiveServer
    folder: Path
    seed: int


@asynccontextmanager
async def meanwhile(run: Callable[[], None], stop: Callable[[], None]) -> AsyncIterator[None]:
    """A function that blocks until `stop` is called, in a thread; its error is raised at the end."""
    work = asyncio.create_task(asyncio.to_thread(run))
    try:
        yield
    finally:
        stop()
        await work
