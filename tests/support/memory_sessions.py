"""`SessionStore` in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from kyc_rtc.errors import Conflict, NotFound, OwnershipLost
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import (
    CREATED,
    EXPIRED,
    MAX_EVENTS_LISTED,
    Commit,
    Consent,
    EventRecord,
    SessionRecord,
)
from kyc_rtc.storage.checks import check_first_attempt, check_further_attempt, was_committed
from kyc_rtc.storage.endings import MAX_AT_ONCE, SYSTEM_ACTOR
from kyc_rtc.storage.rows import FIXED_FIELDS
from kyc_rtc.storage.topics import STATE_EVENT
from kyc_rtc.storage.values import check_limit

if TYPE_CHECKING:
    from tests.support.memory_store import MemoryStore


class MemorySessionStore:
    """`SessionStore` over a `MemoryStore`. Records are copied on the way in and out."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def open(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        check_first_attempt(record, events)
        await self._store.reached()
        if record.session_id in self._store.session_rows:
            raise Conflict("the session exists already")
        self._add(record, events)

    async def add_attempt(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        check_further_attempt(record, events)
        await self._store.reached()
        first = self._store.session_rows.get(record.verification_id)
        if first is None or _person(first) != _person(record):
            raise NotFound("no such verification")
        numbers = {row.attempt for row in self._attempts(record.verification_id)}
        if record.attempt in numbers or record.session_id in self._store.session_rows:
            raise Conflict("the verification has this attempt already")
        known = replace(
            record,
            terms=first.terms,
            link_number=first.link_number,
            withdrawn=first.withdrawn,
            consent=first.consent,
        )
        self._add(known, events)

    async def get(self, session_id: SessionId) -> SessionRecord:
        await self._store.reached()
        return replace(self._store.row(session_id))

    async def attempts(self, verification_id: SessionId) -> list[SessionRecord]:
        await self._store.reached()
        return [replace(row) for row in self._attempts(verification_id)]

    async def acquire(self, session_id: SessionId, owner_id: str, epoch: int) -> SessionRecord:
        await self._store.reached()
        row = self._store.row(session_id)
        if not self._store.processes.holds_lease(owner_id, epoch):
            raise OwnershipLost("this process holds no lease", hint="register it again")
        if row.owner_id is None and row.state not in self._store.final_states:
            row = replace(row, owner_id=owner_id, owner_epoch=epoch)
            self._store.put(row)
        return replace(row)

    async def disown(self, record: SessionRecord) -> None:
        await self._store.reached()
        row = self._store.row(record.session_id)
        owner = (record.owner_id, record.owner_epoch)
        if (row.owner_id, row.owner_epoch) == owner and row.state == "created":
            self._store.put(replace(row, owner_id=None, owner_epoch=0))

    async def commit(self, commit: Commit) -> None:
        await self._store.reached()
        stored = self._store.row(commit.record.session_id)
        if not self._may_commit(commit, stored):
            last = self._store.event_rows[stored.session_id][-1:]
            if not was_committed(commit, stored, last):
                raise OwnershipLost("the session is no longer this process's")
            return
        ids = [alert.alert_id for alert in commit.alerts]
        if len(set(ids)) < len(ids) or set(ids) & self._store.alert_rows.keys():
            raise Conflict("an alert exists already")
        names = {field.name for field in fields(stored)} - FIXED_FIELDS
        values = {name: getattr(commit.record, name) for name in names}
        self._store.put(replace(stored, **values))
        self._store.event_rows[stored.session_id] += commit.events
        self._store.alert_rows.update(zip(ids, commit.alerts, strict=True))

    async def events(
        self, session_id: SessionId, after: int = 0, limit: int = MAX_EVENTS_LISTED
    ) -> list[EventRecord]:
        check_limit(limit, MAX_EVENTS_LISTED)
        await self._store.reached()
        rows = self._store.event_rows.get(session_id, [])
        return [replace(row) for row in rows if row.seq > after][:limit]

    async def expire(self, now_ms: int, limit: int = MAX_AT_ONCE) -> list[SessionId]:
        check_limit(limit, MAX_AT_ONCE)
        await self._store.reached()
        rows = [
            row
            for row in self._store.session_rows.values()
            if row.owner_id is None and row.expires_at_ms <= now_ms and row.state == CREATED
        ]
        rows.sort(key=lambda row: (row.expires_at_ms, row.session_id))
        return self.end(rows[:limit], EXPIRED, now_ms)

    async def count_by_state(self) -> dict[str, int]:
        await self._store.reached()
        return dict(Counter(row.state for row in self._store.session_rows.values()))

    async def count_waiting(self, now_ms: int) -> int:
        await self._store.reached()
        rows = self._store.session_rows.values()
        return sum(row.state == CREATED and row.expires_at_ms > now_ms for row in rows)

    async def delete(self, verification_id: SessionId) -> bool:
        await self._store.reached()
        gone = {row.session_id for row in self._attempts(verification_id)}
        self._store.face_rows.pop(verification_id, None)
        for session_id in gone:
            self._store.session_rows.pop(session_id)
            self._store.event_rows.pop(session_id)
            self._store.footage_rows.pop(session_id, None)
            self._store.features_rows.pop(session_id, None)
        for alert in [row for row in self._store.alert_rows.values() if row.session_id in gone]:
            del self._store.alert_rows[alert.alert_id]
        for command in [row for row in self._store.command_rows.values() if row.session_id in gone]:
            del self._store.command_rows[command.command_id]
        return bool(gone)

    async def renew_link(self, verification_id: SessionId) -> int:
        await self._store.reached()
        attempts = self._attempts(verification_id)
        if not attempts:
            raise NotFound("no such verification")
        number = attempts[0].link_number + 1
        for row in attempts:
            self._store.put(replace(row, link_number=number))
        return number

    async def withdraw(self, verification_id: SessionId) -> None:
        await self._store.reached()
        attempts = self._attempts(verification_id)
        if not attempts:
            raise NotFound("no such verification")
        for row in attempts:
            self._store.put(replace(row, withdrawn=True))

    async def agree(self, verification_id: SessionId, consent: Consent) -> None:
        await self._store.reached()
        attempts = self._attempts(verification_id)
        if not attempts:
            raise NotFound("no such verification")
        for row in attempts:
            self._store.put(replace(row, consent=consent))

    async def keep_face(self, verification_id: SessionId, sealed: bytes) -> None:
        await self._store.reached()
        if not self._attempts(verification_id):
            raise NotFound("no such verification")
        self._store.face_rows[verification_id] = sealed

    async def face(self, verification_id: SessionId) -> bytes | None:
        await self._store.reached()
        return self._store.face_rows.get(verification_id)

    async def erase_face(self, verification_id: SessionId) -> None:
        await self._store.reached()
        self._store.face_rows.pop(verification_id, None)

    async def prune_events(self, before_ms: int) -> int:
        await self._store.reached()
        count = 0
        for session_id, events in self._store.event_rows.items():
            if self._store.row(session_id).state in self._store.final_states:
                kept = [event for event in events if event.at_ms >= before_ms]
                count += len(events) - len(kept)
                self._store.event_rows[session_id] = kept
        return count

    def end(self, rows: Iterable[SessionRecord], state: str, at_ms: int) -> list[SessionId]:
        """Bring these rows to a final state, with an entry in their journals."""
        ended: list[SessionId] = []
        for row in rows:
            entry = EventRecord(
                row.session_id,
                row.last_seq + 1,
                at_ms,
                SYSTEM_ACTOR,
                STATE_EVENT,
                {"state": state, "previous": row.state},
                tenant_id=row.tenant_id,
            )
            self._store.put(replace(row, state=state, updated_at_ms=at_ms, last_seq=entry.seq))
            self._store.event_rows[row.session_id].append(entry)
            ended.append(row.session_id)
        return ended

    def _may_commit(self, commit: Commit, stored: SessionRecord) -> bool:
        ours = commit.record
        return (
            stored.tenant_id == ours.tenant_id
            and stored.owner_id is not None
            and (stored.owner_id, stored.owner_epoch) == (ours.owner_id, ours.owner_epoch)
            and stored.last_seq == commit.base_seq
            and stored.state not in self._store.final_states
            and self._store.processes.has_epoch(stored.owner_id, stored.owner_epoch)
        )

    def _attempts(self, verification_id: SessionId) -> list[SessionRecord]:
        rows = self._store.session_rows.values()
        return sorted(
            (row for row in rows if row.verification_id == verification_id),
            key=lambda row: row.attempt,
        )

    def _add(self, record: SessionRecord, events: Sequence[EventRecord]) -> None:
        self._store.put(replace(record))
        self._store.event_rows[record.session_id] = list(events)


def _person(record: SessionRecord) -> tuple[str, str]:
    return record.tenant_id, record.user_id
