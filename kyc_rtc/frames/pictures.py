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
from kyc_rtc.frames.orientation import UPRIGHT, exif_orientation, turn_upright
from kyc_rtc.frames.sizes import LARGEST, is_too_large

_FORMATS = ("JPEG", "PNG", "WEBP")
_PNG = b"\x89PNG\r\n\x1a\n"
_COMPRESSED_CHUNKS = frozenset({b"iCCP", b"zTXt", b"iTXt"})
MAX_COMPRESSED_CHUNKS = 4
"""Of a PNG, before its picture: each may unpack to a megabyte as soon as the header is read."""

MAX_CHUNKS = 4_096
_MIN_SIDE_PX = 64


def decode_picture(data: bytes) -> BgrImage:
    """Decode one picture, upright. The header's size is checked first, so a bomb is never unpacked.

    Raises:
        PayloadTooLarge: the picture is larger than `sizes` allows; the message names the limit.
        BadImage: the bytes are no JPEG, PNG or WebP, or are broken, or smaller than 64 pixels a side.
    """
    with _opened(data) as picture:
        rgb = np.asarray(picture.convert("RGB"), dtype=np.uint8)
        orientation = _stored_orientation(picture)
    return np.ascontiguousarray(turn_upright(rgb, orientation)[:, :, ::-1])


def _stored_orientation(picture: Image.Image) -> int:
    """Of a picture that was decoded: a PNG may have its eXIf after the pixels. The limits of the size
    hold for it turned as well, since they know no orientation."""
    exif = picture.info.get("exif")
    return exif_orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def check_picture(data: bytes) -> None:
    """Read the header alone, which is cheap. Raises as `decode_picture`."""
    with _opened(data):
        pass


def _check_chunks(data: bytes) -> None:
    """Count a PNG's chunks up to its picture (W3C PNG, 5.3): reading its header unpacks some of them."""
    compressed, at = 0, len(_PNG)
    for _ in range(MAX_CHUNKS):
        kind = data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IDAT":  # a header that ends early is refused by its reader
            return
        compressed += kind in _COMPRESSED_CHUNKS
        if compressed > MAX_COMPRESSED_CHUNKS:
            break
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise BadImage("the PNG has more chunks before its picture than a picture needs")


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    if data.startswith(_PNG):
        _check_chunks(data)
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
