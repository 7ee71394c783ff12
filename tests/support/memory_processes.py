"""`ProcessStore` and `CommandStore` in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kyc_rtc.errors import NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import CREATED, INTERRUPTED, CommandRecord, JsonObject, SessionRecord
from kyc_rtc.storage.commands import (
    MAX_COMMANDS_LISTED,
    MAX_COMMANDS_WAITING,
    check_full,
    check_same_command,
    checked_outcome,
)
from kyc_rtc.storage.processes import FORGOTTEN_AFTER_MS, check_lease
from kyc_rtc.storage.values import check_limit

if TYPE_CHECKING:
    from tests.support.memory_store import MemoryStore


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process with its lease."""

    process_id: str
    epoch: int
    started_at_ms: int
    lease_until_ms: int


class MemoryProcessStore:
    """`ProcessStore` over a `MemoryStore`, by the clock of that store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def register(self, process_id: str, lease_ms: int) -> int:
        check_lease(process_id, lease_ms)
        await self._store.reached()
        now_ms = self._store.clock.now_ms()
        earlier = self._store.process_rows.get(process_id)
        epoch = 1 if earlier is None else earlier.epoch + 1
        self._put(ProcessRow(process_id, epoch, now_ms, now_ms + lease_ms))
        return epoch

    async def renew(self, process_id: str, epoch: int, lease_ms: int) -> int | None:
        check_lease(process_id, lease_ms)
        await self._store.reached()
        if not self.has_epoch(process_id, epoch):
            return None
        until_ms = self._store.clock.now_ms() + lease_ms
        self._let_end(process_id, until_ms)
        return until_ms

    async def check_writable(self, process_id: str) -> None:
        await self._store.reached()

    async def release(self, process_id: str, epoch: int) -> None:
        await self._store.reached()
        if self.has_epoch(process_id, epoch):
            self._let_end(process_id, self._store.clock.now_ms())
            owned = self._owned(process_id, epoch)
            self._interrupt(owned)
            self._free(row for row in owned if self._waits(row))

    async def interrupt_orphans(self, process_id: str, epoch: int) -> list[SessionId]:
        await self._store.reached()
        if not self.holds_lease(process_id, epoch):
            return []
        now_ms = self._store.clock.now_ms()
        for row in list(self._store.process_rows.values()):
            is_late = row.process_id != process_id and row.lease_until_ms <= now_ms
            if is_late and any(map(self._is_open, self._owned(row.process_id, row.epoch))):
                self._put(replace(row, epoch=row.epoch + 1))
        orphans = [row for row in self._store.session_rows.values() if self._is_orphan(row)]
        interrupted = self._interrupt(orphans)
        self._free(row for row in orphans if self._waits(row))
        for row in list(self._store.process_rows.values()):
            if row.lease_until_ms <= now_ms - FORGOTTEN_AFTER_MS:
                del self._store.process_rows[row.process_id]
        return interrupted

    async def interrupt_unknown(
        self, process_id: str, epoch: int, known: Collection[str]
    ) -> list[SessionId]:
        await self._store.reached()
        left = [row for row in self._owned(process_id, epoch) if row.session_id not in known]
        self._free(row for row in left if self._waits(row))
        return self._interrupt(left)

    def holds_lease(self, process_id: str, epoch: int) -> bool:
        row = self._store.process_rows.get(process_id)
        now_ms = self._store.clock.now_ms()
        return row is not None and row.epoch == epoch and row.lease_until_ms > now_ms

    def has_epoch(self, process_id: str, epoch: int) -> bool:
        row = self._store.process_rows.get(process_id)
        return row is not None and row.epoch == epoch

    def _put(self, row: ProcessRow) -> None:
        self._store.process_rows[row.process_id] = row

    def _let_end(self, process_id: str, at_ms: int) -> None:
        self._put(replace(self._store.process_rows[process_id], lease_until_ms=at_ms))

    def _interrupt(self, rows: Iterable[SessionRecord]) -> list[SessionId]:
        live = [row for row in rows if row.state in self._store.live_states]
        return self._store.sessions.end(live, INTERRUPTED, self._store.clock.now_ms())

    def _free(self, rows: Iterable[SessionRecord]) -> None:
        for row in rows:
            self._store.put(replace(row, owner_id=None, owner_epoch=0))

    def _owned(self, process_id: str, epoch: int) -> list[SessionRecord]:
        rows = self._store.session_rows.values()
        return [row for row in rows if (row.owner_id, row.owner_epoch) == (process_id, epoch)]

    def _is_orphan(self, row: SessionRecord) -> bool:
        return row.owner_id is None or not self.has_epoch(row.owner_id, row.owner_epoch)

    def _waits(self, row: SessionRecord) -> bool:
        return row.state == CREATED

    def _is_open(self, row: SessionRecord) -> bool:
        return self._waits(row) or row.state in self._store.live_states


class MemoryCommandStore:
    """`CommandStore` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def add(self, command: CommandRecord) -> None:
        await self._store.reached()
        stored = self._store.command_rows.get(command.command_id)
        if stored is None and command.session_id in self._store.session_rows:
            if len(self._waiting(command.session_id)) >= MAX_COMMANDS_WAITING:
                check_full(stored, command)
            self._store.command_rows[command.command_id] = replace(command)
        else:
            check_same_command(stored, command)

    async def pending(self, owner_id: str, epoch: int, limit: int = 100) -> list[CommandRecord]:
        check_limit(limit, MAX_COMMANDS_LISTED)
        await self._store.reached()
        owner = (owner_id, epoch)
        found: list[CommandRecord] = []
        for command in self._store.command_rows.values():
            session = self._store.row(command.session_id)
            if command.done_at_ms is None and (session.owner_id, session.owner_epoch) == owner:
                found.append(replace(command))
        return sorted(found, key=lambda row: (row.created_at_ms, row.command_id))[:limit]

    async def pending_for(self, session_id: SessionId) -> list[CommandRecord]:
        await self._store.reached()
        found = [replace(command) for command in self._waiting(session_id)]
        return sorted(found, key=lambda row: (row.created_at_ms, row.command_id))

    async def finish(self, command_id: str, now_ms: int, error: JsonObject | None) -> None:
        outcome = checked_outcome(now_ms, error)
        await self._store.reached()
        command = self._row(command_id)
        if command.done_at_ms is None:
            done = replace(command, done_at_ms=now_ms, error=outcome)
            self._store.command_rows[command_id] = done

    async def get(self, command_id: str) -> CommandRecord:
        await self._store.reached()
        return replace(self._row(command_id))

    async def prune(self, before_ms: int) -> int:
        await self._store.reached()
        rows = self._store.command_rows.values()
        gone = [row.command_id for row in rows if row.created_at_ms < before_ms]
        for command_id in gone:
            del self._store.command_rows[command_id]
        return len(gone)

    def _waiting(self, session_id: SessionId) -> list[CommandRecord]:
        rows = self._store.command_rows.values()
        return [row for row in rows if row.session_id == session_id and row.done_at_ms is None]

    def _row(self, command_id: str) -> CommandRecord:
        try:
            return self._store.command_rows[command_id]
        except KeyError:
            raise NotFound("no such command") from None
