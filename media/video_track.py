"""A video track that offers every picture to the analysis while it passes them on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import cast

import av
import numpy as np
from aiortc import MediaStreamTrack, VideoStreamTrack
from av.sidedata.sidedata import SideDataContainer, Type

from kyc_rtc.clock import Clock
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.frames.orientation import UPRIGHT, matrix_orientation, turn_upright
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
    """Pixels of a decoded picture as it is to be shown: shape (height, width, 3), dtype uint8.

    A camera that lies on its side says so in H.264's display orientation SEI (ITU-T H.264, D.2.27), a
    file in its track header; FFmpeg hands both on with the picture. VP8 has nothing of the kind, and
    browsers turn the picture before they encode it.
    """
    pixels = np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)
    return turn_upright(pixels, _orientation(picture))


def _orientation(picture: av.VideoFrame) -> int:
    try:
        matrix = cast("SideDataContainer", picture.side_data)[Type.DISPLAYMATRIX]
    except (KeyError, ValueError):  # none; or a kind that PyAV has no name for
        return UPRIGHT
    return matrix_orientation(np.frombuffer(bytes(matrix), np.int32).tolist())
