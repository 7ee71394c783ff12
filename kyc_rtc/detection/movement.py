"""How the mesh of a face moves from one tenth of a second to the next: jitter, smoothness, rigidity.

A net that draws a face frame by frame gives it a jitter of its own; an animated photograph moves
smoother than muscles do; a swapped inner face follows its contour with small errors.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.moments import Ledger, Moment
from kyc_rtc.vision.geometry import (
    BONY,
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    NOSE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
    Similarity,
    fit_similarity,
    pose_free_shape,
)
from kyc_rtc.vision.observation import Blendshape, Face

STEP_MS = 90
_MAX_STEP_MS = 260
_UNEVEN = 1.7

_REGIONS = {
    "bony": BONY,
    "nose": NOSE,
    "eyes": (*RIGHT_EYE, *LEFT_EYE),
    "irises": (*RIGHT_IRIS, *LEFT_IRIS),
    "brows": (*RIGHT_BROW, *LEFT_BROW),
    "lips": OUTER_LIPS,
    "contour": FACE_OVAL,
}
_INNER = (*NOSE, *RIGHT_EYE, *LEFT_EYE, *RIGHT_BROW, *LEFT_BROW)
_SHAPES = (
    Blendshape.EYE_BLINK_LEFT,
    Blendshape.JAW_OPEN,
    Blendshape.MOUTH_SMILE_LEFT,
    Blendshape.BROW_INNER_UP,
    Blendshape.EYE_SQUINT_LEFT,
    Blendshape.MOUTH_PUCKER,
    Blendshape.EYE_LOOK_DOWN_LEFT,
)
_AXES = ("yaw", "pitch", "roll")

MOVEMENT_NAMES = (
    *(f"{kind}_{region}" for kind in ("jitter", "rough", "spread") for region in _REGIONS),
    "jitter_contour_on_inner",
    "jitter_place",
    *(f"{kind}_{axis}" for kind in ("rough", "speed", "range") for axis in _AXES),
    *(f"{kind}_{shape.value}" for kind in ("rough", "range") for shape in _SHAPES),
    "blink_asymmetry",
    "shape_spread",
)

Points = NDArray[np.float64]


class MovementMeter:
    """Takes a face about every tenth of a second, whatever the frame rate, and gives features of motion."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._reference: Points | None = None
        self._recent: deque[tuple[int, dict[str, Points], Points, Points]] = deque(maxlen=3)

    def update(self, now_ms: int, face: Face, moments: tuple[Moment, ...]) -> None:
        """Take a face into account; one that follows the last too soon is ignored."""
        if self._recent and 0 <= now_ms - self._recent[-1][0] < STEP_MS:
            return
        points = np.asarray(face.landmarks[:, :2], np.float64)
        if self._reference is None:
            eyes_px = float(np.linalg.norm(points[33] - points[263]))
            self._reference = (points - points.mean(axis=0)) / max(eyes_px, 1e-6)
        aligned = self._aligned(points)
        pose = np.array([face.pose.yaw_deg, face.pose.pitch_deg, face.pose.roll_deg])
        shapes = np.array([face.blendshapes.get(shape, 0.0) for shape in _SHAPES])
        self._recent.append((now_ms, aligned, pose, shapes))
        self._enter_state(face, aligned, pose, shapes, moments)
        if len(self._recent) == 3 and _even(*(entry[0] for entry in self._recent)):
            self._enter_change(moments)

    def _aligned(self, points: Points) -> dict[str, Points]:
        """Each region fitted onto the reference by itself; and the contour, fitted by the inner face."""
        reference = self._reference
        if reference is None:
            raise RuntimeError("the reference is taken before anything is aligned to it")
        aligned = {}
        for name, region in _REGIONS.items():
            indices = list(region)
            aligned[name] = fit_similarity(points[indices], reference[indices]).apply(
                points[indices]
            )
        inner: Similarity = fit_similarity(points[list(_INNER)], reference[list(_INNER)])
        aligned["contour_on_inner"] = inner.apply(points[list(FACE_OVAL)])
        size = 1 / max(inner.scale, 1e-9)
        aligned["place"] = points[list(BONY)].mean(axis=0)[None] / size
        return aligned

    def _enter_state(
        self,
        face: Face,
        aligned: dict[str, Points],
        pose: Points,
        shapes: Points,
        moments: tuple[Moment, ...],
    ) -> None:
        ledger, reference = self._ledger, self._reference
        if reference is None:
            return
        for name, region in _REGIONS.items():
            ledger.add(
                f"spread_{name}", _mean_norm(aligned[name] - reference[list(region)]), moments
            )
        for name, value in zip((*_AXES, *_SHAPES), (*pose, *shapes), strict=True):
            ledger.add(f"state_{name}", float(value), moments)
        both = (Blendshape.EYE_BLINK_LEFT, Blendshape.EYE_BLINK_RIGHT)
        left, right = (face.blendshapes.get(shape, 0.0) for shape in both)
        ledger.add("blink_asymmetry", abs(left - right), moments)
        shape = pose_free_shape(face.landmarks)[list(BONY)]
        for number, value in enumerate(shape[::3].ravel()):
            ledger.add(f"shape_{number}", float(value), (Moment.ALWAYS,))

    def _enter_change(self, moments: tuple[Moment, ...]) -> None:
        (_, first, pose0, shapes0), (_, middle, pose1, shapes1), (_, last, pose2, shapes2) = (
            self._recent
        )
        for name in first:
            bend = _mean_norm(last[name] - 2 * middle[name] + first[name])
            step = _mean_norm(last[name] - middle[name])
            self._ledger.add(f"jitter_{name}", math.log(bend + 1e-5), moments)
            self._ledger.add(f"step_{name}", step, moments)
            self._ledger.add(f"bend_{name}", bend, moments)
        bends = np.abs(np.concatenate([pose2 - 2 * pose1 + pose0, shapes2 - 2 * shapes1 + shapes0]))
        steps = np.abs(np.concatenate([pose2 - pose1, shapes2 - shapes1]))
        for name, bend, step in zip((*_AXES, *_SHAPES), bends, steps, strict=True):
            self._ledger.add(f"bend_{name}", float(bend), moments)
            self._ledger.add(f"step_{name}", float(step), moments)

    def values(self) -> dict[str, float]:
        """The features of `MOVEMENT_NAMES`; NaN where too little was seen."""
        found = dict.fromkeys(MOVEMENT_NAMES, math.nan)
        for region in _REGIONS:
            found[f"jitter_{region}"] = self._ledger.median(f"jitter_{region}")
            found[f"rough_{region}"] = self._rough(region, 1e-5)
            found[f"spread_{region}"] = _log(self._ledger.mean(f"spread_{region}"), 1e-5)
        for name in ("contour_on_inner", "place"):
            found[f"jitter_{name}"] = self._ledger.median(f"jitter_{name}")
        for axis in _AXES:
            found[f"rough_{axis}"] = self._rough(axis, 3e-3)
            found[f"speed_{axis}"] = _log(self._ledger.mean(f"step_{axis}"), 3e-3)
            found[f"range_{axis}"] = _log(self._ledger.deviation(f"state_{axis}"), 1e-2)
        for shape in _SHAPES:
            found[f"rough_{shape.value}"] = self._rough(shape, 1e-4)
            found[f"range_{shape.value}"] = self._ledger.deviation(f"state_{shape}")
        found["blink_asymmetry"] = self._ledger.mean("blink_asymmetry")
        spreads = [self._ledger.deviation(f"shape_{n}") for n in range(3 * len(BONY[::3]))]
        found["shape_spread"] = _log(float(np.mean(spreads)), 1e-5)
        return found

    def _rough(self, name: str, floor: float) -> float:
        """How much of a movement is change of direction, in log units."""
        bend, step = self._ledger.mean(f"bend_{name}"), self._ledger.mean(f"step_{name}")
        return _log(bend, floor) - _log(step, floor)


def _even(first_ms: int, middle_ms: int, last_ms: int) -> bool:
    steps = (middle_ms - first_ms, last_ms - middle_ms)
    return min(steps) > 0 and max(steps) <= min(_MAX_STEP_MS, _UNEVEN * min(steps))


def _mean_norm(points: Points) -> float:
    return float(np.sqrt((points**2).sum(axis=1)).mean())


def _log(value: float, floor: float) -> float:
    return math.log(value + floor) if value >= 0 else math.nan
