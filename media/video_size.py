"""Reads an encoded frame's headers: the size of its picture, and whether it is a key frame.

Pure, and done before any decoder sees the frame. The size is the coded one, which a decoder allocates;
H.264's cropping only hides part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from kyc_rtc.frames.sizes import is_too_large


class Size(NamedTuple):
    """Pixels of a picture as it is coded."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def rank(self) -> tuple[bool, int]:
        """A sort key: sizes that are too large come last, then by pixels."""
        return is_too_large(self.width, self.height), self.pixels


class UnreadableVideo(ValueError):
    """A header breaks its specification, or the video is of a kind that WebRTC does not negotiate."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a frame's headers say. `size` is that of the largest picture that they announce, or None: such
    a frame has the size of the one before it. `is_key`: the frame can be decoded by itself."""

    is_key: bool
    size: Size | None


def look_at(codec: str, data: bytes) -> Look:
    """Read the headers of one encoded frame; `codec` as in SDP (`VP8`, `H264`).

    Raises:
        UnreadableVideo: the headers cannot be relied on.
    """
    match codec.upper():
        case "VP8":
            return _vp8(data)
        case "H264":
            return _h264(data)
        case _:
            raise UnreadableVideo(f"the size of {codec} is not known")


def is_key_frame(data: bytes) -> bool:
    """As `look_at`, for frames whose codec is not known: VP8 or H.264. False where it cannot be read.

    The two cannot be confused: the byte after an H.264 start code has its highest bit clear (ITU-T
    H.264, 7.4.1, forbidden_zero_bit), that of VP8's start code has it set.
    """
    codec = "VP8" if data[3:6] == _VP8_START else "H264"
    try:
        return look_at(codec, data).is_key
    except UnreadableVideo:
        return False


_VP8_START = b"\x9d\x01\x2a"


def _vp8(data: bytes) -> Look:
    """RFC 6386, 9.1: three bytes of frame tag, and in a key frame a start code and 2 × 14 bits of size."""
    if not data:
        raise UnreadableVideo("an empty VP8 frame")
    if data[0] & 1:
        return Look(is_key=False, size=None)
    if len(data) < 10 or data[3:6] != _VP8_START:
        raise UnreadableVideo("a VP8 key frame without its start code")
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    if not (width and height):
        raise UnreadableVideo("a VP8 key frame without a size")
    return Look(is_key=True, size=Size(width, height))


MAX_UNITS, MAX_SPS = 256, 4
"""Limits for one frame. 1088 lines are 68 rows of macroblocks, and each row is one slice at most; a browser
sends one SPS. Reading more would only cost time on the event loop."""

_START = b"\x00\x00\x01"
_IDR, _SPS = 5, 7
_ESCAPED = re.compile(rb"\x00\x00\x03")


def _h264(data: bytes) -> Look:
    """A byte stream of NAL units (ITU-T H.264, annex B), of which each SPS announces a size."""
    if not data.startswith((_START, b"\x00" + _START)):
        raise UnreadableVideo("an H.264 frame without a start code")
    units = [unit for unit in data.split(_START, MAX_UNITS + 1)[1:] if unit]
    kinds = [unit[0] & 0x1F for unit in units]
    if len(units) > MAX_UNITS or kinds.count(_SPS) > MAX_SPS:
        raise UnreadableVideo("more NAL units, or more SPS, than a frame has")
    sizes = [_sps_size(unit) for unit, kind in zip(units, kinds, strict=True) if kind == _SPS]
    largest = max(sizes, key=lambda size: size.rank, default=None)
    return Look(is_key=_IDR in kinds, size=largest)


def _sps_size(unit: bytes) -> Size:
    """The larger of two readings. The right one leaves out the emulation prevention bytes (7.4.1.1); the
    other keeps them, as FFmpeg does where the right one fails."""
    size = _read_sps(_ESCAPED.sub(b"\x00\x00", unit[1:]))
    try:
        other = _read_sps(unit[1:])
    except UnreadableVideo:
        return size
    return max(size, other, key=lambda one: one.rank)


class _Bits:
    """Reads fixed-length and Exp-Golomb codes (ITU-T H.264, 7.2 and 9.1)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise UnreadableVideo("a truncated SPS")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.take(1) == 1

    def unsigned(self, most: int = 2**32 - 2) -> int:
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 31:
                raise UnreadableVideo("an SPS with too long a code")
        value = (1 << zeros) - 1 + self.take(zeros)
        if value > most:
            raise UnreadableVideo("an SPS with a value out of range")
        return value

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


_PLAIN_PROFILES = (66, 77, 88)
_HIGH_PROFILES = (100, 110, 122, 244, 44)
"""The profiles whose SPS says how colours are coded. H.264 has others (scalable, stereo): decoders read
those differently, and no browser sends them."""


def _read_sps(rbsp: bytes) -> Size:
    """Read the sequence parameter set (7.3.2.1.1) up to the size. Only pictures of 8 bits in 4:2:0 or grey
    are accepted: others need more memory for the same size, and WebRTC negotiates none of them."""
    bits = _Bits(rbsp[:1024])  # the longest possible SPS has some 700 bytes
    profile = bits.take(8)
    if profile not in _PLAIN_PROFILES + _HIGH_PROFILES:
        raise UnreadableVideo(f"an H.264 profile that is not decoded: {profile}")
    bits.take(16)  # constraint flags and level
    bits.unsigned(31)  # seq_parameter_set_id
    if profile in _HIGH_PROFILES:
        _skip_colours(bits)
    bits.unsigned(12)  # log2_max_frame_num_minus4
    _skip_order(bits)
    bits.unsigned(16)  # max_num_ref_frames
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    width = 16 * (bits.unsigned() + 1)
    map_units = 16 * (bits.unsigned() + 1)
    frames_only = bits.flag()
    return Size(width, map_units if frames_only else 2 * map_units)


def _skip_colours(bits: _Bits) -> None:
    if bits.unsigned(3) > 1:  # chroma_format_idc
        raise UnreadableVideo("H.264 in 4:2:2 or 4:4:4")
    if bits.unsigned() or bits.unsigned():  # bit_depth_luma_minus8, bit_depth_chroma_minus8
        raise UnreadableVideo("H.264 with more than 8 bits")
    bits.flag()  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():  # seq_scaling_matrix_present_flag
        for number in range(8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if number < 6 else 64)


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    """Skip one scaling list (7.3.2.1.1.1), which ends early where the scale becomes 0."""
    scale = 8
    for _ in range(length):
        change = bits.signed()
        if not -128 <= change <= 127:
            raise UnreadableVideo("an SPS with a value out of range")
        scale = (scale + change) % 256
        if scale == 0:
            return


def _skip_order(bits: _Bits) -> None:
    match bits.unsigned(2):  # pic_order_cnt_type
        case 0:
            bits.unsigned(12)
        case 1:
            bits.flag()
            bits.signed()
            bits.signed()
            for _ in range(bits.unsigned(255)):
                bits.signed()
        case _:
            pass
