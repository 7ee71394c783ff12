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


class _Bits:
    """Bits that become bytes, the least significant first."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def put(self, value: int, count: int) -> None:
        self._bits.append(f"{value:0{count}b}"[::-1])

    def bytes(self) -> bytes:
        text = "".join(self._bits)
        return int(text[::-1], 2).to_bytes(len(text) // 8 + 8, "little")


def many_prefix_codes(
    groups: int, log2_side: int = 2, width: int = 1_920, height: int = 1_088
) -> bytes:
    """A lossless WebP (RFC 9649, 3) of one colour, with so many groups of prefix codes, each of which is
    used by blocks of 4x4 pixels or larger. Its pixels take no bits."""
    bits = _Bits()
    for value, count in ((0x2F, 8), (width - 1, 14), (height - 1, 14), (0, 1), (0, 3)):
        bits.put(value, count)
    for value, count in ((0, 1), (0, 1), (1, 1), (log2_side - 2, 3), (0, 1)):
        bits.put(
            value, count
        )  # no transform, no cache; groups by block, themselves without a cache
    for symbols in (256 + 24, 256):
        _put_code_of_bytes(bits, symbols)
    for _ in range(3):
        bits.put(0b0001, 4)
    for number in range((-(-width >> log2_side)) * (-(-height >> log2_side))):
        for byte in (number % groups & 0xFF, number % groups >> 8):
            bits.put(int(f"{byte:08b}"[::-1], 2), 8)
    for _ in range(groups * 5):
        bits.put(0b0001, 4)  # a simple code: symbol 0 alone
    bitstream = bits.bytes()
    bitstream += bytes(len(bitstream) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(bitstream)) + bitstream
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _put_code_of_bytes(bits: _Bits, symbols: int) -> None:
    """A prefix code with 8 bits for each of 256 symbols, and no code for those after them."""
    bits.put(0, 1)
    order = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8)
    bits.put(len(order) - 4, 4)
    for kind in order:
        bits.put(1 if kind in (0, 8) else 0, 3)
    bits.put(0, 1)
    for symbol in range(symbols):
        bits.put(1 if symbol < 256 else 0, 1)
