"""Where a session's messages go: to its peer, and to whoever follows the session."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from kyc_rtc.sessions.effects import Send
from kyc_rtc.sessions.wire import TELEMETRY, Envelopes, Outbound, encode, headed

MAX_FOLLOWERS = 16
MAX_READERS = 8
"""Who may read a session from outside: the other places are for the institution."""

MAX_PENDING = 64

Transmit = Callable[[str, str], bool]
"""Sends a text over the channel of a label; False where it could not."""


class Follower:
    """One reader of a session's messages; keeps the latest `MAX_PENDING`."""

    def __init__(self) -> None:
        self._pending: deque[Mapping[str, Any]] = deque(maxlen=MAX_PENDING)
        self._filled = asyncio.Event()
        self._closed = False

    def put(self, message: Mapping[str, Any]) -> None:
        self._pending.append(message)
        self._filled.set()

    def drain(self) -> tuple[Mapping[str, Any], ...]:
        """All that is pending, at once."""
        messages = tuple(self._pending)
        self._pending.clear()
        return messages

    def close(self) -> None:
        self._closed = True
        self._filled.set()

    async def messages(self) -> AsyncIterator[Mapping[str, Any]]:
        """Messages as they come, until the session closes."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._pending:
                yield self._pending.popleft()
            if self._closed:
                return


class Outbox:
    """Numbers messages and hands them on. A peer that cannot take telemetry loses it, by design."""

    def __init__(self) -> None:
        self._envelopes = Envelopes()
        self._followers: list[Follower] = []
        self._closed = False

    def send(self, message: Outbound, media_ms: int, transmit: Transmit | None) -> None:
        """Send to the peer (if any) and to the followers."""
        enveloped = self._envelopes.wrap(message, media_ms)
        if transmit is not None:
            transmit(message.label, encode(enveloped))
        for follower in self._followers:
            if message.label != TELEMETRY or message.type != "frame":
                follower.put(enveloped)

    def follow(self) -> Follower:
        """A new reader, from now on."""
        follower = Follower()
        if self._closed or len(self._followers) >= MAX_FOLLOWERS:
            follower.close()
        else:
            self._followers.append(follower)
        return follower

    def follow_after(self, missed: Sequence[Send]) -> Follower | None:
        """A new reader, who gets these first; None where there are too many, or where all is over. What it
        missed has no number of the channel's: the peer had it already, or has no channel."""
        if self._closed or len(self._followers) >= MAX_READERS:
            return None
        follower = self.follow()
        for send in missed:
            follower.put(headed(send.message, send.media_ms))
        return follower

    def unfollow(self, follower: Follower) -> None:
        if follower in self._followers:
            self._followers.remove(follower)

    def close(self) -> None:
        """No more messages; readers end. Idempotent."""
        self._closed = True
        for follower in self._followers:
            follower.close()
        self._followers.clear()
