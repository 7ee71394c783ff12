"""The geometry analyser: flat motion, proportions that vary too little for the head's motion, and jumps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.calibration import ramp, score
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.detection.planar import PlanarMotion
from kyc_rtc.vision.geometry import BONY, pose_free_shape
from kyc_rtc.vision.observation import Face

_FLAT_RESIDUAL = 0.16
"""Medians of bona fide recordings are 0.31 and more (n = 109), of photographs 0.12 and less."""

_MIN_FLAT_FRAMES = 15
_SHAPE_EVERY = 3
_MIN_SHAPES, _FULL_SHAPES = 20, 60
_MAX_STEP_MS = 110
_JUMP_WIDTHS, _JUMP_DEG = 0.6, 45.0
_JUMP_SCORES = (0.0, 0.58, 0.78)
"""For none, one and more jumps. No bona fide recording has one (n = 138), but a tracker may slip: so one
alone adds nothing to the score, and more are suspicious and no more."""

_HARD_SCORE, _HARD_CONFIDENCE = 0.92, 0.9


@dataclass(slots=True)
class _Spread:
    """Running mean and deviation of an array, element by element (Welford, 1962)."""

    count: int = 0
    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def add(self, values: NDArray[np.float64]) -> None:
        self.count += 1
        if self.count == 1:
            self.mean, self.squares = values.copy(), np.zeros_like(values)
            return
        before = values - self.mean
        self.mean = self.mean + before / self.count
        self.squares = self.squares + before * (values - self.mean)

    def deviation(self) -> NDArray[np.float64]:
        return np.sqrt(self.squares / max(self.count, 1))


class GeometryAnalyser:
    """Judges the shape of the face over its poses. Only judgeable frames count."""

    name = AnalyserName.GEOMETRY

    def __init__(self) -> None:
        self._planar = PlanarMotion()
        self._shape = _Spread()
        self._pose = _Spread()
        self._max_yaw_deg = 0.0
        self._frames = 0
        self._jumps = 0
        self._before: tuple[int, Face] | None = None
        self._first_ms: int | None = None
        self._last_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 1.3 ms at 640 by 480."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            self._before = None
            return
        now_ms = sample.observation.captured_at_ms
        self._first_ms = now_ms if self._first_ms is None else self._first_ms
        self._last_ms = now_ms
        self._planar.update(now_ms, sample.luma, face)
        if self._before is not None and 0 < now_ms - self._before[0] <= _MAX_STEP_MS:
            self._jumps += _jumped(self._before[1], face)
        self._before = (now_ms, face)
        self._frames += 1
        self._measure(face)

    def _measure(self, face: Face) -> None:
        pose = face.pose
        self._pose.add(np.array([pose.yaw_deg, pose.pitch_deg, pose.roll_deg]))
        self._max_yaw_deg = max(self._max_yaw_deg, abs(pose.yaw_deg))
        if self._frames % _SHAPE_EVERY == 1:
            self._shape.add(pose_free_shape(face.landmarks)[list(BONY)])

    def evidence(self) -> Evidence:
        """The statement on all judgeable frames so far."""
        span_ms = (self._first_ms or 0, self._last_ms)
        if self._planar.count >= _MIN_FLAT_FRAMES and self._planar.residual <= _FLAT_RESIDUAL:
            signs = (Sign.PLANAR_MOTION,)
            return Evidence(self.name, _HARD_SCORE, _HARD_CONFIDENCE, span_ms, signs)
        if self._shape.count < _MIN_SHAPES:
            return Evidence(self.name, 0.5, 0.0, span_ms)
        confidence = 0.3 + 0.6 * ramp(self._shape.count, _MIN_SHAPES, _FULL_SHAPES)
        value = score(self.constancy(), calm=-0.2, neutral=0.16, clear=0.6, ceiling=0.64)
        value = max(value, _JUMP_SCORES[min(self._jumps, 2)])
        sign = (Sign.GEOMETRY,) if value > 0.5 else ()
        return Evidence(self.name, value, confidence, span_ms, sign)

    def constancy(self) -> float:
        """How much less the bones' proportions vary than those of a head with as much motion.

        A fitted mesh always depends on the pose a little: proportions seem to vary as the head moves,
        and most with the deviation of its pitch. Rendered faces vary less. In log
        units; bona fide recordings (n = 137): median 0.05, 90% below 0.27, 98% below 0.39.
        """
        yaw, pitch, roll = (math.log(float(value) + 0.01) for value in self._pose.deviation())
        usual = -5.395 + 0.06 * yaw + 0.341 * pitch + 0.11 * roll + 0.0032 * self._max_yaw_deg
        return usual - math.log(float(self._shape.deviation().mean()) + 1e-9)


def _jumped(before: Face, after: Face) -> bool:
    """Whether no head can have moved like that within a tenth of a second."""
    (x0, y0), (x1, y1) = before.centre_xy, after.centre_xy
    moved = math.hypot(x1 - x0, y1 - y0) / max(before.width_px, 1.0)
    turned = abs(after.pose.yaw_deg - before.pose.yaw_deg)
    return moved > _JUMP_WIDTHS or turned > _JUMP_DEG
