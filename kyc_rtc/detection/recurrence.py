"""Footage that came in an earlier session: a compact record of each, and the comparison of two.

A record keeps one perceptual hash of 63 bits for every 200 ms: which of the lowest spatial frequencies
of the whole picture, in 16 by 16 cells, lie above their median (Zauner, "Implementation and
benchmarking of perceptual image hash functions", 2010). No picture can be made from it again.

Two records share footage where one stretch of 3 s agrees far better between them than it agrees with
itself a second earlier: a person before the same wall hashes alike all the time, and the feature says so.
A mirrored, cropped or retimed copy is not found.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.thumbnail import SIDE_CELLS, Thumbnail

STEP_MS = 200
MAX_STEPS = 300
"""One minute; of a longer session, the latest."""

MAX_RECORD_BYTES = 8 * MAX_STEPS

SURE = 0.6
"""From here on `recurs` tells a copy. Through VP8 at 600 kbit/s unrelated recordings reach 0.01 (28,988
pairs), different moments of one recording 0.27 (n = 148); of copies from another rate that begin at
another moment, 96% lie above where they move enough (175 of 242 recordings do)."""

_LOWEST = 8
_BITS = _LOWEST * _LOWEST - 1
_STRETCH = 16
_SECOND = 5
_MIN_MOTION = 0.06
"""Share of the bits that change within a second, on the mean of the stretch, in both records."""

_HASH = np.dtype(">u8")
_WEIGHTS = (1 << np.arange(_BITS, dtype=np.uint64)).astype(np.uint64)

Hashes = NDArray[np.uint64]
"""Shape (n,): a hash for each step; 0 where there was no picture, or a flat one."""


def perceptual_hash(small: Thumbnail) -> int:
    """The hash of a thumbnail; 0 of a flat one."""
    waves = cv2.dct(small.reshape(SIDE_CELLS, SIDE_CELLS))[:_LOWEST, :_LOWEST].ravel()[1:]
    return int(_WEIGHTS[waves > np.median(waves)].sum())


class FootageRecorder:
    """Makes the record of one session, in at most 2,400 bytes."""

    def __init__(self) -> None:
        self._hashes: deque[int] = deque(maxlen=MAX_STEPS)
        self._next_ms: int | None = None

    def update(self, captured_at_ms: int, small: Thumbnail) -> None:
        """Take one picture into account; hashes one in each step."""
        if self._next_ms is None:
            self._next_ms = captured_at_ms
        if captured_at_ms < self._next_ms:
            return
        missed = (captured_at_ms - self._next_ms) // STEP_MS
        self._hashes.extend([0] * min(missed, MAX_STEPS))
        self._hashes.append(perceptual_hash(small))
        self._next_ms += (missed + 1) * STEP_MS

    def record(self) -> bytes:
        """The record so far: 8 bytes a step, big endian, oldest first."""
        return np.array(self._hashes, _HASH).tobytes()


def recurs(record: bytes, earlier: bytes) -> float:
    """How surely two sessions share footage, at any lag: 0 not at all (or too still to tell) … 1.

    Compare with `SURE`. About 2 ms for two records of a minute.

    Raises:
        ValueError: a record is longer than any that is made, or is none.
    """
    first, second = _hashes(record), _hashes(earlier)
    if min(len(first), len(second)) < _STRETCH:
        return 0.0
    apart = np.bitwise_count(first[:, None] ^ second[None, :]).astype(np.float32) / _BITS
    apart[(first == 0)[:, None] | (second == 0)[None, :]] = 1.0
    rows, columns = (len(hashes) - _STRETCH + 1 for hashes in (first, second))
    mismatch = np.zeros((rows, columns), np.float32)
    for step in range(_STRETCH):
        mismatch += apart[step : step + rows, step : step + columns] / _STRETCH
    motion = np.minimum(_motion(first)[:, None], _motion(second)[None, :])
    judged = motion >= _MIN_MOTION
    if not judged.any():
        return 0.0
    return max(0.0, 1.0 - float((mismatch[judged] / motion[judged]).min()))


def _hashes(record: bytes) -> Hashes:
    if len(record) > MAX_RECORD_BYTES or len(record) % _HASH.itemsize:
        raise ValueError(f"{len(record)} bytes are not a record of footage")
    return np.frombuffer(record, _HASH).astype(np.uint64)


def _motion(hashes: Hashes) -> NDArray[np.float32]:
    """For each stretch, by its first step: share of the bits that change within a second."""
    before = np.concatenate([np.repeat(hashes[:1], _SECOND), hashes[:-_SECOND]])
    change = np.bitwise_count(hashes ^ before).astype(np.float32) / _BITS
    change[(hashes == 0) | (before == 0)] = 0.0
    return np.convolve(change, np.full(_STRETCH, 1 / _STRETCH, np.float32), "valid")
