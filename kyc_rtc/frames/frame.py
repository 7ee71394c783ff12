"""One picture of the camera, with the time at which it was captured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BgrImage = NDArray[np.uint8]
"""Pixels as OpenCV has them: shape (height, width, 3), dtype uint8, order blue, green, red."""

PixelSource = Callable[[], BgrImage]
"""Converts the decoded picture to BGR when called, so that a dropped frame is never converted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture that has not been converted to pixels yet.

    `captured_at_ms` is media time: from the RTP timestamp (RFC 3550, 5.1), 0 at the first frame.
    `received_at_ms` is the monotonic clock when the decoder delivered it (for latency only).
    `sequence` counts the frames of a source from 0, dropped ones included. `is_picture`: it came by itself,
    as JPEG, PNG or WebP, and not out of a video stream.
    """

    captured_at_ms: int
    received_at_ms: float
    sequence: int
    to_bgr: PixelSource
    is_picture: bool = False
