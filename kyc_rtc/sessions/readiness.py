"""Whether this process can serve: one question for each thing that it needs, asked cheaply and seldom."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kyc_rtc.sessions.ownership import Ownership
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.probe import ANSWER_LIMIT_MS, Probe
from kyc_rtc.sessions.supervision import Supervisor
from kyc_rtc.storage.processes import ProcessStore

LEASE_STEP, SANDBOX_STEP = "lease", "sandbox"
"""Steps of the supervisor: the one that renews the lease has a cause of its own, and without the one that
ends tests of the sandbox a process can serve."""


class Cause(StrEnum):
    """Why a process is not ready."""

    DATABASE = "database"
    DISK = "disk"
    MODEL = "model"
    POOL = "pool"
    SWEEPERS = "sweepers"
    LEASE = "lease"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process needs besides the database. Neither may block the event loop.

    `free_bytes`: of the data folder's file system. `model_is_intact`: whether the model's file is still
    the one that was verified at the start. `other_problems`: of what no verdict waits for, in words of
    a closed set; they are shown, and keep no process from serving.
    """

    free_bytes: Callable[[], Awaitable[int]]
    model_is_intact: Callable[[], Awaitable[bool]]
    other_problems: Callable[[], tuple[str, ...]] = tuple


class Readiness:
    """Asks everything that can be asked, and knows the rest."""

    def __init__(
        self,
        services: Services,
        processes: ProcessStore,
        ownership: Ownership,
        supervisor: Supervisor,
        surroundings: Surroundings,
    ) -> None:
        self._ownership = ownership
        self._supervisor = supervisor
        self._pool = services.pool
        self._processes = processes
        self._surroundings = surroundings
        self._min_free_bytes = services.settings.limits.min_free_disk_mb * 1_000_000
        self._probes = {
            cause: Probe(cause.value, ask, services.clock)
            for cause, ask in (
                (Cause.DATABASE, self._can_write),
                (Cause.DISK, self._has_room),
                (Cause.MODEL, self._has_model),
                (Cause.POOL, self._computes),
            )
        }

    async def causes(self, wait_ms: float = ANSWER_LIMIT_MS) -> tuple[Cause, ...]:
        """What does not work, in the order of `Cause`; of draining only the caller knows."""
        answers = await asyncio.gather(*(p.answer(wait_ms) for p in self._probes.values()))
        found = [c for c, answer in zip(self._probes, answers, strict=True) if not answer]
        if set(self._supervisor.problems()) - {LEASE_STEP, SANDBOX_STEP}:
            found.append(Cause.SWEEPERS)
        if not self._ownership.is_held:
            found.append(Cause.LEASE)
        return tuple(found)

    def other_problems(self) -> tuple[str, ...]:
        """What does not work, and keeps no process from serving."""
        return self._surroundings.other_problems()

    async def aclose(self) -> None:
        """End what is asked just now. Idempotent."""
        await asyncio.gather(*(probe.aclose() for probe in self._probes.values()))

    async def _can_write(self) -> bool:
        await self._processes.check_writable(self._ownership.process_id)
        return True

    async def _has_room(self) -> bool:
        return await self._surroundings.free_bytes() >= self._min_free_bytes

    async def _has_model(self) -> bool:
        return await self._surroundings.model_is_intact()

    async def _computes(self) -> bool:
        await self._pool.run(_nothing)
        return True


def free_bytes(folder: Path) -> int:
    """Room for this user on the file system of a folder, or of where it would be made. Blocks.

    Raises OSError.
    """
    whole = folder.absolute()
    found = next(path for path in (whole, *whole.parents) if path.exists())
    return shutil.disk_usage(found).free


def _nothing() -> None:
    """Work for a pool, to see whether it comes back."""
