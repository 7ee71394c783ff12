"""A session's record and its journal, kept in step: what changes, what waits to be stored, what is stored."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from kyc_rtc.sessions.events import Now
from kyc_rtc.sessions.journal import SERVER, EntryType, alert_payload, state_payload
from kyc_rtc.sessions.states import FINAL, MOVES, SessionState
from kyc_rtc.storage.records import AlertRecord, Commit, EventRecord, SessionRecord

MAX_KEPT = 256
"""Stored entries kept for a client that reconnects: more than a session writes."""


class Ledger:
    """Pure. Changes gather until `commit` takes them; entries count as published once they are stored.

    `stored_record`: the record as the database has it.
    """

    def __init__(self, record: SessionRecord) -> None:
        self._record = record
        self._committed_seq = self._stored_seq = record.last_seq
        self._entries: list[EventRecord] = []
        self._alerts: list[AlertRecord] = []
        self._unstored: deque[EventRecord] = deque()
        self._unstored_records: deque[SessionRecord] = deque()
        self.stored_record = record
        self._stored: deque[EventRecord] = deque(maxlen=MAX_KEPT)

    @property
    def record(self) -> SessionRecord:
        """As it will be once everything is stored, but for what `commit` adds."""
        return self._record

    @property
    def state(self) -> SessionState:
        return SessionState(self._record.state)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def last_seq(self) -> int:
        """The number of the newest entry, stored or not."""
        return self._committed_seq + len(self._entries)

    @property
    def stored_seq(self) -> int:
        return self._stored_seq

    @property
    def unstored(self) -> int:
        """How many entries wait for the database."""
        return self.last_seq - self._stored_seq

    def move(self, state: SessionState, now: Now, actor: str = SERVER, **changes: Any) -> None:
        """Go to another state. A move that the table lacks is a bug and raises RuntimeError."""
        previous = self.state
        if state not in MOVES[previous]:
            raise RuntimeError(f"no move from {previous} to {state}")
        self._record = dataclasses.replace(self._record, state=state.value, **changes)
        self.add(EntryType.STATE, state_payload(state.value, previous.value), now, actor)

    def add(
        self, kind: EntryType, payload: Mapping[str, Any], now: Now, actor: str = SERVER
    ) -> int:
        """Add an entry; its number."""
        entry = EventRecord(
            session_id=self._record.session_id,
            seq=self.last_seq + 1,
            at_ms=now.wall_ms,
            actor=actor,
            type=kind.value,
            payload=dict(payload),
            owner=self._record.owner_id,
            tenant_id=self._record.tenant_id,
        )
        self._entries.append(entry)
        return entry.seq

    def raise_alert(self, alert: AlertRecord, now: Now) -> None:
        """Add an alert, with its entry."""
        self._alerts.append(alert)
        self.add(EntryType.ALERT, alert_payload(alert), now)

    def commit(self, now: Now, snapshot: Callable[[], Mapping[str, Any]]) -> Commit | None:
        """What has to be stored now; None where no entry was added. `snapshot` gives the other fields: it
        is called for a commit only, for it costs a fair share of a frame."""
        if not self._entries:
            return None
        self._record = dataclasses.replace(
            self._record, updated_at_ms=now.wall_ms, last_seq=self.last_seq, **snapshot()
        )
        commit = Commit(
            record=self._record,
            base_seq=self._committed_seq,
            events=tuple(self._entries),
            alerts=tuple(self._alerts),
        )
        self._committed_seq = self._record.last_seq
        self._unstored.extend(self._entries)
        self._unstored_records.append(self._record)
        self._entries, self._alerts = [], []
        return commit

    def stored(self, seq: int) -> tuple[EventRecord, ...]:
        """Everything up to `seq` is stored; the entries that were not before."""
        newly = []
        while self._unstored and self._unstored[0].seq <= seq:
            newly.append(self._unstored.popleft())
        while self._unstored_records and self._unstored_records[0].last_seq <= seq:
            self.stored_record = self._unstored_records.popleft()
        self._stored.extend(newly)
        self._stored_seq = max(self._stored_seq, seq)
        return tuple(newly)

    def missed(self, last_event: object, greeted_seq: int) -> list[EventRecord]:
        """What a client missed: since the event that it names, or since its greeting. A prompt among it
        is void, or over, by now."""
        if isinstance(last_event, bool) or not isinstance(last_event, int):
            last_event = greeted_seq
        return [entry for entry in self.after(last_event) if entry.type != EntryType.CHALLENGE]

    def after(self, seq: int) -> tuple[EventRecord, ...]:
        """The stored entries with a greater number, as far as they are kept."""
        return tuple(entry for entry in self._stored if entry.seq > seq)
