"""The frames of a session on their way to the analysis, and when something last arrived."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.frames import BgrImage, Frame, Mailbox
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
        self._first_upload_ms: float | None = None
        self._last_upload_media_ms = -1
        self._uploads = 0

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
        at_ms = arrived.frame.received_at_ms
        if self._frame_ms is not None:
            self._gap_ms = max(self._gap_ms, at_ms - self._frame_ms)
        self._frame_ms = at_ms
        self.heard(at_ms)
        replaced = self._mailbox.put(arrived)
        return replaced.request if replaced else None

    def take(self) -> tuple[Frame, FrameArrived] | None:
        """The latest frame, with the event that announces it."""
        arrived = self._mailbox.take()
        if arrived is None:
            return None
        gap_ms, self._gap_ms = self._gap_ms, 0.0
        event = FrameArrived(arrived.frame.captured_at_ms, gap_ms, arrived.upload, arrived.request)
        return arrived.frame, event

    def uploaded(self, image: BgrImage, now_ms: float) -> Frame:
        """A picture that did not come over WebRTC: its time of arrival is its time of capture."""
        if self._first_upload_ms is None:
            self._first_upload_ms = now_ms
        media_ms = max(round(now_ms - self._first_upload_ms), self._last_upload_media_ms + 1)
        self._last_upload_media_ms = media_ms
        self._uploads += 1
        return Frame(media_ms, now_ms, self._uploads - 1, lambda: image)

    def tick(self) -> Tick:
        """When something last came; a peer that has just connected counts as a frame."""
        return Tick(self._heard_ms, max(self._frame_ms or 0.0, self._connected_ms))
