"""Recordings in the shape of a webcam's pictures, and through a live codec, as a server gets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage, Frame
from media.transcode import Codec, through_codec

SIZE = (640, 480)
"""Width and height of a webcam's pictures."""


def framed(
    picture: BgrImage, middle: tuple[float, float] = (0.5, 0.5), height: float = 1.0
) -> BgrImage:
    """The part about `middle`, given as shares of width and height, in the shape of a webcam's picture.

    `height` is the share of the picture's height that is shown, or less where it is too narrow.
    """
    whole_height, whole_width = picture.shape[:2]
    across, down = SIZE
    part_height = min(round(height * whole_height), whole_width * down // across)
    part_width = min(whole_width, part_height * across // down)
    left = _start(middle[0] * whole_width, part_width, whole_width)
    top = _start(middle[1] * whole_height, part_height, whole_height)
    part = picture[top : top + part_height, left : left + part_width]
    return np.asarray(cv2.resize(part, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def _start(middle: float, length: int, whole: int) -> int:
    """Where a stretch of `length` begins that lies about `middle`, and within the whole."""
    return min(max(0, round(middle) - length // 2), whole - length)


def sent(pictures: Mapping[int, BgrImage], kbps: int, fps: int = 20) -> Iterator[Frame]:
    """Pictures by their time in milliseconds, after VP8 at this rate."""
    frames = (
        Frame(at_ms, float(at_ms), number, partial(_itself, picture))
        for number, (at_ms, picture) in enumerate(pictures.items())
    )
    return through_codec(frames, Codec.VP8, kbps, fps)


def luma_of(picture: BgrImage) -> BgrImage:
    """In grey, as the analysis makes it."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _itself(picture: BgrImage) -> BgrImage:
    return picture
