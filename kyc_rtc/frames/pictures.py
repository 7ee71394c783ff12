"""Single pictures that come as bytes: JPEG, PNG or WebP, checked before they are decoded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from kyc_rtc.errors import BadImage, PayloadTooLarge
from kyc_rtc.frames import jpeg, png, webp
from kyc_rtc.frames.frame import BgrImage
from kyc_rtc.frames.orientation import exif_orientation, turn_upright
from kyc_rtc.frames.sizes import LARGEST, is_too_large

_MIN_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class _Format:
    """How a format is read. The functions raise BadImage, at a cost that the bytes do not choose. `exif`: the
    first block of it, empty where there is none."""

    name: str
    read_size: Callable[[bytes], tuple[int, int]]
    pixels_only: Callable[[bytes], bytes]
    exif: Callable[[bytes], bytes]


_JPEG = _Format("JPEG", lambda data: jpeg.read_header(data).size, jpeg.pixels_only, jpeg.exif)
_PNG = _Format("PNG", png.read_size, png.pixels_only, png.exif)
_WEBP = _Format("WEBP", webp.read_size, webp.pixels_only, webp.exif)


def decode_picture(data: bytes) -> BgrImage:
    """Decode one picture, upright. The header's size is checked first, so a bomb is never unpacked.

    The decoder sees only what pixels depend on. The stored orientation is applied; alpha and profiles are
    not.

    Raises:
        PayloadTooLarge: the picture is larger than `sizes` allows; the message names the limit.
        BadImage: the bytes are not a JPEG, PNG or WebP, or are broken, or smaller than 64 pixels a side.
    """
    check_picture(data)
    form = _format_of(data)
    stripped = io.BytesIO(form.pixels_only(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            with Image.open(stripped, formats=(form.name,)) as picture:
                _check_size(picture.size)
                rgb = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    except Image.DecompressionBombError:
        raise PayloadTooLarge(f"the picture is larger than {LARGEST} pixels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        raise BadImage(f"the {form.name} is broken") from None
    # The limits of the size hold for it turned as well, since they know no orientation.
    upright = turn_upright(rgb, exif_orientation(form.exif(data)))
    return np.ascontiguousarray(upright[:, :, ::-1])


def check_picture(data: bytes) -> None:
    """Read the header alone, without a decoder: cheap whatever the bytes are. Raises as `decode_picture`."""
    _check_size(_format_of(data).read_size(data))


def _format_of(data: bytes) -> _Format:
    if data.startswith(jpeg.SIGNATURE):
        return _JPEG
    if data.startswith(png.SIGNATURE):
        return _PNG
    if webp.is_webp(data):
        return _WEBP
    raise BadImage("the bytes are not a readable JPEG, PNG or WebP picture")


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
