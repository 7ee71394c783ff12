"""The chunks of a PNG (W3C PNG, third edition, clause 5), walked without decoding anything.

Some chunks unpack to a megabyte each as soon as a reader comes to them. A decoder is given those that
pixels depend on.
"""

from __future__ import annotations

from collections.abc import Iterator

from kyc_rtc.errors import BadImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 4_096
"""In all. libpng writes IDATs of 8 KB, and a body holds some 500 of those."""

_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


def read_size(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels, from the header, which comes first (11.2.1).

    Raises:
        BadImage: it does not.
    """
    if len(data) < 33 or data[8:16] != b"\x00\x00\x00\x0dIHDR":
        raise BadImage("the PNG does not begin with its header")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def pixels_only(data: bytes) -> bytes:
    """The same picture without what its pixels do not depend on: profiles, texts, Exif, animation.

    Raises:
        BadImage: it has more than `MAX_CHUNKS` chunks.
    """
    pieces = (data[start:end] for kind, start, end in _chunks(data) if kind in _PIXELS)
    return b"".join((SIGNATURE, *pieces))


def exif(data: bytes) -> bytes:
    """Its first Exif block (11.3.4.5), which may follow the pixels; empty where there is none. Raises
    `BadImage` as `pixels_only`."""
    found = (data[start + 8 : end - 4] for kind, start, end in _chunks(data) if kind == b"eXIf")
    return next(found, b"")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk, in bytes; the last one may end early."""
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        kind = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield kind, at, end
        if kind == b"IEND" or end >= len(data):  # what ends early is refused by the decoder
            return
        at = end
    raise BadImage(f"the PNG has more than {MAX_CHUNKS} chunks")
