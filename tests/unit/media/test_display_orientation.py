"""H.264's display orientation SEI, from the decoder that aiortc uses to the pixels of the analysis."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from kyc_rtc.frames import BgrImage
from media.video_track import to_bgr

_SLICE_OF_KEY_FRAME = 5


def quarters() -> BgrImage:
    """128×64: three bright corners that differ, and a dark one."""
    image = np.full((64, 128, 3), 20, np.uint8)
    image[:32, :64], image[:32, 64:], image[32:, :64] = 230, 160, 90
    return image


def orientation_sei(turns: int, *, mirrored: bool) -> bytes:
    """A NAL unit of type 6 with payload 47 (ITU-T H.264, D.1.27): quarter turns anticlockwise."""
    bits = f"0{mirrored:d}0{turns * 2**14:016b}" + "010" + "0" + "1"
    payload = int(bits, 2) << (-len(bits) % 8)
    size = (len(bits) + 7) // 8
    body = bytes([47, size]) + payload.to_bytes(size, "big") + b"\x80"
    return b"\x00\x00\x00\x01\x06" + body.replace(b"\x00\x00", b"\x00\x00\x03")


def encoded() -> bytes:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 128, 64, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 30), {"preset": "ultrafast", "qp": "10"}
    picture = av.VideoFrame.from_ndarray(quarters(), format="bgr24")
    return b"".join(bytes(p) for p in (*encoder.encode(picture), *encoder.encode(None)))


def decoded(stream: bytes) -> av.VideoFrame:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    return (decoder.decode(av.Packet(stream)) + decoder.decode(None))[0]


def with_sei(stream: bytes, sei: bytes) -> bytes:
    """The unit before the picture's first slice."""
    at = stream.index(b"\x00\x00\x01")
    while stream[at + 3] & 0x1F != _SLICE_OF_KEY_FRAME:
        at = stream.index(b"\x00\x00\x01", at + 3)
    return stream[:at] + sei + stream[at:]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_the_picture_is_shown_as_the_camera_asks(turns: int, mirrored: bool) -> None:
    seen = to_bgr(decoded(with_sei(encoded(), orientation_sei(turns, mirrored=mirrored))))
    plain = quarters()[:, ::-1] if mirrored else quarters()
    expected = np.rot90(plain, turns)
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).mean() < 5


def test_without_it_the_picture_is_shown_as_it_lies() -> None:
    assert np.abs(to_bgr(decoded(encoded())).astype(int) - quarters()).mean() < 5
