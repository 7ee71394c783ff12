"""Recapture traces in the spectrum: the moiré of a screen's grid under a camera's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face

WINDOW_PX = 128
_FROM, _TO = 12, 60
"""Frequencies that are searched, in cycles across the window: finer than a face's features, coarser
than what chroma subsampling leaves."""

_BLOCK_CYCLES = 8
"""The codec's macroblocks of 16 pixels have these cycles across the window, and multiples."""


def _searched() -> NDArray[np.bool_]:
    """All but the codec's own lines, which lie at multiples of `_BLOCK_CYCLES` on and off the axes."""
    half = WINDOW_PX // 2
    y, x = np.mgrid[-half:half, -half:half]
    radius = np.hypot(x, y)
    block_x, block_y = _near_block(x), _near_block(y)
    codec = (np.abs(x) <= 1) & block_y | (np.abs(y) <= 1) & block_x | block_x & block_y
    return np.asarray((radius >= _FROM) & (radius <= _TO) & ~codec)


def _near_block(cycles: NDArray[np.int_]) -> NDArray[np.bool_]:
    half = _BLOCK_CYCLES // 2
    return np.abs((cycles + half) % _BLOCK_CYCLES - half) <= 1


_SEARCHED = _searched()
_HANN = np.outer(np.hanning(WINDOW_PX), np.hanning(WINDOW_PX)).astype(np.float32)


class MoireMeter:
    """Averages the spectrum of the middle of the face over frames: a face moves and its spectrum with
    it, while a screen's grid keeps its place, so that its line stands out more with every frame."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = np.zeros((WINDOW_PX, WINDOW_PX), np.float64)
        self._peak: float | None = None

    def update(self, luma: BgrImage, face: Face) -> None:
        """Take a square of 128 pixels of the frame into account, unless it leaves the picture."""
        x, y = (round(value - WINDOW_PX / 2) for value in face.centre_xy)
        height, width = luma.shape
        if x < 0 or y < 0 or x + WINDOW_PX > width or y + WINDOW_PX > height:
            return
        window = luma[y : y + WINDOW_PX, x : x + WINDOW_PX].astype(np.float32)
        self._sum += np.abs(np.fft.fft2((window - window.mean()) * _HANN))
        self.count += 1
        self._peak = None

    @property
    def peak(self) -> float:
        """How far the strongest line rises over its surround, in log units; 0 before the first frame.

        Of 133 bona fide recordings through VP8 at 600 kbit/s the highest has 1.01.
        """
        if self._peak is None and self.count:
            mean = np.fft.fftshift(self._sum / self.count)
            spectrum = np.log(mean + 1.0).astype(np.float32)
            self._peak = float((spectrum - cv2.medianBlur(spectrum, 5))[_SEARCHED].max())
        return self._peak or 0.0
