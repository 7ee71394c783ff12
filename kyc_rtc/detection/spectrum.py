"""Recapture traces in the spectrum: the moiré of a screen's grid under a camera's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face

WINDOW_PX = 128
_FROM, _TO = 12, 56
"""Frequencies that are searched, in cycles across the window: finer than a face's features, coarser
than what chroma subsampling and the codec's deblocking leave."""

_BLOCK_CYCLES = 8
"""The codec's macroblocks of 16 pixels have these cycles across the window, and multiples."""


def _search_mask() -> NDArray[np.bool_]:
    half = WINDOW_PX // 2
    y, x = np.mgrid[-half:half, -half:half]
    radius = np.hypot(x, y)
    off_axes = (np.abs(x) > 2) & (np.abs(y) > 2)
    off_blocks = (np.abs(x % _BLOCK_CYCLES) > 0) & (np.abs(y % _BLOCK_CYCLES) > 0)
    return np.asarray((radius >= _FROM) & (radius <= _TO) & off_axes & off_blocks)


_SEARCHED = _search_mask()
_HANN = np.outer(np.hanning(WINDOW_PX), np.hanning(WINDOW_PX)).astype(np.float32)


def moire_peak(luma: BgrImage, face: Face) -> float | None:
    """How far the strongest off-axis line rises over its surround in the spectrum, in log units.

    Looks at a square of 128 pixels in the middle of the face, at the resolution of the frame. Bona
    fide recordings stay below 1.3 (medians, n = 138). None where the square leaves the picture.
    """
    x, y = (round(value - WINDOW_PX / 2) for value in face.centre_xy)
    height, width = luma.shape
    if x < 0 or y < 0 or x + WINDOW_PX > width or y + WINDOW_PX > height:
        return None
    window = luma[y : y + WINDOW_PX, x : x + WINDOW_PX].astype(np.float32)
    transformed = np.fft.fftshift(np.fft.fft2((window - window.mean()) * _HANN))
    spectrum = np.log(np.abs(transformed) + 1.0).astype(np.float32)
    above = spectrum - cv2.medianBlur(spectrum, 5)
    return float(above[_SEARCHED].max())
