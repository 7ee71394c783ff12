"""Recapture traces in the spectrum: the moiré of a screen's grid under a camera's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftshift, rfft2

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face

WINDOW_PX = 64
_TILES, _MOST_ACROSS = 24, 3
"""Windows, spread over the picture, and at most along each side of the face. More see a grid no better;
among fewer, lines of single things stand out that do not move."""

_FROM, _TO = 5, 30
"""Frequencies that are searched, in cycles across the window: finer than shapes, coarser than the
finest detail, which codecs do not keep."""

_BLOCK_CYCLES = 4
"""The codec's macroblocks of 16 pixels have these cycles across the window, and multiples."""


EVERY_MS = 250


def _searched() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Off the axes and on them, without the codec's own lines. The edges of rooms lie on the axes as well."""
    half = WINDOW_PX // 2
    y, x = np.mgrid[-half:half, 0 : half + 1]
    block_x, block_y = x % _BLOCK_CYCLES == 0, y % _BLOCK_CYCLES == 0
    codec = (np.abs(x) <= 1) & block_y | (np.abs(y) <= 1) & block_x | block_x & block_y
    radius = np.hypot(x, y)
    found = (radius >= _FROM) & (radius <= _TO) & ~codec
    axes = (x == 0) | (y == 0)
    return np.asarray(found & ~axes), np.asarray(found & axes)


_OFF_AXES, _ON_AXES = _searched()
_HANN = np.outer(np.hanning(WINDOW_PX), np.hanning(WINDOW_PX)).astype(np.float32)


class MoireMeter:
    """Averages, over windows and over frames, how each frequency rises above its neighbours: all over the
    picture, and on the face. What stands before a camera has its lines here and there, a blind behind
    the person, a shirt; a screen's grid lies over everything at one frequency, the face included. Of 116
    bona fide recordings through VP8 at 1000 and at 250 kbit/s the highest `peak` is 0.28.
    """

    def __init__(self) -> None:
        self.count = 0
        self._next_ms = 0
        self._everywhere = np.zeros(_OFF_AXES.shape, np.float64)
        self._on_face = np.zeros(_OFF_AXES.shape, np.float64)

    def update(self, now_ms: int, luma: BgrImage, face: Face) -> None:
        """Take a frame into account, four times a second, unless picture or face is too small for the
        windows; about 1.5 ms."""
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + EVERY_MS
        on_face, everywhere = _on_face(luma, face), _tiles(luma)
        if not len(on_face) or len(everywhere) < _TILES:
            return
        above = _above_neighbours(np.concatenate([on_face, _spread(everywhere)]))
        self._on_face += above[: len(on_face)].mean(axis=0)
        self._everywhere += above[len(on_face) :].mean(axis=0)
        self.count += 1

    @property
    def peak(self) -> float:
        """How far the strongest line that lies over everything rises over its neighbours, in log units;
        0 before the first frame."""
        return self._strongest(_OFF_AXES)

    @property
    def peak_on_axes(self) -> float:
        """The same of lines that run level or upright."""
        return self._strongest(_ON_AXES)

    def _strongest(self, searched: NDArray[np.bool_]) -> float:
        both = np.minimum(self._everywhere, self._on_face)[searched]
        return float(both.max()) / self.count if self.count else 0.0


def _above_neighbours(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log spectra of windows (n, 64, 64) less the median of each frequency's surround (n, 64, 33)."""
    grey = windows.astype(np.float32)
    spectra = np.log(np.abs(rfft2((grey - grey.mean(axis=(1, 2), keepdims=True)) * _HANN)) + 1.0)
    # One above the other: the median reaches over an edge where nothing is searched.
    stack = np.ascontiguousarray(fftshift(spectra, axes=1), np.float32)
    stack = stack.reshape(-1, _OFF_AXES.shape[1])
    return np.asarray((stack - cv2.medianBlur(stack, 5)).reshape(-1, *_OFF_AXES.shape))


def _on_face(luma: BgrImage, face: Face) -> NDArray[np.uint8]:
    """The windows (n, 64, 64) side by side that fit into the middle of the face and into the picture."""
    across = min(int(face.width_px) // WINDOW_PX, _MOST_ACROSS) * WINDOW_PX
    down = min(int(face.height_px) // WINDOW_PX, _MOST_ACROSS) * WINDOW_PX
    left, top = round(face.centre_xy[0] - across / 2), round(face.centre_xy[1] - down / 2)
    if left < 0 or top < 0 or left + across > luma.shape[1] or top + down > luma.shape[0]:
        return np.empty((0, WINDOW_PX, WINDOW_PX), np.uint8)
    return _tiles(luma[top : top + down, left : left + across])


def _tiles(luma: BgrImage) -> NDArray[np.uint8]:
    """Squares (n, 64, 64) side by side about the picture's middle."""
    down, across = (side // WINDOW_PX for side in luma.shape)
    top, left = ((side % WINDOW_PX) // 2 for side in luma.shape)
    middle = luma[top : top + down * WINDOW_PX, left : left + across * WINDOW_PX]
    rows = middle.reshape(down, WINDOW_PX, across, WINDOW_PX).swapaxes(1, 2)
    return rows.reshape(-1, WINDOW_PX, WINDOW_PX)


def _spread(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As many of the tiles as are looked at, evenly spread over them."""
    return np.asarray(tiles[np.linspace(0, len(tiles) - 1, _TILES).round().astype(int)])
