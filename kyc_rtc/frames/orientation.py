"""How a stored picture has to be turned to stand upright: Exif's tag, and FFmpeg's display matrix.

An orientation is one of the eight values of TIFF 6.0 and Exif (CIPA DC-008, 4.6.5, tag 0x0112): 1 is
upright, 2 to 4 are mirrored or upside down, 5 to 8 lie on their side. Both readers are total: what is
missing or broken counts as upright, for cameras write broken metadata, and the picture is good.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from kyc_rtc.frames.frame import BgrImage

UPRIGHT = 1
_LAST = 8
_ON_ITS_SIDE = 5
"""From here on, rows and columns are exchanged."""

_TAG, _SHORT = 0x0112, 3
_PREFIX = b"Exif\x00\x00"
_MAX_ENTRIES = 1_000
_MATRIX = 9
"""Numbers of a display matrix, row by row."""


def turn_upright(image: BgrImage, orientation: int) -> BgrImage:
    """The picture as it is to be seen, shape (height, width, 3) uint8; the same array where it stands.

    From 5 on, width and height are exchanged.

    Raises:
        ValueError: the orientation is not 1 to 8.
    """
    if not UPRIGHT <= orientation <= _LAST:
        raise ValueError(f"an orientation is 1 to 8, not {orientation}")
    if orientation == UPRIGHT:
        return image
    straight = image.swapaxes(0, 1) if orientation >= _ON_ITS_SIDE else image
    flips = (orientation - 1) % 4
    columns = slice(None, None, -1 if flips in {1, 2} else 1)
    rows = slice(None, None, -1 if flips in {2, 3} else 1)
    return np.ascontiguousarray(straight[rows, columns])


def turn_quarters(image: BgrImage, quarter_turns: int) -> BgrImage:
    """The picture turned by so many quarters anticlockwise; the same array for none."""
    return turn_upright(image, (UPRIGHT, 8, 3, 6)[quarter_turns % 4])


def exif_orientation(exif: bytes) -> int:
    """The orientation in the first directory of an Exif block (TIFF 6.0, section 2); 1 where it has none.

    With or without the prefix that JPEG puts in front of it. Every input has an answer.
    """
    tiff = exif.removeprefix(_PREFIX)
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return UPRIGHT
    at = int(struct.unpack_from(order + "I", tiff, 4)[0])
    if at + 2 > len(tiff):
        return UPRIGHT
    entries = min(int(struct.unpack_from(order + "H", tiff, at)[0]), _MAX_ENTRIES)
    for start in range(at + 2, min(at + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, start)
        if (tag, kind, count) == (_TAG, _SHORT, 1):
            return int(value) if UPRIGHT <= value <= _LAST else UPRIGHT
    return UPRIGHT


def matrix_orientation(matrix: Sequence[int]) -> int:
    """The orientation nearest to a display matrix: nine numbers (a, b, u, c, d, v, x, y, w) that bring
    the point (p, q) to (a p + c q, b p + d q) (FFmpeg, libavutil/display.h).

    It comes from a file's track header (ISO/IEC 14496-12, 8.3.2) and from the display orientation SEI
    of H.264 (ITU-T H.264, D.2.27). 1 where it is not such a matrix.
    """
    if len(matrix) != _MATRIX:
        return UPRIGHT
    a, b, _, c, d, *_ = matrix
    on_its_side = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if on_its_side else (a, d)
    flips = {(False, False): 0, (True, False): 1, (True, True): 2, (False, True): 3}
    return UPRIGHT + 4 * on_its_side + flips[across < 0, down < 0]
