"""The stores of `kyc_rtc.storage` in memory, held to the same contract tests as the real ones.

Every call gives way to other tasks once and is then atomic, as a transaction is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.errors import KycError, NotFound
from kyc_rtc.ids import AlertId, SessionId, new_alert_id, new_session_id
from kyc_rtc.storage import (
    EXPIRED,
    INTERRUPTED,
    AlertRecord,
    CommandRecord,
    EventRecord,
    FeaturesRecord,
    FootageRecord,
    SessionRecord,
)
from kyc_rtc.storage.processes import check_states
from tests.support.memory_attachments import (
    MemoryAlertRepository,
    MemoryFeaturesRepository,
    MemoryFootageRepository,
)
from tests.support.memory_lists import (
    IdempotencyRow,
    MemoryIdempotencyStore,
    MemoryVerificationLists,
)
from tests.support.memory_processes import MemoryCommandStore, MemoryProcessStore, ProcessRow
from tests.support.memory_sandbox import MemorySandboxStore
from tests.support.memory_sessions import MemorySessionStore


class MemoryStore:
    """The stores over shared rows. Set `failure` and every call raises it."""

    def __init__(
        self,
        final_states: Collection[str] = (EXPIRED, INTERRUPTED),
        live_states: Collection[str] = (),
        clock: Clock | None = None,
    ) -> None:
        check_states(final_states, live_states)
        self.final_states = frozenset(final_states)
        self.live_states = frozenset(live_states)
        self.clock: Clock = clock or SystemClock()
        self.session_rows: dict[SessionId, SessionRecord] = {}
        self.event_rows: dict[SessionId, list[EventRecord]] = {}
        self.face_rows: dict[SessionId, bytes] = {}
        self.process_rows: dict[str, ProcessRow] = {}
        self.command_rows: dict[str, CommandRecord] = {}
        self.alert_rows: dict[AlertId, AlertRecord] = {}
        self.footage_rows: dict[SessionId, FootageRecord] = {}
        self.features_rows: dict[SessionId, FeaturesRecord] = {}
        self.idempotency_rows: dict[str, IdempotencyRow] = {}
        self.failure: KycError | None = None
        self.lists = MemoryVerificationLists(self)
        self.idempotency = MemoryIdempotencyStore(self)
        self.sessions = MemorySessionStore(self)
        self.processes = MemoryProcessStore(self)
        self.commands = MemoryCommandStore(self)
        self.alerts = MemoryAlertRepository(self)
        self.footage = MemoryFootageRepository(self)
        self.features = MemoryFeaturesRepository(self)
        self.sandbox = MemorySandboxStore(self)

    async def reached(self) -> None:
        """Give way once; raise `failure` if one is set."""
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure

    def row(self, session_id: SessionId) -> SessionRecord:
        """Raises NotFound."""
        try:
            return self.session_rows[session_id]
        except KeyError:
            raise NotFound("no such session") from None

    def put(self, record: SessionRecord) -> None:
        self.session_rows[record.session_id] = record


def a_session(**changes: Any) -> SessionRecord:
    """A session with a fresh id, as it is right after it was opened; the first attempt of its
    verification where no other is named."""
    session_id = changes.get("session_id") or new_session_id()
    values: dict[str, Any] = {
        "session_id": session_id,
        "verification_id": session_id,
        "user_id": "applicant-1",
        "state": "created",
        "created_at_ms": 1_000,
        "updated_at_ms": 1_000,
        "expires_at_ms": 61_000,
    }
    return SessionRecord(**(values | changes))


def an_event(session_id: SessionId, seq: int = 1, **changes: Any) -> EventRecord:
    """An entry of a journal."""
    values: dict[str, Any] = {
        "session_id": session_id,
        "seq": seq,
        "at_ms": 1_500,
        "actor": "system",
        "type": "state",
        "payload": {"state": "created", "previous": None},
    }
    return EventRecord(**(values | changes))


def an_alert(session_id: SessionId, **changes: Any) -> AlertRecord:
    """An alert with a fresh id that nobody has acknowledged."""
    values: dict[str, Any] = {
        "alert_id": new_alert_id(),
        "session_id": session_id,
        "type": "replay_detected",
        "severity": "high",
        "message_key": "alert.replay_detected",
        "details": {"reasons": ["video_loop"]},
        "created_at_ms": 2_000,
    }
    return AlertRecord(**(values | changes))
