"""Where a session's messages go: to its peer, to who uploads its pictures, and to who reads along."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from kyc_rtc.sessions.effects import Audience, Send
from kyc_rtc.sessions.wire import RELIABLE, TELEMETRY, Envelopes, Outbound, encode, headed

MAX_READERS = 8
MAX_PENDING = 64

Transmit = Callable[[str, str], bool]
"""Sends a text over the channel of a label; False where it could not."""


class Follower:
    """Who takes a session's messages; at most `MAX_PENDING` wait. Telemetry goes first, then the oldest."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Mapping[str, Any], str]] = deque()

    def put(self, message: Mapping[str, Any], label: str) -> None:
        """Keep a message of the channel `label`."""
        if len(self._pending) >= MAX_PENDING and not self._drop_telemetry():
            self._pending.popleft()
        self._pending.append((message, label))

    def drain(self) -> tuple[Mapping[str, Any], ...]:
        """All that is pending, at once."""
        messages = tuple(message for message, _ in self._pending)
        self._pending.clear()
        return messages

    def _drop_telemetry(self) -> bool:
        """Drop the oldest telemetry that waits. False where there is none."""
        labels = [label for _, label in self._pending]
        if TELEMETRY not in labels:
            return False
        del self._pending[labels.index(TELEMETRY)]
        return True


class Reader(Follower):
    """Reads the messages as they come, and can resume after an entry of the journal. So it gets no gap: one
    who is too slow is cut off after what it has. `missed` is read first, however much it is."""

    def __init__(self, missed: Iterable[Mapping[str, Any]]) -> None:
        super().__init__()
        self._pending.extend((message, RELIABLE) for message in missed)
        self._most = len(self._pending) + MAX_PENDING
        self._filled = asyncio.Event()
        self._filled.set()
        self._closed = False

    def put(self, message: Mapping[str, Any], label: str) -> None:
        if self._closed:
            return
        if len(self._pending) >= self._most and not self._drop_telemetry():
            if label != TELEMETRY:
                self.close()
            return
        self._pending.append((message, label))
        self._filled.set()

    def close(self) -> None:
        self._closed = True
        self._filled.set()

    async def messages(self) -> AsyncIterator[Mapping[str, Any]]:
        """Messages as they come, until the session closes."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._pending:
                yield self._pending.popleft()[0]
            if self._closed:
                return


class Outbox:
    """Numbers messages and hands them on. A peer that cannot take telemetry loses it, by design."""

    def __init__(self) -> None:
        self._envelopes = Envelopes()
        self._followers: list[Follower] = []
        self._readers: list[Reader] = []
        self.is_closed = False

    def send(self, send: Send, transmit: Transmit | None) -> None:
        """Send to the peer (if any), to the followers and to the readers, or to whom it is for alone."""
        message, media_ms = send.message, send.media_ms
        if send.to is Audience.READERS:  # the channel's numbers have no holes
            self._put(self._readers, message, headed(message, media_ms))
            return
        enveloped = self._envelopes.wrap(message, media_ms)
        if transmit is not None:
            transmit(message.label, encode(enveloped))
        if send.to is Audience.ALL:
            self._put((*self._followers, *self._readers), message, enveloped)

    def _put(
        self, followers: Iterable[Follower], message: Outbound, enveloped: Mapping[str, Any]
    ) -> None:
        if message.label == TELEMETRY and message.type == "frame":
            return
        for follower in followers:
            follower.put(enveloped, message.label)

    def follow(self) -> Follower:
        """Who takes all messages from now on."""
        follower = Follower()
        self._followers.append(follower)
        return follower

    def read_after(self, missed: Iterable[Send]) -> Reader | None:
        """A new reader, who gets these first; None where all is over. Where there are too many, the oldest
        ends: its client is most likely gone, which shows at the next write only. What it missed has no number
        of the channel's: the peer had it already, or has no channel."""
        if self.is_closed:
            return None
        if len(self._readers) >= MAX_READERS:
            self._readers.pop(0).close()
        reader = Reader(headed(send.message, send.media_ms) for send in missed)
        self._readers.append(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """It reads no more."""
        if reader in self._readers:
            self._readers.remove(reader)

    def close(self) -> None:
        """No more messages; readers end. Idempotent."""
        self.is_closed = True
        for reader in self._readers:
            reader.close()
        self._readers.clear()
