"""The perspective analyser: whether a face that comes nearer, or goes back, has the depth of a head.

Whenever somebody moves by an eighth of the distance, two looks in like poses are compared (`perspective.py`).
Looks at one distance show how much the measure varies by itself in this recording.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample
from kyc_rtc.detection.perspective import Look, Relief, compare, look_at
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import mouth_openness
from kyc_rtc.vision.observation import Face

_LOOK_EVERY_MS, _COMPARE_EVERY_MS = 400, 1_000
_LONGEST_GAP_MS = 1_500
_MIN_CHANGE, _MAX_CHANGE = math.log(1.125), math.log(1.9)
_STEADY = math.log(1.03)
_MAX_TURN_DEG, _LIKE_DEG, _LIKE_MOUTH = 20.0, 5.0, 0.08
_BIN = 0.05  # of the log of nearness: one look is kept of each
_KEPT_LOOKS, _KEPT_PAIRS = 12, 40
_STEADY_PAIRS, _FEW_STEADY_PAIRS = 12, 4
_INDEPENDENT_PAIRS = 3
"""Pairs share their looks: however many there are, they count as so many."""

_USUAL_JITTER = 3.0
"""Where a recording does not tell: what looks at one distance differ by, over the error of the fit. Median of
17 recordings 3.0, between 1.7 and 6.3 (`python -m tests.approaches` prints it)."""

_HEAD_SPREAD, _FLAT_SPREAD = 0.35, 0.15
"""Standard deviations of the depth of heads about 1, and of pictures about 0, besides the error. Assumed, not
fitted: the lens is known to a quarter, and the depth of the mesh too (docs/detection.md, "Coming closer")."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The depth of a face by its change of perspective.

    `value`: 1 for a head of the depth that the mesh has, 0 for a flat picture; `error`: its standard error ·
    `ratio`: the largest ratio of two distances that were compared · `pairs`: how many looks were.
    """

    value: float
    error: float
    ratio: float
    pairs: int

    @property
    def log_likelihood_ratio(self) -> float:
        """Natural logarithm of how much more likely `value` is for a head than for a flat picture."""
        head = math.hypot(self.error, _HEAD_SPREAD)
        flat = math.hypot(self.error, _FLAT_SPREAD)
        as_head = -0.5 * ((self.value - 1.0) / head) ** 2 - math.log(head)
        return as_head + 0.5 * (self.value / flat) ** 2 + math.log(flat)


@dataclass(frozen=True, slots=True)
class _Kept:
    at_ms: int
    look: Look
    mouth: float


class DepthMeter:
    """Gathers the comparisons of one stream; 12 looks of 50 kB are kept."""

    def __init__(self) -> None:
        self._looks: dict[int, _Kept] = {}
        self._moved: deque[tuple[Relief, float]] = deque(maxlen=_KEPT_PAIRS)
        self._steady: deque[Relief] = deque(maxlen=_STEADY_PAIRS)
        self._next_ms = self._compare_from_ms = 0

    def update(self, captured_at_ms: int, luma: BgrImage, face: Face) -> None:
        """Take a judgeable frame, `luma` of shape (height, width); two or three a second are looked at."""
        back = captured_at_ms < self._next_ms - _LOOK_EVERY_MS
        if back or captured_at_ms > self._next_ms + _LONGEST_GAP_MS:
            self._compare_from_ms = 0
            self._looks.clear()  # another camera, perhaps, and another lens
        elif captured_at_ms < self._next_ms:
            return
        self._next_ms = captured_at_ms + _LOOK_EVERY_MS
        if max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg)) > _MAX_TURN_DEG:
            return
        now = _Kept(captured_at_ms, look_at(luma, face), mouth_openness(face.landmarks))
        if captured_at_ms >= self._compare_from_ms:
            self._compare(now)
        self._looks[round(math.log(now.look.nearness) / _BIN)] = now
        if len(self._looks) > _KEPT_LOOKS:
            self._looks.pop(min(self._looks, key=lambda key: self._looks[key].at_ms))

    def _compare(self, now: _Kept) -> None:
        """With the look that is furthest in distance; else, while there are few, with one at the same."""
        like = [kept for kept in self._looks.values() if _alike(kept, now)]
        far = [kept for kept in like if _MIN_CHANGE <= _change(kept, now) <= _MAX_CHANGE]
        if far:
            other = max(far, key=lambda kept: _change(kept, now))
            self._compare_from_ms = now.at_ms + _COMPARE_EVERY_MS
            found = compare(other.look, now.look)
            if found:
                self._moved.append((found, _change(other, now)))
        elif len(self._steady) < _STEADY_PAIRS:
            same = [kept for kept in like if _change(kept, now) <= _STEADY]
            found = compare(same[0].look, now.look) if same else None
            if found:
                self._compare_from_ms = now.at_ms + _COMPARE_EVERY_MS
                self._steady.append(found)

    @property
    def jitter(self) -> float:
        """What looks at one distance differ by, over the error of the fit: root mean square, 1 at least."""
        if len(self._steady) < _FEW_STEADY_PAIRS:
            return _USUAL_JITTER
        squares = [(one.change / max(one.error, 1e-9)) ** 2 for one in self._steady]
        return max(1.0, math.sqrt(float(np.mean(squares))))

    @property
    def depth(self) -> Depth | None:
        """What was measured so far; None where nobody changed the distance."""
        if not self._moved:
            return None
        weight = [(one.expected / max(one.error, 1e-9)) ** 2 for one, _ in self._moved]
        total = max(sum(weight), 1e-9)
        values = (one.change / one.expected for one, _ in self._moved)
        value = sum(w * v for w, v in zip(weight, values, strict=True)) / total
        shared = max(1.0, len(weight) / _INDEPENDENT_PAIRS)
        error = self.jitter * math.sqrt(shared / total)
        ratio = math.exp(max(change for _, change in self._moved))
        return Depth(value, error, ratio, len(weight))


def _change(one: _Kept, other: _Kept) -> float:
    return abs(math.log(one.look.nearness / other.look.nearness))


def _alike(one: _Kept, other: _Kept) -> bool:
    first, second = one.look.pose, other.look.pose
    turned_deg = max(abs(first.yaw_deg - second.yaw_deg), abs(first.pitch_deg - second.pitch_deg))
    return turned_deg <= _LIKE_DEG and abs(one.mouth - other.mouth) <= _LIKE_MOUTH


class PerspectiveAnalyser:
    """Says how a face's depth fits its change of distance. Advisory: only judgeable frames count."""

    name = AnalyserName.PERSPECTIVE

    def __init__(self) -> None:
        self._meter = DepthMeter()
        self._first_ms: int | None = None
        self._last_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            return
        self._last_ms = sample.observation.captured_at_ms
        self._first_ms = self._last_ms if self._first_ms is None else self._first_ms
        self._meter.update(self._last_ms, sample.luma, face)

    def evidence(self) -> Evidence:
        """The odds of a flat picture against a head, as likely before. Where the error is as large as what
        tells them apart, nothing is said."""
        span_ms = (self._first_ms or 0, self._last_ms)
        depth = self._meter.depth
        if depth is None or depth.error >= 1.0:
            return Evidence(self.name, 0.5, 0.0, span_ms)
        odds = math.exp(min(max(depth.log_likelihood_ratio, -30.0), 30.0))
        return Evidence(self.name, 1.0 / (1.0 + odds), 1.0 - depth.error, span_ms)
