"""Uploaded pictures: what is read, what is refused, and that refusing is cheap."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kyc_rtc.errors import BadImage, BadRequest, PayloadTooLarge
from kyc_rtc.frames import decode_picture
from kyc_rtc.frames.sizes import LARGEST_BYTES, is_too_large


def encoded(form: str, size: tuple[int, int] = (96, 64), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    colour = (200, 20, 30) if mode == "RGB" else 120
    Image.new(mode, size, colour).save(out, form)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A picture of any size in a few bytes: the header, and the beginning of the data."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", ihdr) + png_chunk(b"IDAT", zlib.compress(b""))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats_are_read_as_bgr(form: str) -> None:
    image = decode_picture(encoded(form))
    assert image.shape == (64, 96, 3)
    assert image.dtype == np.uint8
    blue, green, red = (int(v) for v in image[32, 48])
    assert red > 150
    assert blue < 80
    assert green < 80


def test_grey_pictures_become_three_channels() -> None:
    assert decode_picture(encoded("PNG", mode="L")).shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadImage),
        (b"not a picture", BadImage),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", BadImage),
        (encoded("JPEG")[:60], BadImage),
        (encoded("BMP"), BadImage),
        (encoded("GIF", mode="L"), BadImage),
        (encoded("PNG", size=(63, 200)), BadImage),
        (png_header(20_000, 20_000), PayloadTooLarge),
        (png_header(1_921, 100), PayloadTooLarge),
        (png_header(1_089, 1_089), PayloadTooLarge),
        (png_header(2**31 - 1, 2**31 - 1), PayloadTooLarge),
    ],
)
def test_anything_else_is_refused(data: bytes, error: type[BadRequest]) -> None:
    with pytest.raises(error):
        decode_picture(data)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_broken_bytes_never_escape_the_error_tree(junk: bytes, position: int) -> None:
    whole = encoded("JPEG")
    broken = whole[:position] + junk + whole[position + len(junk) :]
    try:
        image = decode_picture(broken)
    except (BadImage, PayloadTooLarge):
        return
    assert image.ndim == 3


@pytest.mark.parametrize("size", [(1_920, 1_088), (1_088, 1_920)])
def test_the_largest_picture_is_read_in_either_orientation(size: tuple[int, int]) -> None:
    width, height = size
    assert decode_picture(encoded("PNG", size)).shape == (height, width, 3)


def test_the_refusal_names_the_limit() -> None:
    with pytest.raises(PayloadTooLarge, match="1920x1088"):
        decode_picture(png_header(1_088, 1_921))


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_picture_turned_is_treated_alike(width: int, height: int) -> None:
    assert is_too_large(width, height) == is_too_large(height, width)
    assert is_too_large(width, height) or width * height * 3 <= LARGEST_BYTES
