"""Frozen pictures: capture times go on while the pixels stand still.

A camera never repeats itself: even where VP8 spends nothing on a still background, noise and a living
face change some cell from one frame to the next. A source that doubles its frames (15 in 30 a second)
changes at every other frame, and a lost link delivers no frames at all: neither is frozen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage

_CELLS = (64, 48)
_MAX_STEP, _MAX_MEAN_STEP, _MAX_DRIFT = 6, 0.3, 8
"""Luma steps from frame to frame, in any cell and on the mean, and in any cell since the run began.
VP8 goes on refining a frozen picture for seconds (a browser's: up to 4, 0.27 and 5); that stays below
these. Bona fide recordings stand still for 0.7 s at most by this figure (n = 138)."""

_MIN_FRAMES = 8
_MAX_GAP_MS = 700


class FrozenRun:
    """How long the picture has been standing still, and the longest such time so far."""

    def __init__(self) -> None:
        self.longest_ms = 0
        self._first: NDArray[np.int16] | None = None
        self._previous: NDArray[np.int16] | None = None
        self._first_ms = 0
        self._previous_ms = 0
        self._frames = 0

    def update(self, captured_at_ms: int, luma: BgrImage) -> None:
        """Take one grey picture, shape (height, width), into account."""
        cells = cv2.resize(luma, _CELLS, interpolation=cv2.INTER_AREA).astype(np.int16)
        if self._stands_still(captured_at_ms, cells):
            self._frames += 1
            if self._frames >= _MIN_FRAMES:
                self.longest_ms = max(self.longest_ms, captured_at_ms - self._first_ms)
        else:
            self._first, self._first_ms, self._frames = cells, captured_at_ms, 1
        self._previous, self._previous_ms = cells, captured_at_ms

    def _stands_still(self, captured_at_ms: int, cells: NDArray[np.int16]) -> bool:
        if self._previous is None or self._first is None:
            return False
        step = np.abs(cells - self._previous)
        return (
            0 < captured_at_ms - self._previous_ms <= _MAX_GAP_MS
            and int(step.max()) <= _MAX_STEP
            and float(step.mean()) <= _MAX_MEAN_STEP
            and int(np.abs(cells - self._first).max()) <= _MAX_DRIFT
        )
