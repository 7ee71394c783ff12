"""Pictures that are small or plain to look at, and dear to read for a reader that does what they ask."""

from __future__ import annotations

import io
import struct

from PIL import Image


def small_jpeg(width: int = 100, height: int = 100) -> bytes:
    """One grey-brown JPEG, baseline."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (120, 100, 80)).save(out, "JPEG")
    return out.getvalue()


def jpeg_with(inserted: bytes, count: int) -> bytes:
    """A JPEG with this so many times between SOI and its first segment."""
    whole = small_jpeg()
    return whole[:2] + inserted * count + whole[2:]


EXIF_SEGMENT = b"\xff\xe1\x00\x0aExif\0\0ab"
"""12 bytes; Pillow joins all of them: quadratic."""


def exif_jpeg(length: int) -> bytes:
    """A JPEG of about so many bytes, nearly all in Exif segments of 12 bytes."""
    return jpeg_with(EXIF_SEGMENT, length // len(EXIF_SEGMENT))


def many_scans(count: int, width: int = 1_920, height: int = 1_088) -> bytes:
    """A progressive grey JPEG with a scan of DC values and then so many scans of AC values, each of which
    ends the band of all blocks with one code: a run of 16,384 blocks and the bits that are left of it."""
    blocks = (width + 7) // 8 * ((height + 7) // 8)
    more = blocks - 16_384
    assert 0 <= more < 16_384
    run = struct.pack(">H", more << 1 | 1).replace(b"\xff", b"\xff\x00")
    tables = b"".join(
        _segment(0xC4, bytes((kind, 1, *[0] * 15, symbol)))
        for kind, symbol in ((0x00, 0x00), (0x10, 0xE0))
    )
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, b"\x00" + b"\x01" * 64),
            _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"),
            tables,
            _segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes((blocks + 7) // 8),
            (_segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + run) * count,
            b"\xff\xd9",
        )
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
