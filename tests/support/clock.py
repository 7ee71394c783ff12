"""A clock that moves when the test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class ManualClock:
    """A `Clock` under the test's hand. `advance` wakes whoever sleeps until then, in order.

    Wall time and monotonic time go together until `jump` moves the former alone.
    """

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = now_ms
        self._elapsed_ms = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self._start_ms + int(self._elapsed_ms)

    def monotonic_ms(self) -> float:
        return self._elapsed_ms

    def cpu_ms(self) -> float:
        return self._elapsed_ms

    async def sleep_ms(self, duration_ms: float) -> None:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_ms + duration_ms, next(self._order), wake))
        await wake

    def jump(self, by_ms: int) -> None:
        """Somebody sets the wall clock, forward or back. No time passes."""
        self._start_ms += by_ms

    def tick(self, duration_ms: float) -> None:
        """Let time pass without running anything."""
        self._elapsed_ms += duration_ms

    async def advance(self, duration_ms: float) -> None:
        """Let time pass; every sleeper runs at its own time."""
        end_ms = self._elapsed_ms + duration_ms
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end_ms:
            wake_ms, _, wake = heapq.heappop(self._sleepers)
            self._elapsed_ms = max(self._elapsed_ms, wake_ms)
            if not wake.done():
                wake.set_result(None)
            await settle()
        self._elapsed_ms = max(self._elapsed_ms, end_ms)
        await settle()


async def settle(turns: int = 40) -> None:
    """Let every task that can run do so. Turns of the loop, not time."""
    for _ in range(turns):
        await asyncio.sleep(0)
