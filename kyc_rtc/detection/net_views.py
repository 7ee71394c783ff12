"""The input of the face net, from a pair of pictures: the face, its grain and change, its evened change.

A live swap is drawn anew for every frame, and what changes between two frames tells more of it than
either frame does (docs/detection.md).
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.pairs import PAIR_EYES, PAIR_PX, followed
from kyc_rtc.frames import BgrImage

VIEWS = ("colour", "motion", "change")
NET_PX, NET_EYES = 128, 0.3
_GREY = 127.0
_GRAIN_GAIN, _CHANGE_GAIN, _LEFT_GAIN = 8.0, 6.0, 8.0
_EVEN_GAIN, _LEAST_CHANGE = 32.0, 0.5

_Picture = TypeVar("_Picture", NDArray[np.uint8], NDArray[np.float32])

Views = NDArray[np.uint8]
"""Shape (3, 128, 128, 3): `colour` is BGR; `motion` grain, change and what flow leaves of it; `change`
the change alone, brought to the same strength whatever the light, the motion and the codec."""


def views(first_bgr: BgrImage, second: BgrImage, flow: NDArray[np.float32]) -> Views:
    """The views of a pair: crops (192, 192, 3) and (192, 192) uint8, flow (192, 192, 2)."""
    first = cv2.cvtColor(first_bgr, cv2.COLOR_BGR2GRAY)
    before = first.astype(np.float32)
    grain = _middle(before - cv2.GaussianBlur(before, (0, 0), 2))
    change = _middle(second.astype(np.float32) - before)
    left = _middle(followed(second, flow) - before)
    strength = float(np.sqrt((change**2).mean())) + _LEAST_CHANGE
    motion = np.dstack([grain * _GRAIN_GAIN, change * _CHANGE_GAIN, left * _LEFT_GAIN])
    even = np.dstack([change * np.float32(_EVEN_GAIN / strength)] * 3)
    return np.stack([_middle(first_bgr), _byte(motion), _byte(even)])


def _byte(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values + _GREY, 0, 255), np.uint8)


def _middle(picture: _Picture) -> _Picture:
    """The 128 pixels that the net looks at, eyes 38 pixels apart, out of a crop of 192."""
    scale = NET_EYES * NET_PX / (PAIR_EYES * PAIR_PX)
    left, top = NET_PX / 2 - scale * PAIR_PX / 2, 0.4 * (NET_PX - scale * PAIR_PX)
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    size = (NET_PX, NET_PX)
    moved = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved.astype(picture.dtype, copy=False)
