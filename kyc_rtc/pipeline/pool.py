"""The bounded pool of threads on which every CPU-heavy step runs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from kyc_rtc.cores import usable_cores

T = TypeVar("T")


class AnalysisPool:
    """Threads shared by all sessions, one for each usable core unless another number is given.

    The queue in front of the threads is bounded by its callers: a session has at most one call in
    flight (design rule 1). The libraries behind it release the interpreter's lock while they compute.
    """

    def __init__(self, threads: int = 0) -> None:
        self._executor = ThreadPoolExecutor(
            max_workers=threads or math.ceil(usable_cores()), thread_name_prefix="analysis"
        )

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread and wait for it. Even if the waiting is cancelled, `work` finishes."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def aclose(self) -> None:
        """Wait for running work and end the threads."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
