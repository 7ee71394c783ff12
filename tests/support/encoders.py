"""Real encoders for tests: one picture of a size, as it would come over RTP."""

from __future__ import annotations

from fractions import Fraction

import av


def encoded(
    codec: str, size: tuple[int, int], pixels: str = "yuv420p", **options: str
) -> list[bytes]:
    """Encode a blank picture of (width, height) `size` with an encoder of FFmpeg; all of its packets."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = pixels
    encoder.time_base = Fraction(1, 30)
    encoder.options = options
    picture = av.VideoFrame(*size, pixels)
    for plane in picture.planes:
        plane.update(bytes(plane.buffer_size))
    picture.pts = 0
    return [bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None))]


def vp8(size: tuple[int, int]) -> bytes:
    """A VP8 key frame."""
    return encoded("libvpx", size, deadline="realtime", **{"cpu-used": "8"})[0]


def h264(size: tuple[int, int], profile: str = "baseline", pixels: str = "yuv420p") -> bytes:
    """An H.264 key frame with its parameter sets."""
    return encoded("libx264", size, pixels, preset="ultrafast", profile=profile)[0]


def vp8_that_says(size: tuple[int, int]) -> bytes:
    """A small VP8 key frame whose header announces another size (RFC 6386, 9.1)."""
    frame = bytearray(vp8((64, 48)))
    for at, side in zip((6, 8), size, strict=True):
        frame[at : at + 2] = side.to_bytes(2, "little")
    return bytes(frame)
