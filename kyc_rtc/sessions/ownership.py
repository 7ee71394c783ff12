"""This process among others on the same database: its identity, its lease, and what it may write."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog

from kyc_rtc.clock import Clock
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.storage.processes import ProcessStore

LEASE_MS = 8_000
RENEW_EVERY_MS = 2_000.0
LONGEST_BREAK_MS = 2 * RENEW_EVERY_MS
"""Between two renewals; after a longer one, others may not have been able to renew either."""

log = structlog.get_logger(__name__)


class Ownership:
    """A lease in the database, by the database's clock.

    Sessions name their owner by process and epoch. Whoever finds a lease that has run out raises its
    epoch, and the former owner can commit nothing any more. `on_lost` is called when that has happened
    to this process; it goes on under a new epoch.
    """

    def __init__(self, processes: ProcessStore, clock: Clock) -> None:
        self.on_lost: Callable[[], None] = _nothing
        self.process_id = str(uuid.uuid4())
        self._processes = processes
        self._clock = clock
        self._epoch: int | None = None
        self._held_since_ms = 0.0
        self._renewed_at_ms = 0.0

    @property
    def epoch(self) -> int:
        """Raises StorageUnavailable while there is no lease."""
        if self._epoch is None:
            raise StorageUnavailable("this process has no lease", hint="try again")
        return self._epoch

    @property
    def may_sweep(self) -> bool:
        """Whether the lease has been held without a break for one full lease: so long others had to
        renew theirs after a time in which nobody could."""
        now_ms = self._clock.monotonic_ms()
        fresh = now_ms - self._renewed_at_ms <= LONGEST_BREAK_MS
        return self._epoch is not None and fresh and now_ms - self._held_since_ms >= LEASE_MS

    async def renew(self) -> None:
        """Take the lease, or prolong it. Raises `StorageUnavailable`."""
        now_ms = self._clock.monotonic_ms()  # before the calls: a slow one is a break too
        if self._epoch is not None and not await self._prolonged(self._epoch):
            log.warning("lease_lost", process_id=self.process_id)
            self._epoch = None
            self.on_lost()
        if self._epoch is None:
            self._epoch = await self._processes.register(self.process_id, LEASE_MS)
            self._held_since_ms = now_ms
        elif now_ms - self._renewed_at_ms > LONGEST_BREAK_MS:
            self._held_since_ms = now_ms
        self._renewed_at_ms = now_ms

    async def _prolonged(self, epoch: int) -> bool:
        return await self._processes.renew(self.process_id, epoch, LEASE_MS)

    async def release(self) -> None:
        """Give it up: what is still live of it can be swept at once. Raises `StorageUnavailable`."""
        epoch, self._epoch = self._epoch, None
        if epoch is not None:
            await self._processes.release(self.process_id, epoch)


def _nothing() -> None:
    pass
