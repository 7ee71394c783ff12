"""Frames as `upload-video-frame` gets them: each encoded as a picture by itself, and decoded again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.frames.pictures import decode_picture

_CHROMA_HALVED = 2
"""4:2:0, in Pillow's numbers: what browsers' canvas does below a quality of 1 (Skia, SkJpegEncoder)."""


def as_uploaded(frames: Iterator[Frame], quality: int | None) -> Iterator[Frame]:
    """Each frame through JPEG of a quality, 1 to 100, or PNG where it is None, by the server's decoder."""
    for frame in frames:
        yield replace(frame, to_bgr=partial(through_picture, frame, quality), is_picture=True)


def through_picture(frame: Frame, quality: int | None) -> BgrImage:
    """The pixels of a frame after the picture's format."""
    rgb = np.ascontiguousarray(frame.to_bgr()[:, :, ::-1])
    data = io.BytesIO()
    if quality is None:
        Image.fromarray(rgb).save(data, "PNG", compress_level=1)
    else:
        Image.fromarray(rgb).save(data, "JPEG", quality=quality, subsampling=_CHROMA_HALVED)
    return decode_picture(data.getvalue())
