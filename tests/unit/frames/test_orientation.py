"""The eight orientations: read from Exif in three formats, and from display matrices."""

from __future__ import annotations

import io
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from kyc_rtc.errors import PayloadTooLarge
from kyc_rtc.frames import decode_picture
from kyc_rtc.frames.frame import BgrImage
from kyc_rtc.frames.orientation import (
    exif_orientation,
    matrix_orientation,
    turn_quarters,
    turn_upright,
)

ALL = range(1, 9)


def quarters(size: tuple[int, int] = (96, 64)) -> BgrImage:
    """Four corners that differ."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = 250
    image[: height // 2, width // 2 :] = 170
    image[height // 2 :, : width // 2] = 90
    return image


def stored(form: str, orientation: int, size: tuple[int, int] = (96, 64)) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(quarters(size)).save(out, form, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_stored_orientation_is_applied_in_every_format(form: str, orientation: int) -> None:
    data = stored(form, orientation)
    with Image.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))[..., ::-1]
    assert np.array_equal(decode_picture(data), expected)


@pytest.mark.parametrize("orientation", ALL)
def test_the_limit_of_the_size_holds_before_and_after(orientation: int) -> None:
    assert max(decode_picture(stored("PNG", orientation, (1_920, 1_088))).shape) == 1_920
    for size in ((1_921, 1_088), (1_088, 1_921)):
        with pytest.raises(PayloadTooLarge):
            decode_picture(stored("PNG", orientation, size))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("value", "expected"), [(0, 1), (1, 1), (6, 6), (8, 8), (9, 1)])
def test_the_tag_is_read_in_both_byte_orders(order: str, value: int, expected: int) -> None:
    head = b"II*\x00" if order == "<" else b"MM\x00*"
    other = struct.pack(order + "HHII", 0x0110, 2, 1, 0)
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
    tiff = head + struct.pack(order + "IH", 8, 2) + other + entry
    assert exif_orientation(tiff) == exif_orientation(b"Exif\x00\x00" + tiff) == expected
    assert exif_orientation(tiff[:-1]) == 1


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\x00\x08\x00\x00\x00", b"MM\x00*"]))
def test_every_block_of_bytes_has_an_orientation(junk: bytes, head: bytes) -> None:
    assert exif_orientation(head + junk) in ALL


def test_a_picture_with_broken_metadata_is_read_as_it_lies() -> None:
    out = io.BytesIO()
    Image.fromarray(quarters()).save(out, "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert np.array_equal(decode_picture(out.getvalue()), quarters())


@pytest.mark.parametrize("turns", range(-4, 5))
def test_quarter_turns_are_anticlockwise(turns: int) -> None:
    assert np.array_equal(turn_quarters(quarters(), turns), np.rot90(quarters(), turns))


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_other_orientations_are_refused(orientation: int) -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        turn_upright(quarters(), orientation)


def anticlockwise(degrees: float, *, mirrored: bool) -> tuple[int, ...]:
    """As FFmpeg writes it for H.264: mirrored first, then turned, in 16.16 fixed point."""
    cos, sin = (round(f(math.radians(degrees)) * 65_536) for f in (math.cos, math.sin))
    sign = -1 if mirrored else 1
    return (sign * cos, sign * -sin, 0, sin, cos, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("degrees", "orientation", "mirrored"),
    [(0, 1, 2), (90, 8, 5), (180, 3, 4), (270, 6, 7), (88, 8, 5), (-93, 6, 7)],
)
def test_a_display_matrix_is_the_nearest_orientation(
    degrees: float, orientation: int, mirrored: int
) -> None:
    assert matrix_orientation(anticlockwise(degrees, mirrored=False)) == orientation
    assert matrix_orientation(anticlockwise(degrees, mirrored=True)) == mirrored


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=12))
def test_any_numbers_have_an_orientation(numbers: list[int]) -> None:
    assert matrix_orientation(numbers) in ALL
