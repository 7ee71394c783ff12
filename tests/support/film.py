"""Pictures through a live codec, as a server gets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage, Frame
from media.transcode import Codec, through_codec


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
