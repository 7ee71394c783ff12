"""Writes a session's commits, in order, one transaction each; outlasts a database that is away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from kyc_rtc.errors import NotFound, OwnershipLost, StorageUnavailable
from kyc_rtc.sessions.events import OwnershipEnded, SessionEvent, Stored
from kyc_rtc.sessions.journal import EntryType
from kyc_rtc.sessions.ports import Services
from kyc_rtc.storage.records import Commit

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 100.0, 2_000.0

log = structlog.get_logger(__name__)


class Writer:
    """Takes commits without waiting. Each is tried until it is stored, or for `hold_ms` in all.

    A commit is never changed once it was tried: after a lost acknowledgement it may be stored already,
    which the store recognises by its last entry. Bounded by what a session adds while it waits
    (`refusals.MAX_UNSTORED`).
    """

    def __init__(self, services: Services, report: Callable[[SessionEvent], None]) -> None:
        self._store = services.store
        self._clock = services.clock
        self._metrics = services.metrics
        self._hold_ms = services.settings.limits.storage_hold_ms
        self._report = report
        self._waiting: deque[Commit] = deque()
        self._filled = asyncio.Event()

    def add(self, commit: Commit) -> None:
        """Store this one after those that wait."""
        self._waiting.append(commit)
        self._filled.set()

    async def run(self) -> None:
        """Until cancelled, or until the session may not be written any more."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                if not await self._write(self._waiting.popleft()):
                    self._report(OwnershipEnded())
                    return

    async def _write(self, commit: Commit) -> bool:
        """Whether it was stored. Reports what happened on the way."""
        since_ms = self._clock.monotonic_ms()
        pause_ms = FIRST_PAUSE_MS
        while True:
            try:
                await self._store.commit(commit)
            except (OwnershipLost, NotFound) as error:
                log.warning("session_lost", session_id=commit.record.session_id, why=error.code)
                return False
            except StorageUnavailable:
                pass
            except Exception:  # an error that nobody foresaw may pass as well
                log.exception("commit_failed", session_id=commit.record.session_id)
            else:
                self._note(commit)
                self._report(Stored(commit.record.last_seq))
                return True
            if self._clock.monotonic_ms() - since_ms >= self._hold_ms:
                log.error("session_not_stored", session_id=commit.record.session_id)
                return False
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, LONGEST_PAUSE_MS)

    def _note(self, commit: Commit) -> None:
        """Count and log what is certain now."""
        for alert in commit.alerts:
            log.warning("alert", alert_id=alert.alert_id, type=alert.type, severity=alert.severity)
        record = commit.record
        if any(event.type == EntryType.VERDICT for event in commit.events):
            self._metrics.verdicts.labels(record.verdict_status).inc()
            log.info(
                "verdict",
                session_id=record.session_id,
                status=record.verdict_status,
                reasons=record.reasons,
            )
