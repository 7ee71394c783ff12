"""The frames of a session on their way to the analysis, and when something last arrived."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.frames import Frame, Mailbox, PixelSource
from kyc_rtc.sessions.events import Client, FrameArrived, Request, Tick


@dataclass(frozen=True, slots=True)
class Arrived:
    """A frame in the mailbox. `upload`, `request`: whose picture it is and who waits for it."""

    frame: Frame
    upload: Client | None = None
    request: Request | None = None


class Arrivals:
    """One slot for the latest frame, and the real time of all of them, analysed or not."""

    def __init__(self, now_ms: float) -> None:
        self._mailbox: Mailbox[Arrived] = Mailbox()
        self._heard_ms = self._connected_ms = now_ms
        self._frame_ms: float | None = None
        self._gap_ms = 0.0
        self._media_ms = -1
        self._upload_anchor: tuple[float, int] | None = None
        self._uploads = self._pictures = 0

    @property
    def dropped(self) -> int:
        """How many frames were replaced before they were analysed."""
        return self._mailbox.dropped

    def connected(self, now_ms: float) -> None:
        """Another peer begins to send."""
        self._connected_ms = self._heard_ms = now_ms

    def heard(self, at_ms: float) -> None:
        """A packet or a message came."""
        self._heard_ms = max(self._heard_ms, at_ms)

    def put(self, arrived: Arrived) -> Request | None:
        """Take a frame; the caller whose picture it replaces, if any."""
        if arrived.upload is None:
            self._gap_ms = max(self._gap_ms, self.decoded(arrived.frame.received_at_ms))
        self._media_ms = max(self._media_ms, arrived.frame.captured_at_ms)
        replaced = self._mailbox.put(arrived)
        return replaced.request if replaced else None

    def decoded(self, at_ms: float) -> float:
        """A picture that arrived at this time could be decoded; real time since the one before. Of an
        upload that is known only later: bytes that are not a picture are not a sign of a camera."""
        gap_ms = 0.0 if self._frame_ms is None else at_ms - self._frame_ms
        self._frame_ms = at_ms
        self._pictures += 1
        self.heard(at_ms)
        return gap_ms

    def take(self) -> tuple[Frame, FrameArrived] | None:
        """The latest frame, with the event that announces it."""
        arrived = self._mailbox.take()
        if arrived is None:
            return None
        gap_ms, self._gap_ms = self._gap_ms, 0.0
        frame = arrived.frame
        event = FrameArrived(frame.received_at_ms, gap_ms, arrived.upload, arrived.request)
        return frame, event

    def uploaded(self, decode: PixelSource, now_ms: float) -> Frame:
        """A picture that did not come over WebRTC: its time of arrival is its time of capture. Media
        time goes on where a camera left it."""
        if self._upload_anchor is None:
            self._upload_anchor = (now_ms, self._media_ms + 1)
        since_ms, media_ms = self._upload_anchor
        captured_at_ms = max(round(now_ms - since_ms) + media_ms, self._media_ms + 1)
        self._uploads += 1
        return Frame(captured_at_ms, now_ms, self._uploads - 1, decode, is_picture=True)

    def tick(self) -> Tick:
        """When something last came; a peer that has just connected counts as a frame."""
        frame_ms = max(self._frame_ms or 0.0, self._connected_ms)
        return Tick(self._heard_ms, frame_ms, self._pictures)
