"""What can be read of a live session apart from its record."""

from __future__ import annotations

from kyc_rtc.clock import Clock
from kyc_rtc.sessions.events import Now
from kyc_rtc.sessions.outbox import Outbox, Reader
from kyc_rtc.sessions.refusals import not_live
from kyc_rtc.sessions.session import Session


class Reading:
    """Called from the event loop on which the session's actor runs."""

    def __init__(self, session: Session, outbox: Outbox, clock: Clock) -> None:
        self._session = session
        self._outbox = outbox
        self._clock = clock

    @property
    def has_few_pictures(self) -> bool:
        """Whether its client sends too few a second."""
        return self._session.client_watch.rate.is_low

    def begin(self, after: int) -> Reader:
        """A reader of all messages from now on, and of those that it missed since the journal's entry
        `after`.

        Raises:
            NotFound: the session is over, and says nothing more.
        """
        now = Now(self._clock.monotonic_ms(), self._clock.now_ms())
        reader = self._outbox.read_after(self._session.catch_up.for_a_reader(after, now))
        if reader is None:
            raise not_live()
        return reader

    def end(self, reader: Reader) -> None:
        """It reads no more."""
        self._outbox.leave(reader)
