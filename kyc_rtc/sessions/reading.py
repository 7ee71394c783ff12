"""What can be read of a live session apart from its record."""

from __future__ import annotations

from kyc_rtc.clock import Clock
from kyc_rtc.sessions.events import Now
from kyc_rtc.sessions.outbox import Follower, Outbox
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

    def follow(self, after: int) -> Follower | None:
        """A reader of all messages from now on, and of those that it missed since the journal's entry
        `after`; None where too many read already."""
        now = Now(self._clock.monotonic_ms(), self._clock.now_ms())
        return self._outbox.follow_after(self._session.catch_up.for_a_reader(after, now))
