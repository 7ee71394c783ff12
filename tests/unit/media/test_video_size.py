"""The size of encoded video, read from its headers: real encoders, hand-made headers, junk."""

from __future__ import annotations

import functools

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.publisher import encode_vp8
from media.video_size import (
    MAX_SPS,
    MAX_UNITS,
    Look,
    Size,
    UnreadableVideo,
    is_key_frame,
    look_at,
)
from tests.support.encoders import encoded, h264, vp8, vp8_that_says

START = b"\x00\x00\x00\x01"


class Writer:
    """Writes the codes of ITU-T H.264, 7.2 and 9.1."""

    def __init__(self) -> None:
        self._bits = ""

    def fixed(self, value: int, count: int) -> Writer:
        self._bits += f"{value:0{count}b}" if count else ""
        return self

    def codes(self, *values: int) -> Writer:
        for value in values:
            digits = f"{value + 1:b}"
            self._bits += "0" * (len(digits) - 1) + digits
        return self

    def unit(self) -> bytes:
        """As a NAL unit of an SPS, with its trailing bits and emulation prevention bytes."""
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        plain = int(bits, 2).to_bytes(len(bits) // 8, "big")
        out = bytearray()
        for byte in plain:
            if byte <= 3 and out[-2:] == b"\x00\x00":
                out.append(3)
            out.append(byte)
        return b"\x67" + bytes(out)


def sps(
    width: int, height: int, *, profile: int = 66, order: int = 0, field: bool = False
) -> bytes:
    """An SPS of macroblock-aligned size."""
    writer = Writer().fixed(profile, 8).fixed(0, 8).fixed(31, 8).codes(0)
    if profile in (100, 110):
        writer.codes(1, 0, 0).fixed(0, 1).fixed(1, 1)  # 4:2:0, 8 bits, and scaling lists follow
        writer.fixed(1, 1).codes(16)  # the first ends at once: -8
        writer.fixed(0, 7)
    writer.codes(0, order)
    if order == 0:
        writer.codes(0)
    elif order == 1:
        writer.fixed(0, 1).codes(0, 0, 2, 5, 6)
    writer.codes(1).fixed(0, 1)
    writer.codes(width // 16 - 1, height // (32 if field else 16) - 1)
    writer.fixed(0 if field else 1, 1)
    return writer.fixed(0, 4).unit()


def h264_look(*units: bytes) -> Look:
    return look_at("H264", b"".join(START + unit for unit in units))


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (480, 640), (642, 360), (1920, 1080)])
def test_what_real_encoders_make(size: tuple[int, int]) -> None:
    assert look_at("VP8", vp8(size)) == Look(is_key=True, size=Size(*size))
    width, height = size
    coded = Size(-(-width // 16) * 16, -(-height // 16) * 16)
    for profile in ("baseline", "main", "high"):
        assert look_at("H264", h264(size, profile)) == Look(is_key=True, size=coded)


def test_key_frames_are_known_without_their_codec() -> None:
    pictures = [np.full((48, 64, 3), shade, np.uint8) for shade in (10, 90, 200)]
    keys = [is_key_frame(data) for data in encode_vp8(pictures, (64, 48), 20)]
    assert keys == [True, False, False]
    three_bytes = b"\x00\x00\x01"
    for start in (three_bytes, b"\x00" + three_bytes):
        assert is_key_frame(start + h264((64, 48)).partition(three_bytes)[2])
        assert not is_key_frame(start + b"\x41delta")
    assert not is_key_frame(b"\x10\x02\x00\x9d\x01\x2a"), "without its size"


def test_pictures_of_other_kinds_are_not_decoded() -> None:
    for profile, pixels in (
        ("high444", "yuv444p"),
        ("high422", "yuv422p"),
        ("high10", "yuv420p10le"),
    ):
        with pytest.raises(UnreadableVideo):
            look_at("H264", h264((64, 48), profile, pixels))


def test_what_x264_interlaces_is_read_too() -> None:
    (frame,) = encoded("libx264", (64, 64), preset="ultrafast", **{"x264-params": "interlaced=1"})
    assert look_at("H264", frame).size == Size(64, 64)


@pytest.mark.parametrize("size", [(8192, 8192), (16_383, 16_383), (1920, 1088), (1, 16_383)])
def test_the_header_of_vp8_is_believed(size: tuple[int, int]) -> None:
    assert look_at("VP8", vp8_that_says(size)) == Look(is_key=True, size=Size(*size))


def test_scaling_bits_of_vp8_are_not_part_of_its_size() -> None:
    assert look_at("VP8", vp8_that_says((640 | 3 << 14, 480 | 1 << 14))).size == Size(640, 480)


def test_later_frames_announce_no_size() -> None:
    assert look_at("VP8", b"\x11\x02\x00") == Look(is_key=False, size=None)
    assert h264_look(b"\x41delta") == Look(is_key=False, size=None)
    assert h264_look(b"\x68pps", b"\x65idr") == Look(is_key=True, size=None)


@pytest.mark.parametrize("profile", [66, 77, 88, 100, 110])
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("field", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (1088, 1920), (8192, 8192), (65_536, 32)])
def test_an_sps_of_every_shape(
    profile: int, order: int, field: bool, size: tuple[int, int]
) -> None:
    made = sps(*size, profile=profile, order=order, field=field)
    assert h264_look(made, b"\x65idr") == Look(is_key=True, size=Size(*size))


def test_the_largest_of_several_counts() -> None:
    assert h264_look(sps(640, 480), sps(4096, 4096), sps(320, 240)).size == Size(4096, 4096)


def test_emulation_prevention_hides_nothing() -> None:
    made = sps(16 * 2**22, 16 * 2**22, order=2)
    assert b"\x00\x00\x03" in made, "else it shows nothing"
    assert h264_look(made).size == Size(16 * 2**22, 16 * 2**22)


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("VP8", b""),
        ("VP8", b"\x10\x02\x00\x9d\x01\x2a\x80\x02\xe0"),
        ("VP8", b"\x10\x02\x00\x9d\x01\x2b\x80\x02\xe0\x01"),
        ("VP8", b"\x10\x02\x00\x9d\x01\x2a\x00\x00\xe0\x01"),
        ("H264", b""),
        ("H264", b"\x67no start code"),
        ("H264", START + b"\x67"),
        ("H264", START + sps(640, 480)[:5]),
        ("H264", START + b"\x67\x42\x00\x1f" + b"\x00" * 9),
        ("H264", START + sps(640, 480, profile=118)),
        ("H264", (START + sps(640, 480)) * (MAX_SPS + 1)),
        ("H264", (START + b"\x41slice") * (MAX_UNITS + 1)),
        ("VP9", b"\x82\x49\x83\x42"),
    ],
)
def test_what_cannot_be_read_is_refused(codec: str, data: bytes) -> None:
    with pytest.raises(UnreadableVideo):
        look_at(codec, data)


@given(st.sampled_from(["VP8", "H264"]), st.binary(max_size=200), st.booleans())
def test_junk_is_read_or_refused(codec: str, data: bytes, is_sps: bool) -> None:
    try:
        look = look_at(codec, START + b"\x67" + data if is_sps else data)
    except UnreadableVideo:
        return
    assert look.size is None or look.size.pixels > 0


@functools.cache
def _small() -> bytes:
    return h264((64, 48), "high")


_ALLOWED = 256 * 256


@given(
    st.lists(st.tuples(st.integers(5, 30), st.integers(0, 255)), min_size=1, max_size=6),
    st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_ffmpeg_unpacks_no_more_than_was_read(spoilt: list[tuple[int, int]], escape: bool) -> None:
    data = bytearray(_small())
    for at, byte in spoilt:
        data[at] = byte
    if escape:  # of which FFmpeg tries two readings
        at = spoilt[0][0]
        data[at:at] = b"\x00\x00\x03"
    try:
        size = look_at("H264", bytes(data)).size
    except UnreadableVideo:
        return
    if size is not None and size.pixels > _ALLOWED:
        return
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    try:
        decoder.decode(av.Packet(bytes(data)))
        decoder.decode(None)
    except av.FFmpegError:
        pass
    assert decoder.coded_width * decoder.coded_height <= _ALLOWED
