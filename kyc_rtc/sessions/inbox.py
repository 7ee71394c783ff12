"""A session's inbox: bounded, read by one actor."""

from __future__ import annotations

import asyncio
from collections import deque

from kyc_rtc.errors import Conflict, StorageUnavailable
from kyc_rtc.sessions.events import SessionEvent

MAX_WAITING = 32
MAX_FROM_PEERS = 16
"""Half of the room stays for callers, whatever a client sends."""


class Inbox:
    """Events in the order of arrival. Frames do not pass through it: of these the latest wins.

    Three ways in, by who adds: `put` for the actor's own tasks, of which there are few with one event
    each under way; `ask` for callers, refused when full; `deliver` for a peer's reader, which waits.
    """

    def __init__(self) -> None:
        self._events: deque[SessionEvent] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    def close(self) -> None:
        """Nobody reads any more: what is added from now on is dropped. Idempotent."""
        self._closed = True
        self._events.clear()
        self._note_room()

    def put(self, event: SessionEvent) -> None:
        """Add an event of the actor's own."""
        if self._closed:
            return
        self._events.append(event)
        self._note_room()
        self._wake.set()

    def ask(self, event: SessionEvent) -> None:
        """Add a caller's event.

        Raises:
            StorageUnavailable: too many wait. Conflict: nobody reads any more.
        """
        if self._closed:
            raise Conflict("the session broke off", hint="retry the session")
        if len(self._events) >= MAX_WAITING:
            raise StorageUnavailable("the session is busy", hint="try again")
        self.put(event)

    async def deliver(self, event: SessionEvent) -> None:
        """Add a peer's event, as soon as there is room."""
        await self._room.wait()
        self.put(event)

    def take(self) -> SessionEvent | None:
        """The oldest event; None where there is none."""
        event = self._events.popleft() if self._events else None
        self._note_room()
        return event

    def wake(self) -> None:
        """Let the reader look again, also where no event was added."""
        self._wake.set()

    async def wait(self) -> None:
        """Until something was added, or `wake` was called."""
        await self._wake.wait()
        self._wake.clear()

    def _note_room(self) -> None:
        if len(self._events) < MAX_FROM_PEERS:
            self._room.set()
        else:
            self._room.clear()
