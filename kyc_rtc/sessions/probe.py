"""A question about the process that anybody may have asked, as often as they like."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

import structlog

from kyc_rtc.clock import Clock, within
from kyc_rtc.errors import StorageUnavailable

ANSWER_LIMIT_MS = 2_000.0
"""What has not answered by then has failed."""

KEPT_MS = 1_000.0
"""For so long an answer is kept: more callers cost nothing more."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Probe(Generic[T]):
    """A question that is asked at most once a second, and never twice at a time."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._name = name
        self._ask = ask
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._asked_at_ms = -math.inf
        self._answer: T | None = None
        self._closed = False

    async def answer(self, wait_ms: float = ANSWER_LIMIT_MS) -> T | None:
        """The answer; None where it failed, or is late. Within `wait_ms`: else the one before."""
        now_ms = self._clock.monotonic_ms()
        if self._task is None and not self._closed and now_ms - self._asked_at_ms >= KEPT_MS:
            self._asked_at_ms = now_ms
            self._task = asyncio.create_task(self._run(), name=f"probe-{self._name}")
        late_at_ms = self._asked_at_ms + ANSWER_LIMIT_MS
        if self._task is not None and now_ms < late_at_ms:
            with suppress(TimeoutError):
                limit_ms = min(wait_ms, late_at_ms - now_ms)
                await within(limit_ms, asyncio.shield(self._task), self._clock)
        if self._task is not None and self._clock.monotonic_ms() >= late_at_ms:
            self._answer = None
        return self._answer

    async def aclose(self) -> None:
        """Cancel what is under way. Idempotent."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            self._answer = await self._ask()
        except (StorageUnavailable, OSError) as error:
            self._answer = None
            log.warning("probe_failed", probe=self._name, why=type(error).__name__)
        except Exception:  # the root of the probe's task: no answer is a no
            self._answer = None
            log.exception("probe_broke", probe=self._name)
        finally:
            self._task = None
