"""Signs of life: motion of eyelids, eyes and mouth that no motion of a flat picture explains.

A photograph may be carried, tilted, bent and zoomed: its landmarks then follow an affine map (what a
plane does before a camera, but for perspective), and what the observer gets wrong at a tilt follows
from that map too. So each frame's mesh is mapped back onto a reference, the rest is freed of all that
depends linearly on the map, and what is left, smoothed, is life or noise.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.vision.geometry import BONY, LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from kyc_rtc.vision.observation import Landmarks

_FIT = BONY
_LIDS = (160, 159, 158, 144, 145, 153, 387, 386, 385, 373, 374, 380)
_LIPS = (61, 291, 0, 17, 13, 14, 78, 308, 82, 87, 312, 317)
_IRISES = (*RIGHT_IRIS, *LEFT_IRIS)
_EYE_CORNERS = (RIGHT_EYE[0], LEFT_EYE[0])

_STILL = {_LIDS: 2.3e-3, _IRISES: 2.8e-3, _LIPS: 4.5e-3}
"""Deviation in distances of the outer eye corners that noise and a moved photograph reach.

Over this, after `_noisiness`: photographs held, carried, tilted, bent and zoomed (70 clips through VP8
at 600 and 250 kbit/s) stay within 1.49 in every window; bona fide recordings are above 1.24 in every
full window (n = 58), and 95% exceed 2.0 in some window.
"""

_EYES_PX, _SMOOTHED = 75.0, 5
"""Distance of the outer eye corners, and frames within the smoothing, from which on that holds."""

_WINDOW_MS = 8_000
_MIN_SPAN_MS = 2_000
_MIN_STEP_MS = 30
_MAX_GAP_MS = 1_000
_SMOOTHING_MS = 200
_MIN_SAMPLES = 28


@dataclass(frozen=True, slots=True)
class _Sample:
    captured_at_ms: int
    eyes_px: float
    map: NDArray[np.float64]
    rest: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Reference:
    """The mesh that others are mapped onto: centred, in distances of the outer eye corners."""

    mesh: NDArray[np.float64]
    solver: NDArray[np.float64]

    @classmethod
    def of(cls, points: NDArray[np.float64]) -> _Reference:
        right, left = points[list(_EYE_CORNERS)]
        mesh = (points - points.mean(axis=0)) / max(float(np.linalg.norm(right - left)), 1e-6)
        fit = mesh[list(_FIT)]
        return cls(mesh, np.linalg.pinv(np.column_stack([fit, np.ones(len(fit))])))

    def compare(self, captured_at_ms: int, points: NDArray[np.float64]) -> _Sample:
        affine = self.solver @ points[list(_FIT)]
        moving = [index for group in _STILL for index in group]
        rest = (points[moving] - affine[2]) @ np.linalg.pinv(affine[:2]) - self.mesh[moving]
        eyes_px = float(np.sqrt(abs(np.linalg.det(affine[:2]))))
        return _Sample(captured_at_ms, eyes_px, affine.ravel(), rest.ravel())


@dataclass(frozen=True, slots=True)
class Life:
    """Unexplained motion over what a photograph shows.

    `at_least` allows for the noise of small faces and few frames, so that noise is not taken for
    life: above 1.75 alive. `at_most` does not, so that a calm face is not taken for a photograph:
    below 1 still.
    """

    at_least: float
    at_most: float


class LifeMeter:
    """Measures life over the latest 8 s of faces, fed in order of capture. Memory is bounded."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()
        self._reference: _Reference | None = None

    @property
    def span_ms(self) -> int:
        """Media time that the window covers."""
        if not self._samples:
            return 0
        return self._samples[-1].captured_at_ms - self._samples[0].captured_at_ms

    @property
    def full(self) -> bool:
        """Whether it covers the whole 8 s, but for a frame or two."""
        return self.span_ms >= _WINDOW_MS - 150

    def update(self, captured_at_ms: int, landmarks: Landmarks) -> None:
        """Take a face into account; a long gap or media time that goes back begins a new window."""
        if self._samples:
            step_ms = captured_at_ms - self._samples[-1].captured_at_ms
            if 0 <= step_ms < _MIN_STEP_MS:
                return
            if not 0 < step_ms <= _MAX_GAP_MS:
                self._samples.clear()
        points = np.asarray(landmarks[:, :2], np.float64)
        if self._reference is None or not self._samples:
            self._reference = _Reference.of(points)
        self._samples.append(self._reference.compare(captured_at_ms, points))
        while self.span_ms > _WINDOW_MS:
            self._samples.popleft()

    def life(self) -> Life | None:
        """Unexplained motion over what a photograph shows; None while the window is under 2 s."""
        if self.span_ms < _MIN_SPAN_MS or len(self._samples) < _MIN_SAMPLES:
            return None
        width = max(1, round(_SMOOTHING_MS * len(self._samples) / self.span_ms))
        maps = np.array([sample.map for sample in self._samples])
        maps -= maps.mean(axis=0)
        maps /= np.maximum(maps.std(axis=0), 1e-9)
        explaining = np.column_stack([np.ones(len(maps)), maps])
        basis, _ = np.linalg.qr(_smoothed(explaining, width))
        rest = _smoothed(np.array([sample.rest for sample in self._samples]), width)
        rest -= basis @ (basis.T @ rest)
        eyes_px = float(np.mean([sample.eyes_px for sample in self._samples]))
        found = _ratio(rest)
        return Life(found / _noisiness(eyes_px, width), found)


def _noisiness(eyes_px: float, width: int) -> float:
    """How much noisier the mesh is than in the pictures that `_STILL` was measured on.

    The landmark model sees each face at one size, so that its noise is neither one of pixels nor the same
    share of every face: between the two, it grows with the root of how small the face is. Of the powers
    0, 1/4, 0.35, 1/2, 3/4 and 1 the root is the least at which none of 43 photographs of 12 people, moved by
    hand and 60 to 120 px wide, counts as alive (`tests.small_faces`; docs/detection.md has the others). It
    shrinks with the root of how many frames are averaged.
    """
    smaller, fewer = _EYES_PX / max(eyes_px, 1.0), _SMOOTHED / width
    return float(np.sqrt(max(1.0, smaller) * max(1.0, fewer)))


def _ratio(rest: NDArray[np.float64]) -> float:
    """The liveliest group's deviation over what it shows when still."""
    ratios, start = [], 0
    for group, still in _STILL.items():
        stop = start + 2 * len(group)
        ratios.append(float(np.sqrt((rest[:, start:stop] ** 2).mean())) / still)
        start = stop
    return max(ratios)


def _smoothed(rows: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Mean of every `width` rows in succession, shape (len(rows) - width + 1, columns)."""
    sums = np.cumsum(np.vstack([np.zeros(rows.shape[1]), rows]), axis=0)
    return np.asarray((sums[width:] - sums[:-width]) / width)
