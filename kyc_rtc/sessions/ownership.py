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

LONGEST_JUMP_MS = RENEW_EVERY_MS
"""Of the database's clock against ours, between two renewals; a longer one ends leases before their time."""

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
        self._lease_until_ms: int | None = None

    @property
    def epoch(self) -> int:
        """Raises StorageUnavailable while there is no lease."""
        if self._epoch is None:
            raise StorageUnavailable("this process has no lease", hint="try again")
        return self._epoch

    @property
    def is_held(self) -> bool:
        """Whether the lease was renewed within its own length."""
        fresh = self._clock.monotonic_ms() - self._renewed_at_ms <= LEASE_MS
        return self._epoch is not None and fresh

    @property
    def may_sweep(self) -> bool:
        """Whether the lease has been held without a break for one full lease: so long others had to
        renew theirs after a time in which nobody could, or after the database's clock was set."""
        now_ms = self._clock.monotonic_ms()
        fresh = now_ms - self._renewed_at_ms <= LONGEST_BREAK_MS
        return self._epoch is not None and fresh and now_ms - self._held_since_ms >= LEASE_MS

    async def renew(self) -> None:
        """Take the lease, or prolong it. Raises `StorageUnavailable`."""
        now_ms = self._clock.monotonic_ms()  # before the calls: a slow one is a break too
        until_ms = await self._prolonged()
        if self._epoch is not None and until_ms is None:
            log.warning("lease_lost", process_id=self.process_id)
            self._epoch = None
            self.on_lost()
        if self._epoch is None:
            self._epoch = await self._processes.register(self.process_id, LEASE_MS)
            self._held_since_ms = now_ms
        elif now_ms - self._renewed_at_ms > LONGEST_BREAK_MS or self._jumped(until_ms, now_ms):
            self._held_since_ms = now_ms
        self._renewed_at_ms, self._lease_until_ms = now_ms, until_ms

    async def _prolonged(self) -> int | None:
        """The new end of the lease by the database's clock; None where there is no lease any more."""
        if self._epoch is None:
            return None
        return await self._processes.renew(self.process_id, self._epoch, LEASE_MS)

    def _jumped(self, until_ms: int | None, now_ms: float) -> bool:
        """Whether the database's clock went otherwise than ours since the last renewal."""
        if until_ms is None or self._lease_until_ms is None:
            return False
        passed_ms = until_ms - self._lease_until_ms
        jumped = abs(passed_ms - (now_ms - self._renewed_at_ms)) > LONGEST_JUMP_MS
        if jumped:
            log.warning("database_clock_set", process_id=self.process_id)
        return jumped

    async def release(self) -> None:
        """Give it up: what is still live of it can be swept at once. Raises `StorageUnavailable`."""
        epoch, self._epoch = self._epoch, None
        if epoch is not None:
            await self._processes.release(self.process_id, epoch)


def _nothing() -> None:
    pass
