"""What the client of a live session should know of itself. Pure."""

from __future__ import annotations

from kyc_rtc.sessions import messages
from kyc_rtc.sessions.channel_wait import ChannelWait, Due
from kyc_rtc.sessions.events import Tick
from kyc_rtc.sessions.picture_rate import PictureRate
from kyc_rtc.sessions.wire import Outbound


class ClientWatch:
    """Of the peer, or the sender of pictures, that counts. Times are monotonic milliseconds."""

    def __init__(self) -> None:
        self.channel = ChannelWait()
        self.rate = PictureRate()

    def joined(self, now_ms: float, *, has_channel: bool) -> None:
        """Another client counts from now on."""
        self.channel.joined(now_ms, has_channel=has_channel)
        self.rate.restart()

    def look(
        self, tick: Tick, now_ms: float, has_peer: bool, noticed: bool
    ) -> tuple[bool, list[Outbound]]:
        """Whether the check begins without a channel, and the messages that are due. `noticed`: another
        notice stands, and nothing is said of the rate of pictures."""
        due = self.channel.look(now_ms) if has_peer else None
        reminder = [messages.ready_expected()] if due is Due.REMIND else []
        if noticed:
            self.rate.restart()
            return due is Due.BEGIN, reminder
        return due is Due.BEGIN, reminder + self.rate.look(now_ms, tick.pictures)
