"""How long a session has waited for its database, and whether its applicant knows. Pure."""

from __future__ import annotations

from kyc_rtc.sessions import messages
from kyc_rtc.sessions.wire import Outbound

SENTENCE_AFTER_MS = 1_000.0
"""For so long the applicant need not know that the database does not answer."""


class StorageWait:
    """Times are monotonic milliseconds. Every method returns the messages that are due."""

    def __init__(self) -> None:
        self._since_ms: float | None = None
        self._said = False

    def begins(self, now_ms: float) -> None:
        """Something waits to be stored, as before or from now on."""
        if self._since_ms is None:
            self._since_ms = now_ms

    def stored(self, now_ms: float, *, more_waits: bool) -> list[Outbound]:
        """The database answered. `more_waits`: not everything is stored yet."""
        self._since_ms = now_ms if more_waits else None
        said, self._said = self._said, False
        return [messages.notice(None)] if said else []

    def look(self, now_ms: float) -> list[Outbound]:
        """Say that the database keeps the session waiting, once it has for a while."""
        if self._said or self._since_ms is None or now_ms - self._since_ms < SENTENCE_AFTER_MS:
            return []
        self._said = True
        return self.repeat()

    def repeat(self) -> list[Outbound]:
        """What a client that connects now has to know."""
        return [messages.notice(messages.STORAGE_WAITING)] if self._said else []
