"""What the applicant should know and no journal entry says. One notice stands at a time. Pure."""

from __future__ import annotations

import math

from kyc_rtc.sessions import messages
from kyc_rtc.sessions.storage_wait import StorageWait
from kyc_rtc.sessions.wire import Outbound

NO_PICTURE_AFTER_MS = 2_500.0
"""A connected camera that delivers no picture for so long: the applicant hears of it within 3 s."""

SILENT_MS = 2_400.0
"""A link over which nothing comes for so long is dark: the page sends its statistics every 2 s."""


class Notices:
    """Times are monotonic milliseconds. Every method returns the messages that are due."""

    def __init__(self) -> None:
        self._storage = StorageWait()
        self._is_blind = False
        self._silent_at_ms = -math.inf

    def storing(self, now_ms: float) -> None:
        """Something waits to be stored, as before or from now on."""
        self._storage.begins(now_ms)

    def stored(self, now_ms: float, *, more_waits: bool) -> list[Outbound]:
        """The database answered. `more_waits`: not everything is stored yet."""
        ended = self._storage.stored(now_ms, more_waits=more_waits)
        return ended and [*ended, *self._blind()]

    def peer_changed(self) -> None:
        """What was said of the camera was said of another peer's."""
        self._is_blind = False

    def look(self, now_ms: float, blind_since_ms: float | None, heard_ms: float) -> list[Outbound]:
        """`blind_since_ms`: the last picture of the connected camera; None where none is connected, or
        none is needed any more. `heard_ms`: the last packet or message. While none comes the link is dark,
        which says nothing of the camera."""
        due = self._storage.look(now_ms)
        if now_ms - heard_ms > SILENT_MS:
            self._silent_at_ms = now_ms
        if blind_since_ms is not None:
            blind_since_ms = max(blind_since_ms, self._silent_at_ms)
        was_blind = self._is_blind
        self._is_blind = (
            blind_since_ms is not None and now_ms - blind_since_ms >= NO_PICTURE_AFTER_MS
        )
        if self._is_blind and not was_blind:
            due += self._blind()
        elif was_blind and not self._is_blind:
            due += [messages.notice(None), *self._storage.repeat()]
        return due

    def repeat(self) -> list[Outbound]:
        """What a client that connects now has to know."""
        return [*self._storage.repeat(), *self._blind()]

    def _blind(self) -> list[Outbound]:
        return [messages.notice(messages.NO_PICTURE)] if self._is_blind else []
