"""Single pictures that come as bytes: JPEG, PNG or WebP, checked before they are decoded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, UnidentifiedImageError

from kyc_rtc.errors import BadImage, PayloadTooLarge
from kyc_rtc.frames.frame import BgrImage
from kyc_rtc.frames.sizes import LARGEST, is_too_large

_FORMATS = ("JPEG", "PNG", "WEBP")
_MIN_SIDE_PX = 64


def decode_picture(data: bytes) -> BgrImage:
    """Decode one picture. The header's size is checked first, so a bomb is never unpacked.

    Raises:
        PayloadTooLarge: the picture is larger than `sizes` allows; the message names the limit.
        BadImage: the bytes are no JPEG, PNG or WebP, or are broken, or smaller than 64 pixels a side.
    """
    with _opened(data) as picture:
        rgb = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    return np.ascontiguousarray(rgb[:, :, ::-1])


def check_picture(data: bytes) -> None:
    """Read the header alone, which is cheap. Raises as `decode_picture`."""
    with _opened(data):
        pass


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                _check_size(picture.size)
                yield picture
    except Image.DecompressionBombError:
        raise PayloadTooLarge(f"the picture is larger than {LARGEST} pixels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        raise BadImage("the bytes are no readable JPEG, PNG or WebP picture") from None


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if is_too_large(width, height):
        raise PayloadTooLarge(
            f"the picture has {width}x{height} pixels; the limit is {LARGEST}, or that turned"
        )
    if min(size) < _MIN_SIDE_PX:
        raise BadImage(
            f"the picture has {width}x{height} pixels; a side needs at least {_MIN_SIDE_PX}"
        )
