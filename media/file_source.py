"""A video file as a source of frames, in media time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from kyc_rtc.clock import Clock
from kyc_rtc.errors import MediaError
from kyc_rtc.frames import Frame
from media.video_track import to_bgr

MAX_FILE_SECONDS = 600.0


def read_frames(path: Path, clock: Clock) -> Iterator[Frame]:
    """Decode the first video stream of a file, frame by frame, up to ten minutes.

    Raises:
        MediaError: the file is missing, holds no video, or nothing of it can be decoded.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path} has no video stream")
            yield from _decode(container, clock)
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{path} cannot be read: {error.__class__.__name__}") from None


def _decode(container: av.container.InputContainer, clock: Clock) -> Iterator[Frame]:
    stream = container.streams.video[0]
    interval_s = float(1 / (stream.average_rate or Fraction(25)))
    origin_s: float | None = None
    last_ms = -1
    for sequence, picture in enumerate(container.decode(stream)):
        stamp_s = picture.time if picture.time is not None else sequence * interval_s
        origin_s = stamp_s if origin_s is None else origin_s
        if stamp_s - origin_s > MAX_FILE_SECONDS:
            return
        last_ms = max(round((stamp_s - origin_s) * 1000), last_ms + 1)
        yield Frame(last_ms, clock.monotonic_ms(), sequence, partial(to_bgr, picture))
