"""The chunks of a WebP (RFC 9649), walked without decoding anything.

A decoder is given the one bitstream, in a simple file of its own: no profile, no Exif, no alpha plane
(pictures are read without it), and no canvas whose size says something else than the bitstream.
"""

from __future__ import annotations

from kyc_rtc.errors import BadImage
from kyc_rtc.frames.vp8l import check_groups

MAX_CHUNKS = 16
"""Up to the bitstream. The format puts a header, a colour profile and an alpha plane before it."""

_BITSTREAMS = (b"VP8 ", b"VP8L")
_ANIMATION = (b"ANIM", b"ANMF")


def is_webp(data: bytes) -> bool:
    """Whether it begins as one (2.4)."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_size(data: bytes) -> tuple[int, int]:
    """(width, height) in pixels, from the bitstream's own header.

    Raises:
        BadImage: there is none within `MAX_CHUNKS` chunks, or the picture moves.
    """
    start, _ = _bitstream(data)
    head = data[start : start + 18]
    if head[:4] == b"VP8 " and head[11:14] == b"\x9d\x01\x2a" and len(head) == 18:  # RFC 6386, 9.1
        sides = int.from_bytes(head[14:16], "little"), int.from_bytes(head[16:18], "little")
        return sides[0] & 0x3FFF, sides[1] & 0x3FFF
    if head[:4] == b"VP8L" and head[8:9] == b"\x2f" and len(head) >= 13:  # RFC 9649, 3.4
        bits = int.from_bytes(head[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise BadImage("the WebP's picture has no header")


def pixels_only(data: bytes) -> bytes:
    """The same picture with nothing but its bitstream (2.5, 2.6).

    Raises:
        BadImage: as `read_size` and `vp8l.check_groups`.
    """
    start, end = _bitstream(data)
    if data[start : start + 4] == b"VP8L":
        check_groups(data[start + 8 : end], read_size(data))
    return b"".join((b"RIFF", (4 + end - start).to_bytes(4, "little"), b"WEBP", data[start:end]))


def exif(data: bytes) -> bytes:
    """Its first Exif block (2.7.1.5), among the first chunks behind the bitstream; empty where there is
    none. Raises `BadImage` as `read_size`."""
    _, at = _bitstream(data)
    for _ in range(MAX_CHUNKS):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in (b"EXIF", b""):
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return b""


def _bitstream(data: bytes) -> tuple[int, int]:
    """Where its chunk begins and ends, in bytes, with its header and padding."""
    at = 12
    for _ in range(MAX_CHUNKS):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if kind in _ANIMATION:
            raise BadImage("the WebP is an animation; one picture is wanted")
        if kind in _BITSTREAMS:
            return at, min(end, len(data))
        if end >= len(data):
            break
        at = end
    raise BadImage("the WebP has no picture where one should be")
