"""What encoders write is read as before; what only costs is refused, and no decoder sees it."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from kyc_rtc.errors import BadImage, PayloadTooLarge
from kyc_rtc.frames import check_picture, decode_picture, jpeg, png, vp8l, webp
from tests.support.hostile_pictures import (
    EXIF_SEGMENT,
    exif_jpeg,
    jpeg_with,
    many_prefix_codes,
    many_scans,
    small_jpeg,
)
from tests.unit.frames.test_pictures import png_chunk, png_header

EXIF = Image.Exif()
EXIF[0x0112] = 6
EXIF[0x010F] = "a camera"
THUMBNAIL = EXIF.tobytes() + small_jpeg(160, 120)
"""Exif that is followed by a JPEG with frame, scan and EOI markers of its own."""

MADE: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"quality": 100, "subsampling": "4:4:4"}),
    ("JPEG", "RGB", {"subsampling": "4:2:2"}),
    ("JPEG", "RGB", {"subsampling": "4:2:0", "optimize": True}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "RGB", {"progressive": True, "optimize": True, "quality": 95}),
    ("JPEG", "RGB", {"restart_marker_blocks": 1}),
    ("JPEG", "RGB", {"keep_rgb": True}),
    ("JPEG", "RGB", {"exif": THUMBNAIL, "comment": b"taken \xff\xd9 today", "dpi": (72, 72)}),
    ("JPEG", "RGB", {"icc_profile": bytes(range(256)) * 1_200}),
    ("JPEG", "L", {}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGB", {"exif": EXIF, "icc_profile": bytes(10_000), "dpi": (72, 72)}),
    ("PNG", "RGBA", {}),
    ("PNG", "L", {"optimize": True}),
    ("PNG", "LA", {}),
    ("PNG", "1", {}),
    ("PNG", "P", {}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "RGB", {"transparency": (1, 2, 3)}),
    ("PNG", "I;16", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGB", {"quality": 100, "method": 6}),
    ("WEBP", "RGB", {"exif": EXIF, "icc_profile": bytes(10_001), "xmp": b"<x/>"}),
    ("WEBP", "RGBA", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGBA", {"lossless": True, "exact": True, "exif": EXIF}),
]


def _noise(mode: str) -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (131, 101, 4), np.uint8)
    if mode == "I;16":
        return Image.fromarray(values[:, :, :2].copy().view(np.uint16)[:, :, 0])
    return Image.fromarray(values).convert(mode)


def _made(form: str, mode: str, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    _noise(mode).save(out, form, **options)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Palette images")  # Pillow's, of the whole file
@pytest.mark.parametrize(("form", "mode", "options"), MADE)
def test_what_encoders_write_has_the_pixels_that_pillow_reads(
    form: str, mode: str, options: dict[str, Any]
) -> None:
    data = _made(form, mode, options)
    with Image.open(io.BytesIO(data)) as whole:
        wanted = np.asarray(ImageOps.exif_transpose(whole).convert("RGB"))[:, :, ::-1]
    check_picture(data)
    assert np.array_equal(decode_picture(data), wanted)


@pytest.mark.parametrize("head", [b"\xff\xd8\xff", png.SIGNATURE, b"RIFF\0\0\0\0WEBPVP8X"])
@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_junk_of_a_known_kind_is_refused_and_nothing_else_happens(head: bytes, junk: bytes) -> None:
    for read in (check_picture, decode_picture):
        with pytest.raises((BadImage, PayloadTooLarge)):
            read(head + junk)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MADE), st.floats(0, 1), st.binary(max_size=20), st.booleans())
def test_spoilt_and_truncated_pictures_stay_in_the_error_tree(
    made: tuple[str, str, dict[str, Any]], where: float, junk: bytes, cut: bool
) -> None:
    whole = _made(*made)
    at = int(where * min(len(whole), 4_000))
    broken = whole[:at] + junk + (b"" if cut else whole[at + len(junk) :])
    try:
        image = decode_picture(broken)
    except (BadImage, PayloadTooLarge):
        return
    assert image.ndim == 3


class Counting(bytes):
    """Bytes that know how often they were cut."""

    cuts = 0

    def __getitem__(self, key: Any) -> Any:
        Counting.cuts += 1
        return bytes.__getitem__(self, key)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8", png.SIGNATURE, b"RIFF\0\0\0\0WEBP"]),
    st.lists(
        st.sampled_from(
            [
                EXIF_SEGMENT,
                b"\xff\xfe\x00\x02",
                b"\xff\xe5\x00\x02",
                b"\xff\xdb\x00\x02",
                b"\xff",
                b"ICCP\0\0\0\0",
                png_chunk(b"abCd", b""),
                b"\x00",
            ]
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 20_000),
)
def test_no_header_is_walked_further_than_the_limit(
    head: bytes, parts: list[bytes], times: int
) -> None:
    Counting.cuts = 0
    with contextlib.suppress(BadImage):
        check_picture(Counting(head + b"".join(parts) * times))
    assert Counting.cuts <= 2 * jpeg.MAX_SEGMENTS


@pytest.mark.parametrize(
    "inserted",
    [
        EXIF_SEGMENT,
        b"\xff\xfe\x00\x02",
        b"\xff\xe5\x00\x02",
        b"\xff\xdb\x00\x02",
        b"\xff\xe2\x00\x10ICC_PROFILE\0\x01\x01",
        b"\xff\xed\x00\x10Photoshop 3.0\x00",
        b"\xff",
        b"\x00",
        b"\xff\xd0",
    ],
    ids=lambda inserted: inserted[:4].hex(),
)
def test_a_jpeg_with_a_flood_before_its_picture_is_refused(inserted: bytes) -> None:
    with pytest.raises(BadImage):
        check_picture(jpeg_with(inserted, 3_000_000 // len(inserted)))


def test_a_few_segments_and_fill_bytes_are_read() -> None:
    most = jpeg.MAX_SEGMENTS - _segments(small_jpeg())
    decode_picture(jpeg_with(EXIF_SEGMENT, most))
    with pytest.raises(BadImage, match="segments"):
        check_picture(jpeg_with(EXIF_SEGMENT, most + 1))
    decode_picture(jpeg_with(b"\xff", jpeg.MAX_FILL_BYTES))
    with pytest.raises(BadImage, match="marker"):
        check_picture(jpeg_with(b"\xff", jpeg.MAX_FILL_BYTES + 1))


def _segments(data: bytes) -> int:
    return len(jpeg.read_header(data).kept)


def test_the_decoder_sees_no_metadata() -> None:
    data = exif_jpeg(500)
    assert b"Exif" in data
    assert b"Exif" not in jpeg.pixels_only(data + b"Exif after the end")


def test_scans_are_few() -> None:
    assert decode_picture(many_scans(jpeg.MAX_SCANS - 1)).shape == (1_088, 1_920, 3)
    with pytest.raises(BadImage, match="scans"):
        decode_picture(many_scans(jpeg.MAX_SCANS))


def _with_frame(marker: int, precision: int = 8) -> bytes:
    data = small_jpeg()
    at = data.index(b"\xff\xc0")
    return (
        data[: at + 1]
        + bytes((marker,))
        + data[at + 2 : at + 4]
        + bytes((precision,))
        + data[at + 5 :]
    )


@pytest.mark.parametrize(
    "marker", [*(m for m in range(0xC3, 0xD0) if m not in (0xC4, 0xC8, 0xCC)), 0xC8, 0xDE, 0xDF]
)
def test_what_no_browser_reads_is_refused(marker: int) -> None:
    """Lossless, differential, arithmetic coding, hierarchical."""
    with pytest.raises(BadImage):
        check_picture(_with_frame(marker))


def test_twelve_bits_a_sample_are_refused() -> None:
    check_picture(_with_frame(0xC1))
    with pytest.raises(BadImage, match="8 bits"):
        check_picture(_with_frame(0xC1, 12))


def test_tables_are_no_longer_than_the_standard_allows() -> None:
    """Pillow reads quantisation tables in Python, and copies the rest of the segment after each."""
    table = b"\x00" + b"\x01" * 64
    long = table * 9
    with pytest.raises(BadImage, match="length"):
        check_picture(jpeg_with(b"\xff\xdb" + (len(long) + 2).to_bytes(2, "big") + long, 1))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[:2] + whole[whole.index(b"\xff\xda") :],
        lambda whole: whole.replace(
            b"\xff\xc4", whole[whole.index(b"\xff\xc0") :][:19] + b"\xff\xc4", 1
        ),
    ],
    ids=["no frame", "two frames"],
)
def test_a_jpeg_has_one_frame_header(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadImage, match="frame header"):
        check_picture(spoil(small_jpeg()))


def test_a_webp_that_moves_is_refused() -> None:
    out = io.BytesIO()
    first, second = _noise("RGB"), Image.new("RGB", (101, 131))
    first.save(out, "WEBP", save_all=True, append_images=[second])
    with pytest.raises(BadImage, match="animation"):
        check_picture(out.getvalue())


def test_groups_of_prefix_codes_are_few() -> None:
    """65,536 of them took 300 MB."""
    few = decode_picture(many_prefix_codes(2_040, log2_side=5))
    assert few.shape == (1_088, 1_920, 3)
    assert not few.any()
    with pytest.raises(BadImage, match="prefix codes"):
        decode_picture(many_prefix_codes(65_536))


@pytest.mark.parametrize("method", range(7))
@pytest.mark.parametrize("colours", [2, 4, 13, 200, None])
def test_lossless_webps_are_read_whatever_their_transforms(
    method: int, colours: int | None
) -> None:
    values = np.add.outer(np.arange(200), np.arange(160)) % 256
    ramp = Image.fromarray(np.stack([values, values[::-1], values // 2], 2).astype(np.uint8))
    made = Image.blend(ramp, _noise("RGB").resize(ramp.size), 0.1)
    if colours:
        made = made.quantize(colours).convert("RGB")
    out = io.BytesIO()
    made.save(out, "WEBP", lossless=True, method=method, quality=75)
    assert np.array_equal(decode_picture(out.getvalue())[:, :, ::-1], np.asarray(made))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_lossless_bitstream_is_read_or_refused(junk: bytes) -> None:
    with contextlib.suppress(BadImage):
        vp8l.check_groups(b"\x2f\x7f\xc0\x0f\x00" + junk, (128, 64))


def test_a_webp_is_as_large_as_its_bitstream_says() -> None:
    data = _made("WEBP", "RGB", {"exif": EXIF})
    at = data.index(b"VP8X") + 12
    lies = data[:at] + bytes(6) + data[at + 6 :]
    assert webp.read_size(lies) == (101, 131)
    assert decode_picture(lies).shape == (101, 131, 3)  # which lay on its side


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"fcTL"])
@pytest.mark.parametrize("at_end", [False, True])
def test_chunks_that_unpack_are_not_unpacked(kind: bytes, at_end: bool) -> None:
    """A hundred of them kept a reader for a quarter of a second, before the picture or after it."""
    whole = _made("PNG", "RGB", {})
    at = len(whole) - 12 if at_end else 33
    chunk = png_chunk(kind, b"profile\x00\x00" + zlib.compress(bytes(10_000)))
    data = whole[:at] + chunk * 100 + whole[at:]
    assert png.pixels_only(data) == whole
    assert np.array_equal(decode_picture(data), decode_picture(whole))


def test_chunks_are_counted_too() -> None:
    data = png_header(100, 100)
    with pytest.raises(BadImage, match="chunks"):
        decode_picture(data[:33] + png_chunk(b"IDAT", b"") * png.MAX_CHUNKS + data[33:])
