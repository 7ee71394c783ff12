"""Repeated content: the search for a stretch of video that was seen before, forwards or backwards.

Every picture is reduced to a thumbnail of 16 by 16 cells and put on an even grid of time. A loop shows as
one lag at which the latest stretch matches its past far better than it matches itself 0.4 s earlier,
and far better than at neighbouring lags. A calm person matches the past at every lag alike, and so
does a still picture: neither is a loop. Nor is a person who does an action twice alike: head and hand come to
rest a little elsewhere, and each picture of a copy has to match.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.thumbnail import SIDE_CELLS, Thumbnail

_STEP_MS = 1000 / 15
_MEMORY_STEPS = 1800
"""120 s: a stretch is looked for that far back."""

_STRETCH_STEPS = 24
"""1.6 s must match in one piece."""

_MIN_LAG_STEPS = 30
"""2 s: people nod and blink in a rhythm of their own, with beats a second or so apart. A loop shorter
than this is found at a multiple of its length."""

_NEAR_STEPS = 6
_MAX_GAP_MS = 300
_UNKNOWN = 9.0
"""Distance to a picture that is not known; known ones seldom exceed 2 (two unrelated pictures)."""

_MIN_MOTION = 5e-4
"""Mean square change within 0.4 s that a stretch needs; the noise of VP8 stays below 1e-4."""

_UNLIKE = (1.0, 1.0)

_COPY_NOISE, _COPY_DRIFT = 2e-4, 0.01
"""A picture is a copy of another that differs by less than this, plus this share of its own change in
0.4 s: as far as it moves in 40 ms. Twice that in reverse, where the grid falls elsewhere between pictures.
So are all pictures of a stretch in loops of 30 recordings (VP8 at 600 and 250 kbit/s); of pairs of turns
and nods of one animated portrait (n = 24) at most 21 of 24 pictures."""


class LoopFinder:
    """Compares the latest 1.6 s with all that came before, up to two minutes back.

    `mismatch` is 0 where the latest stretch is like an earlier one and about 1 where it is not: the
    mean square difference over that of the stretch from itself 0.4 s earlier (or from the
    neighbouring lags, whichever tells less of a copy). `others` is the share of the stretch's pictures that
    are not copies. Both stay 1 while too little moves to tell.
    Memory is bounded, some 4 MB.
    """

    def __init__(self) -> None:
        self.mismatch = self.others = 1.0
        self._pictures = np.zeros((2 * _MEMORY_STEPS, SIDE_CELLS**2), np.float32)
        self._squares = np.zeros(2 * _MEMORY_STEPS, np.float32)
        self._known = np.zeros(2 * _MEMORY_STEPS, np.bool_)
        self._count = 0
        self._known_steps = self._stretches = self._comparable = 0
        self._rows = np.full((_STRETCH_STEPS, _MEMORY_STEPS), _UNKNOWN, np.float32)
        self._newest = 0
        self._last: tuple[int, Thumbnail] | None = None
        self._next_ms = 0.0

    @property
    def comparable_share(self) -> float:
        """Of all stretches, 0..1: how many had no gap, so that they could be compared. 1 before the first."""
        return self._comparable / self._stretches if self._stretches else 1.0

    def update(self, captured_at_ms: int, small: Thumbnail) -> None:
        """Take one picture into account; one that is not later than the last is ignored."""
        if self._last is None:
            self._next_ms = float(captured_at_ms)
        elif captured_at_ms <= self._last[0]:
            return
        else:
            self._fill(*self._last, captured_at_ms, small)
        self._last = (captured_at_ms, small)

    def _fill(self, from_ms: int, before: Thumbnail, to_ms: int, after: Thumbnail) -> None:
        """Put the steps of the grid between two pictures, interpolated unless they lie far apart."""
        gap_ms = to_ms - from_ms
        steps = int((to_ms - self._next_ms) // _STEP_MS) + 1 if to_ms >= self._next_ms else 0
        if steps > _MEMORY_STEPS:  # a pause longer than the memory: nothing of it is left
            self._count, self._next_ms = 0, float(to_ms)
            steps = 1
        for _ in range(steps):
            weight = np.float32((self._next_ms - from_ms) / gap_ms)
            known = gap_ms <= _MAX_GAP_MS
            self._append(before + weight * (after - before), known=known)
            self._next_ms += _STEP_MS
        if steps:
            self.mismatch, self.others = self._compare()

    def _append(self, small: Thumbnail, *, known: bool) -> None:
        if self._count == len(self._pictures):
            for kept in (self._pictures, self._squares, self._known):
                kept[:_MEMORY_STEPS] = kept[_MEMORY_STEPS:]
            self._count = _MEMORY_STEPS
        at = self._count
        self._pictures[at], self._known[at] = small, known
        self._squares[at] = small @ small
        self._count += 1
        self._known_steps = self._known_steps + 1 if known else 0
        self._stretches += self._count >= _STRETCH_STEPS
        self._comparable += self._known_steps >= _STRETCH_STEPS
        self._newest = (self._newest + 1) % _STRETCH_STEPS
        row = self._rows[self._newest]
        row[:] = _UNKNOWN
        if known:
            past = slice(max(0, at + 1 - _MEMORY_STEPS), at + 1)
            difference = self._distances(past, at)[::-1]
            row[: len(difference)] = difference

    def _distances(self, past: slice, at: int) -> NDArray[np.float32]:
        """Mean square difference of the picture at `at` from those of `past`, in their order."""
        # Not `@`: BLAS would start threads for it, which costs more than the product itself.
        products = np.einsum("ij,j->i", self._pictures[past], self._pictures[at])
        distance = self._squares[past] + self._squares[at] - 2.0 * products
        distance = np.maximum(distance / self._pictures.shape[1], 0.0)
        return np.where(self._known[past], distance, _UNKNOWN).astype(np.float32)

    def _compare(self) -> tuple[float, float]:
        if self._count < _STRETCH_STEPS + _MIN_LAG_STEPS:
            return _UNLIKE
        rows = np.roll(self._rows, -(self._newest + 1), axis=0)[::-1]  # the newest first
        reach = min(self._count, _MEMORY_STEPS)
        forwards = rows[:, :reach].mean(axis=0)
        # The median: one sudden change between two calm times (a lamp, a cut) is not a motion to match.
        motion = float(np.median(rows[:, _NEAR_STEPS]))
        if not _MIN_MOTION <= motion < _UNKNOWN / 2:
            return _UNLIKE
        # Before the stretch: a lag longer than what was there when it began has nothing to match.
        longest = reach - _STRETCH_STEPS + 1
        forth = _mismatch(rows, forwards[:longest], _MIN_LAG_STEPS, motion, shift=0)
        back = _mismatch(rows, _backwards(rows, reach), 2 * _STRETCH_STEPS, motion, shift=2)
        return min(forth, back, _UNLIKE, key=max)


def _backwards(rows: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Mean difference of the stretch from one played in reverse, by the newest picture's lag.

    While the stretch advances by one step, its mirror image goes back by one: the lag shrinks by two
    a step towards the past.
    """
    total = np.zeros(reach, np.float32)
    for age, row in enumerate(rows):
        total[2 * age :] += row[: max(reach - 2 * age, 0)]
    total /= len(rows)
    return total


def _mismatch(
    rows: NDArray[np.float32],
    differences: NDArray[np.float32],
    first: int,
    motion: float,
    shift: int,
) -> tuple[float, float]:
    """`mismatch` and `others` at the lag, from `first` on, at which the stretch differs least.

    `differences` are the means over `rows`, whose lags shrink by `shift` a step into the past.
    """
    if len(differences) <= first:
        return _UNLIKE
    lag = first + int(np.argmin(differences[first:]))
    ages = np.arange(len(rows))
    limits = (1 + shift / 2) * (_COPY_NOISE + _COPY_DRIFT * rows[:, _NEAR_STEPS])
    others = float(np.mean(rows[ages, lag - shift * ages] > limits))
    return _valley(differences, first, lag, motion), others


def _valley(differences: NDArray[np.float32], first: int, lag: int, motion: float) -> float:
    """The difference at `lag` over `motion`, or over its surround where that is less."""
    sides = [
        differences[at]
        for at in (lag - _NEAR_STEPS, lag + _NEAR_STEPS)
        if first <= at < len(differences)
    ]
    surround = float(min(sides)) if sides else motion
    return float(differences[lag]) / max(min(motion, surround), 1e-9)
