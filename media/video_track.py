"""The video track that the analysis watches while the pictures pass through."""

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

FrameSink = Callable[[Frame], None]
"""Takes a frame without blocking, such as `Mailbox.put`."""


class VerificationTrack(VideoStreamTrack):
    """Passes a camera's frames on unchanged and offers each to the analysis.

    `recv` never computes: the pixels are converted when, and only if, the analysis takes the frame.
    What it returns has `pts` and `time_base` as received, so it can be relayed to an agent.
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

    async def recv(self) -> av.VideoFrame:
        """The next frame of the source.

        Raises:
            MediaStreamError: the source has ended.
        """
        picture = await self._source.recv()
        if not isinstance(picture, av.VideoFrame):
            raise TypeError("a video track delivered something that is no video frame")
        received_at_ms = self._clock.monotonic_ms()
        self._offer(
            Frame(
                captured_at_ms=self._timeline.media_ms(
                    picture.pts or 0, picture.time_base or Fraction(1, 90_000), received_at_ms
                ),
                received_at_ms=received_at_ms,
                sequence=self._sequence,
                to_bgr=partial(to_bgr, picture),
            )
        )
        self._sequence += 1
        return picture

    def stop(self) -> None:
        super().stop()
        self._source.stop()


def to_bgr(picture: av.VideoFrame) -> BgrImage:
    """Pixels of a decoded picture: shape (height, width, 3), dtype uint8."""
    return np.asarray(picture.to_ndarray(format="bgr24"), dtype=np.uint8)
