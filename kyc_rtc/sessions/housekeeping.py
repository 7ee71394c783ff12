"""What a process does apart from its sessions: lease, sweeps, commands of other processes, retention."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.commands import TAKE_EVERY_MS, Commands
from kyc_rtc.sessions.ownership import RENEW_EVERY_MS, Ownership
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.sessions.sandbox import LOOK_EVERY_MS, Sandbox
from kyc_rtc.sessions.supervision import Supervisor
from kyc_rtc.storage.commands import CommandStore
from kyc_rtc.storage.idempotency import KEPT_MS, IdempotencyStore
from kyc_rtc.storage.processes import ProcessStore

SWEEP_EVERY_MS = 2_000.0
EXPIRE_EVERY_MS = 30_000.0
PRUNE_EVERY_MS = 3_600_000.0
DAY_MS = 86_400_000

log = structlog.get_logger(__name__)


class Housekeeping:
    """Starts and ends the tasks at the root of a process."""

    def __init__(
        self,
        services: Services,
        processes: ProcessStore,
        command_rows: CommandStore,
        idempotency: IdempotencyStore,
        ownership: Ownership,
        registry: SessionRegistry,
        commands: Commands,
        supervisor: Supervisor,
    ) -> None:
        self._store = services.store
        self._clock = services.clock
        self._journal_days = services.settings.limits.journal_days
        self._processes = processes
        self._command_rows = command_rows
        self._idempotency = idempotency
        self._ownership = ownership
        self._registry = registry
        self._commands = commands
        self._supervisor = supervisor
        self._sandbox = Sandbox(services.sandbox, services.alert_rules, services.clock)

    async def start(self) -> None:
        """Take the lease, then begin. Raises `StorageUnavailable`."""
        await self._ownership.renew()
        self._supervisor.start("lease", self._ownership.renew, RENEW_EVERY_MS)
        self._supervisor.start("sweep", self.sweep, SWEEP_EVERY_MS)
        self._supervisor.start("commands", self._commands.take, TAKE_EVERY_MS)
        self._supervisor.start("expiry", self._expire, EXPIRE_EVERY_MS)
        self._supervisor.start("sandbox", self._sandbox.step, LOOK_EVERY_MS)
        self._supervisor.start("retention", self._prune, PRUNE_EVERY_MS)

    async def aclose(self) -> None:
        """End the tasks and give the lease up. Idempotent."""
        await self._supervisor.aclose()
        try:
            await self._ownership.release()
        except StorageUnavailable:
            log.warning("lease_not_released", process_id=self._ownership.process_id)

    async def sweep(self) -> None:
        """Interrupt what nobody runs: sessions of processes whose lease ran out, and this one's own
        that it gave up on while the database was away."""
        process_id, epoch = self._ownership.process_id, self._ownership.epoch
        running = self._registry.running
        self._report(await self._processes.interrupt_unknown(process_id, epoch, running))
        if self._ownership.may_sweep:
            self._report(await self._processes.interrupt_orphans(process_id, epoch))

    def _report(self, interrupted: Collection[SessionId]) -> None:
        if interrupted:
            log.warning("sessions_interrupted", count=len(interrupted))

    async def _expire(self) -> None:
        for session_id in await self._store.expire(self._clock.now_ms()):
            log.info("session_expired", session_id=session_id)

    async def _prune(self) -> None:
        now_ms = self._clock.now_ms()
        await self._command_rows.prune(now_ms - DAY_MS)
        await self._idempotency.prune(now_ms - KEPT_MS)
        pruned = await self._store.prune_events(now_ms - self._journal_days * DAY_MS)
        if pruned:
            log.info("journal_pruned", count=pruned)
