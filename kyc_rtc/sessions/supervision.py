"""The tasks at the root of the process: they survive errors, and their death is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from kyc_rtc.clock import Clock
from kyc_rtc.errors import StorageUnavailable

LATE_AFTER_MS = 10_000.0
"""Beyond its interval, how long ago a task may have done its work before it counts as ill."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Watched:
    every_ms: float
    task: asyncio.Task[None]
    done_at_ms: float


class Supervisor:
    """Runs named steps again and again. An error of a step is logged, and the step runs again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    def start(self, name: str, step: Callable[[], Awaitable[None]], every_ms: float) -> None:
        """Run `step` every `every_ms` until `aclose`, the first time after one interval."""
        task = asyncio.create_task(self._repeat(name, step, every_ms), name=f"root-{name}")
        self._watched[name] = _Watched(every_ms, task, self._clock.monotonic_ms())

    def problems(self) -> tuple[str, ...]:
        """The names of steps that died, or have not succeeded for too long."""
        now_ms = self._clock.monotonic_ms()
        return tuple(
            name
            for name, watched in self._watched.items()
            if watched.task.done() or now_ms - watched.done_at_ms > watched.every_ms + LATE_AFTER_MS
        )

    async def aclose(self) -> None:
        """End them all. Idempotent."""
        tasks = [watched.task for watched in self._watched.values()]
        self._watched.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(
        self, name: str, step: Callable[[], Awaitable[None]], every_ms: float
    ) -> None:
        while True:
            await self._clock.sleep_ms(every_ms)
            try:
                await step()
            except StorageUnavailable:
                log.warning("storage_unavailable", task=name)
            except Exception:  # the root of the step: it has to run again
                log.exception("root_task_failed", task=name)
            else:
                self._watched[name].done_at_ms = self._clock.monotonic_ms()
