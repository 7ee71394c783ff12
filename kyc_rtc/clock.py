"""The only module that reads a clock. Everything else is given the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Wall time for records, monotonic time for durations, and a way to wait."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""

    def monotonic_ms(self) -> float:
        """Milliseconds since an arbitrary start; never goes back."""

    def cpu_ms(self) -> float:
        """CPU milliseconds used so far by the calling thread, or by the process."""

    async def sleep_ms(self, duration_ms: float) -> None:
        """Return after `duration_ms` of this clock's time."""


class SystemClock:
    """The machine's clocks.

    `cpu_ms` is the calling thread's, which is right among other sessions. With `process_cpu` it is the
    whole process's, which counts the threads of the nets too and is right where nothing else runs.
    """

    def __init__(self, *, process_cpu: bool = False) -> None:
        self._cpu_ns = time.process_time_ns if process_cpu else time.thread_time_ns

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.monotonic_ns() / 1e6

    def cpu_ms(self) -> float:
        return self._cpu_ns() / 1e6

    async def sleep_ms(self, duration_ms: float) -> None:
        await asyncio.sleep(duration_ms / 1000)


async def within(limit_ms: float, work: Awaitable[T], clock: Clock) -> T:
    """The result of `work`, or its error.

    Raises:
        TimeoutError: it took longer than `limit_ms` of the clock's time; it was cancelled.
    """
    task = asyncio.ensure_future(work)
    alarm: asyncio.Future[Any] = asyncio.ensure_future(clock.sleep_ms(limit_ms))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        alarm.cancel()
        task.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)
