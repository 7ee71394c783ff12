"""The markers of a JPEG (ITU-T T.81, annex B), walked without decoding anything.

Pillow reads each segment before the picture in Python, joins all Exif segments, and unpacks what they say:
bytes that no pixel depends on, at a cost that their sender chooses. So a decoder is given the segments
that pixels depend on, and those only where they are as long as T.81 allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kyc_rtc.errors import BadImage

SIGNATURE = b"\xff\xd8\xff"
MAX_SEGMENTS = 64
"""Before the first scan. A camera writes some 10, an ICC profile a few, and extended XMP as many as 64 KB
segments fill the body."""

MAX_FILL_BYTES = 64
"""Before each marker (B.1.1.2)."""

MAX_SCANS = 64
"""libjpeg's progression has 10, and mozjpeg chooses from 64; Skia, thus Chromium, gives up at 100. A
whole scan of noise takes some 10 ms at 1920x1088."""

_MARKER = re.compile(rb"\xff{1,%d}([\x01-\xfe])" % (MAX_FILL_BYTES + 1))
_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
_EXIF = b"Exif\x00\x00"
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended sequential and progressive, Huffman-coded: what browsers read."""

_OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xDE}
"""Lossless, differential, arithmetic, hierarchical (table B.1)."""

_LONGEST = {
    0xC4: 2 + 8 * (17 + 256),  # DHT: four tables of each class
    0xDB: 2 + 4 * (1 + 128),  # DQT: four tables of 16 bits
    0xDD: 4,  # DRI
    0xE0: 0xFFFF,  # JFIF: which colours the components are
    0xEE: 0xFFFF,  # Adobe: the same
    **dict.fromkeys(_FRAMES, 8 + 4 * 3),
    _SOS: 6 + 4 * 2,
}
"""Segments that pixels depend on, and how long each may be, in bytes with its length field."""

_UNUSED = frozenset(range(0xE0, 0xF0)) | {0xFE, 0xCC}
"""APPn, COM, and DAC, which is for arithmetic coding."""


@dataclass(frozen=True, slots=True)
class Header:
    """A JPEG up to its first scan: (width, height) in pixels, the (start, end) in bytes of each segment
    that pixels depend on, where the scan's own bytes begin, and the (start, end) of the first Exif block."""

    size: tuple[int, int]
    kept: tuple[tuple[int, int], ...]
    scan_at: int
    exif: tuple[int, int] = (0, 0)


def read_header(data: bytes) -> Header:
    """Walk the markers up to the first scan: at most `MAX_SEGMENTS` of them, whatever the bytes are.

    Raises:
        BadImage: this is not such a JPEG, or one that is not decoded.
    """
    at, size, exif_at = 2, None, (0, 0)
    kept: list[tuple[int, int]] = []
    for _ in range(MAX_SEGMENTS):
        kind, start, end = _segment(data, at)
        if kind in _FRAMES:
            if size is not None:
                raise BadImage("the JPEG has two frame headers")
            size = _frame_size(data[start:end])
        if kind in _LONGEST:
            kept.append((start, end))
        if kind == _APP1 and exif_at == (0, 0) and data.startswith(_EXIF, start + 4, end):
            exif_at = start + 4, end
        if kind == _SOS:
            if size is None:
                raise BadImage("the JPEG has a scan before its frame header")
            return Header(size, tuple(kept), end, exif_at)
        at = end
    raise BadImage(f"the JPEG has more than {MAX_SEGMENTS} segments before its picture")


def pixels_only(data: bytes) -> bytes:
    """The same picture without what its pixels do not depend on: metadata, thumbnails, what follows EOI.

    Raises:
        BadImage: as `read_header`, or the picture has more than `MAX_SCANS` scans.
    """
    header = read_header(data)
    end = data.find(bytes((0xFF, _EOI)), header.scan_at)
    end = len(data) if end < 0 else end + 2
    if data.count(bytes((0xFF, _SOS)), header.scan_at, end) >= MAX_SCANS:
        raise BadImage(f"the JPEG has more than {MAX_SCANS} scans")
    return b"".join(
        (data[:2], *(data[start:stop] for start, stop in header.kept), data[header.scan_at : end])
    )


def exif(data: bytes) -> bytes:
    """Its first Exif block, with its prefix; empty where there is none. Raises as `read_header`."""
    start, end = read_header(data).exif
    return data[start:end]


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """The marker there, where it begins (without fill bytes), and where its segment ends."""
    found = _MARKER.match(data, at)
    if found is None:
        raise BadImage("the JPEG has no marker where one should be")
    kind, start = found[1][0], found.end() - 2
    if kind in _OTHER_FRAMES:
        raise BadImage("only baseline and progressive JPEGs with Huffman coding are read")
    if kind not in _LONGEST and kind not in _UNUSED:
        raise BadImage("the JPEG has a marker that does not belong before its picture")
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    end = start + 2 + length
    if length < 2 or end > len(data) or length > _LONGEST.get(kind, length):
        raise BadImage("a segment of the JPEG has an impossible length")
    return kind, start, end


def _frame_size(segment: bytes) -> tuple[int, int]:
    """(width, height) of a frame header (B.2.2), in pixels."""
    if len(segment) < 10 or segment[4] != 8:
        raise BadImage("the JPEG does not have 8 bits a sample")
    return int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
