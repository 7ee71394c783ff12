"""A video track that offers every picture to the analysis while it passes them on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

import av
import numpy as np
from aiortc import MediaStreamTrack, VideoStreamTrack

from kyc_rtc.clock import Clock
from kyc_rtc.frames import BgrImage, Frame
from media.timeline import MediaTimeline

_WRAP = 2**32
"""RTP timestamps have 32 bits (RFC 3550, 5.1): later is what lies less than half of it ahead."""

FrameSink = Callable[[Frame], None]
"""Takes a frame without blocking, such as `Mailbox.put`."""


class VerificationTrack(VideoStreamTrack):
    """Passes a camera's frames on unchanged and offers each to the analysis.

    `recv` never computes: the pixels are converted when, and only if, the analysis takes the frame.
    The returned frame keeps its `pts` and `time_base`, so that it can be relayed to an agent. A picture
    whose time does not advance is passed on, but not offered: it does not show that the camera goes on.
    """

    def __init__(
        self, source: MediaStreamTrack, offer: FrameSink, timeline: MediaTimeline, clock: Clock
    ) -> None:
        super().__init__()
        self._source = source
        self._offer = offer
        self._timeline = timeline
        self._clock = clock
        self._sequence = 0
        self._last_pts: int | None = None

    async def recv(self) -> av.VideoFrame:
        """The next frame of the source.

        Raises:
            MediaStreamError: the source has ended.
        """
        picture = await self._source.recv()
        if not isinstance(picture, av.VideoFrame):
            raise TypeError("a video track delivered something other than a video frame")
        pts = picture.pts or 0
        if self._last_pts is None or 0 < (pts - self._last_pts) % _WRAP < _WRAP // 2:
            self._last_pts = pts
            self._offer_picture(picture, pts)
        return picture

    def _offer_picture(self, picture: av.VideoFrame, pts: int) -> None:
        received_at_ms = self._clock.monotonic_ms()
        time_base = picture.time_base or Fraction(1, 90_000)
        self._offer(
            Frame(
                captured_at_ms=self._timeline.media_ms(pts, time_base, received_at_ms),
                received_at_ms=received_at_ms,
                sequence=self._sequence,
                to_bgr=partial(to_bgr, picture),
            )
        )
        self._sequence += 1

    def stop(self) -> None:
        super().stop()
        self._source.stop()


def to_bgr(picture: av.VideoFrame) -> BgrImage:
    """Pixels of a decoded picture: shape (height, width, 3), dtype uint8."""
    return np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)
