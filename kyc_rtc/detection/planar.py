"""Planar motion: whether a face that changes its aspect does so as a flat picture would.

Corners inside the face are followed with optical flow for up to 2.5 s. When the affine part of their
motion has squeezed the face clearly, one homography explains all of it for a photograph or a screen
(Hartley and Zisserman, Multiple View Geometry, 2004, 13.1); a head that turned leaves the nose and
cheeks off it.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL
from kyc_rtc.vision.observation import Face

_FACE_WIDTH_PX = 128.0
"""The picture is reduced until the face has this width, so that cost and noise do not vary."""

_MAX_CORNERS, _MIN_CORNERS = 80, 25
_OVAL = 0.92
_FOLLOW_MS, _MAX_GAP_MS = 2_500, 300
_MIN_SQUEEZE = 0.06
"""Log ratio of the affine map's singular values: what a flat picture shows at 20 degrees."""

_KEPT_SHARE = 80
"""Per cent of the corners that are kept: the rest slid, or lie on eyelids and lips."""

_KEPT_RESIDUALS = 300

Points = NDArray[np.float32]
"""Shape (n, 2), in pixels of the reduced picture."""


class PlanarMotion:
    """Collects how much of the face's motion a homography leaves unexplained, over its squeeze."""

    def __init__(self) -> None:
        self._residuals: deque[float] = deque(maxlen=_KEPT_RESIDUALS)
        self._picture: BgrImage | None = None
        self._start: Points = np.zeros((0, 2), np.float32)
        self._now: Points = self._start
        self._start_ms = 0
        self._now_ms = 0

    @property
    def count(self) -> int:
        """How many frames were squeezed enough to be measured, of the latest 300."""
        return len(self._residuals)

    @property
    def residual(self) -> float:
        """Median of what a homography leaves, over face size and squeeze; 1 where nothing was seen."""
        return median(self._residuals) if self._residuals else 1.0

    def update(self, captured_at_ms: int, luma: BgrImage, face: Face) -> None:
        """Follow the corners into this frame, `luma` of shape (height, width)."""
        if self._picture is None or not self._goes_on(captured_at_ms):
            self._begin(captured_at_ms, luma, face)
            return
        size = (self._picture.shape[1], self._picture.shape[0])
        picture = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        followed, found, _ = cv2.calcOpticalFlowPyrLK(
            self._picture, picture, self._now, self._now.copy(), winSize=(11, 11), maxLevel=2
        )
        kept = found[:, 0] > 0
        self._start, self._now = self._start[kept], np.asarray(followed[kept], np.float32)
        self._picture, self._now_ms = picture, captured_at_ms
        if len(self._now) < _MIN_CORNERS:
            self._picture = None
            return
        residual = unexplained(self._start, self._now)
        if residual is not None:
            self._residuals.append(residual)

    def _goes_on(self, captured_at_ms: int) -> bool:
        return (
            0 < captured_at_ms - self._now_ms <= _MAX_GAP_MS
            and captured_at_ms - self._start_ms <= _FOLLOW_MS
        )

    def _begin(self, captured_at_ms: int, luma: BgrImage, face: Face) -> None:
        scale = min(1.0, _FACE_WIDTH_PX / max(face.width_px, 1.0))
        picture = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        oval = face.landmarks[list(FACE_OVAL), :2] * scale
        centre = oval.mean(axis=0)
        mask = np.zeros(picture.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(centre + (oval - centre) * _OVAL).astype(np.int32)], 255)
        corners = cv2.goodFeaturesToTrack(picture, _MAX_CORNERS, 0.01, 4, mask=mask)
        self._picture = None
        # OpenCV's stubs leave out that nothing is found in a plain picture.
        if corners is not None and len(corners) >= _MIN_CORNERS:
            self._picture = np.asarray(picture, np.uint8)
            self._start = self._now = corners[:, 0].astype(np.float32)
            self._start_ms = self._now_ms = captured_at_ms


def unexplained(start: Points, now: Points) -> float | None:
    """What the best homography from `start` to `now` leaves, over the size of the face and its squeeze.

    Both of shape (n, 2). None where the face was not squeezed enough to tell.
    """
    affine_in = np.column_stack([start, np.ones(len(start))]).astype(np.float64)
    affine, *_ = np.linalg.lstsq(affine_in, now, rcond=None)
    error = np.linalg.norm(affine_in @ affine - now, axis=1)
    kept = error <= np.percentile(error, _KEPT_SHARE)
    affine, *_ = np.linalg.lstsq(affine_in[kept], now[kept], rcond=None)
    longer, shorter = np.linalg.svd(affine[:2], compute_uv=False)
    squeeze = float(np.log(longer / max(float(shorter), 1e-3)))
    if squeeze < _MIN_SQUEEZE:
        return None
    homography, _ = cv2.findHomography(start[kept], now[kept], 0)
    if homography is None:
        return None
    mapped = cv2.perspectiveTransform(start[kept][None], homography)[0]
    left = float(np.sqrt(((mapped - now[kept]) ** 2).sum(axis=1).mean()))
    size = float(np.linalg.norm(now[kept] - now[kept].mean(axis=0), axis=1).mean())
    return left / max(size, 1e-6) / squeeze
