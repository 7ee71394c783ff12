"""A peer whose offer has data channels, and no channel `kyc`, or no `ready` on it. Pure."""

from __future__ import annotations

from enum import StrEnum

READY_EXPECTED_MS = 5_000.0
"""After so long with an open channel the client is reminded that the check waits for its `ready`."""

NO_CHANNEL_MS = 15_000.0
"""After so long without a channel the check begins, as for an offer without data channels. A channel that
both ends agreed on beforehand (`negotiated`, RFC 8832, 6) is never announced: nobody here knows of it."""


class Due(StrEnum):
    """What has to happen."""

    REMIND = "remind"
    BEGIN = "begin"


class ChannelWait:
    """Times are monotonic milliseconds."""

    def __init__(self) -> None:
        self._since_ms: float | None = None
        self._is_open = False

    def joined(self, now_ms: float, *, has_channel: bool) -> None:
        """Another peer counts from now on."""
        self._since_ms, self._is_open = (now_ms if has_channel else None), False

    def opened(self, now_ms: float) -> bool:
        """The peer's channel opened; whether it is not the first one of a check that had begun."""
        again = self._is_open or self._since_ms is None
        self._since_ms, self._is_open = now_ms, True
        return again

    def ready(self) -> None:
        """The client said so."""
        self._since_ms = None

    def look(self, now_ms: float) -> Due | None:
        """What is due, each once for a channel."""
        if self._since_ms is None:
            return None
        limit_ms = READY_EXPECTED_MS if self._is_open else NO_CHANNEL_MS
        if now_ms - self._since_ms < limit_ms:
            return None
        self._since_ms = None
        return Due.REMIND if self._is_open else Due.BEGIN
