"""Repeated pictures: frames that copy the one before them while the stream moves.

A source that fills its rate up (a virtual camera, a player of files) sends pictures twice. A camera
sends each once, and where little moves, nothing is reported.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from kyc_rtc.detection.thumbnail import Thumbnail

_AROUND = 15
"""A step is judged by the fifteen around it, itself in the middle."""

_MOVING_RANK = 12
_COPY = 0.15
"""The step around that tells the motion, counted from the smallest, and the part of it that a copy stays
below: VP8 goes on refining a picture that it is given twice."""

_MIN_MOTION = 0.006
_KEPT = 600
_LEAST = 30


class RepeatMeter:
    """Watches successive pictures of one source. Memory is bounded by 600 judged steps."""

    def __init__(self) -> None:
        self._before: Thumbnail | None = None
        self._steps: deque[float] = deque(maxlen=_AROUND)
        self._copies: deque[bool] = deque(maxlen=_KEPT)

    def interrupt(self) -> None:
        """The next picture does not follow the last: one was dropped between them."""
        self._before = None
        self._steps.clear()

    def update(self, small: Thumbnail) -> None:
        """Take the next picture into account."""
        before, self._before = self._before, small
        if before is None:
            return
        self._steps.append(float(np.abs(small - before).mean()))
        if len(self._steps) < _AROUND:
            return
        motion = sorted(self._steps)[_MOVING_RANK - 1]
        if motion >= _MIN_MOTION:
            self._copies.append(self._steps[_AROUND // 2] < _COPY * motion)

    @property
    def share(self) -> float | None:
        """The share of copies among the latest moving pictures, 0..1; None below 30 of them."""
        if len(self._copies) < _LEAST:
            return None
        return sum(self._copies) / len(self._copies)
