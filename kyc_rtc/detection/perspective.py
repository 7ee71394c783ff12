"""Perspective: how much the projection of a face changes with its distance, as its depth makes it.

A pinhole at distance D shows a point (x, y) of depth z behind the eyes at x / (D + z). Two looks at D1 and
D2, cut out so that the eyes agree, differ by x z (1/D1 - 1/D2): the nose grows, and what lies behind the
eyes shrinks, as the face comes nearer. A photograph has one depth, and only grows. What the flow of corners
between two looks shows is fitted by a projective camera, linear for small changes (Hartley and Zisserman,
Multiple View Geometry, 2004, 6.3): moves, turns and tilts, of a head or of a photograph, are the other terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.mean_face import MEAN_FACE
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import (
    FACE_OVAL,
    LEFT_EYE,
    RIGHT_EYE,
    Floats,
    aligned_crop,
    alignment,
    eye_span_px,
    pose_free_shape,
)
from kyc_rtc.vision.observation import Face, HeadPose

VIEW_PX, VIEW_EYES = 224, 0.3
"""Side of the crop, and the distance of the eyes' centres in shares of it."""

LENS = 0.85
"""Focal length over the longer side of the picture, where it is not known: 61 degrees across. Webcams and
front cameras have 55 to 80 degrees, 0.96 to 0.6."""

_BELOW = 0.5
"""In eye spans below the eyes: lips and jaw move by themselves."""

_AWAY = 0.06
_MAX_CORNERS, _MIN_CORNERS, _APART_PX = 140, 25, 5
_NEIGHBOURS = 4
_FORTH_AND_BACK_PX = 1.0
_WINDOW = (13, 13)
_ROUNDS, _TUKEY = 4, 4.0


def _steady_points() -> NDArray[np.intp]:
    """Landmarks whose skin moves little by itself, and that are not on the outline: numbers, ascending."""
    xy = np.array(MEAN_FACE) / 1000.0
    eyes = xy[[*RIGHT_EYE, *LEFT_EYE]]
    from_eyes = np.linalg.norm(xy[:, None] - eyes[None], axis=2).min(axis=1)
    steady = (xy[:, 1] < _BELOW) & (from_eyes > _AWAY)
    steady[list(FACE_OVAL)] = False
    return np.flatnonzero(steady)


_STEADY = _steady_points()


@dataclass(frozen=True, slots=True)
class Look:
    """A face at one distance.

    `view`: (224, 224) uint8, by `aligned_crop`. `mesh_px`: (468, 2) in pixels of it. `depth`: (468,), how far
    behind the eyes each landmark lies, in eye spans. `nearness`: eye span over the picture's longer side.
    `span_px`: the eye span in `view`.
    """

    view: BgrImage
    mesh_px: Floats
    depth: Floats
    nearness: float
    span_px: float
    pose: HeadPose


@dataclass(frozen=True, slots=True)
class Relief:
    """How the perspective changed between two looks, over the change of nearness.

    `change`: what was measured of 1/D2 - 1/D1, in eye spans, for a face of the depth that the mesh has;
    `error`: its standard error by the fit; `expected`: what a face of this depth shows behind a lens of
    `LENS`. `change / expected` is 1 for a head, and 0 for a photograph.
    """

    change: float
    error: float
    expected: float
    points: int


def look_at(luma: BgrImage, face: Face) -> Look:
    """Cut out what two looks are compared by; `luma` has shape (height, width)."""
    fit = alignment(face.landmarks, VIEW_PX, VIEW_EYES)
    span_px = eye_span_px(face.landmarks, face.pose)
    view = aligned_crop(luma, face.landmarks, VIEW_PX, eye_distance=VIEW_EYES)
    mesh_px = fit.apply(face.landmarks[:468, :2])
    depth = pose_free_shape(face.landmarks)[:468, 2]
    return Look(view, mesh_px, depth, span_px / max(luma.shape), span_px * fit.scale, face.pose)


def _corners(view: BgrImage, mesh_px: Floats) -> NDArray[np.float32]:
    """Corners of the steady skin, (n, 2)."""
    mask = np.zeros(view.shape, np.uint8)
    cv2.fillPoly(mask, [cv2.convexHull(np.round(mesh_px[_STEADY]).astype(np.int32))], 255)
    for eye in (RIGHT_EYE, LEFT_EYE):
        hull = cv2.convexHull(np.round(mesh_px[list(eye)]).astype(np.int32))
        cv2.fillPoly(mask, [hull], 0)
        cv2.polylines(mask, [hull], True, 0, 8)
    found = cv2.goodFeaturesToTrack(view, _MAX_CORNERS, 0.005, _APART_PX, mask=mask, blockSize=5)
    # OpenCV's stubs leave out that nothing is found in a plain picture.
    return np.zeros((0, 2), np.float32) if found is None else found[:, 0].astype(np.float32)


def _depth_at(corners_px: NDArray[np.float32], mesh_px: Floats, depth: Floats) -> Floats:
    """The mesh's depth (m,) at the corners (n, 2): the nearest landmarks', weighted by their distance."""
    squares = ((corners_px[:, None] - mesh_px[None]) ** 2).sum(axis=2)
    nearest = np.argpartition(squares, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    weight = 1.0 / (np.take_along_axis(squares, nearest, axis=1) + 1.0)
    return np.asarray((depth[nearest] * weight).sum(axis=1) / weight.sum(axis=1))


def compare(first: Look, second: Look, lens: float = LENS) -> Relief | None:
    """The change of perspective from `first` to `second`; None where too few corners can be followed.

    The flow of weak corners falls short of large moves: so it is taken again in `second` as it is when
    the first fit's affine part has been undone.
    """
    corners_px = _corners(first.view, first.mesh_px)
    if len(corners_px) < _MIN_CORNERS:
        return None
    depth = _depth_at(corners_px, first.mesh_px[_STEADY], first.depth[_STEADY])
    nearest = max(first.nearness, second.nearness) / lens
    rough = _seen(first, second.view, corners_px, depth, nearest)
    if rough is None:
        return None
    undone = _undone(second.view, rough.terms, _middle(corners_px), first.span_px)
    fit = _seen(first, undone, corners_px, depth, nearest)
    if fit is None:
        return None
    return Relief(fit.terms[-1], fit.error, (second.nearness - first.nearness) / lens, fit.corners)


def _middle(corners_px: NDArray[np.float32]) -> Floats:
    return np.asarray(corners_px.mean(axis=0), np.float64)


def _seen(
    first: Look, view: BgrImage, corners_px: NDArray[np.float32], depth: Floats, nearness: float
) -> _Fit | None:
    """What explains how the corners (n, 2) of `first`, of this depth (n,), went into `view`."""
    moved_px, kept = _followed(first.view, view, corners_px)
    if int(kept.sum()) < _MIN_CORNERS:
        return None
    at = (corners_px[kept] - _middle(corners_px)) / first.span_px
    return _fitted(at, depth[kept], nearness, moved_px[kept] / first.span_px)


def _undone(view: BgrImage, terms: Sequence[float], middle: Floats, span_px: float) -> BgrImage:
    """The second look's `view` without the affine part of the motion."""
    linear = np.eye(2) + np.array([[terms[1], terms[2]], [terms[5], terms[6]]])
    shift = middle + np.array([terms[0], terms[4]]) * span_px - linear @ middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mode = cv2.BORDER_REPLICATE
    matrix = np.column_stack([linear, shift])
    return np.asarray(
        cv2.warpAffine(view, matrix, view.shape, flags=flags, borderMode=mode), np.uint8
    )


def _followed(
    first: BgrImage, second: BgrImage, corners_px: NDArray[np.float32]
) -> tuple[Floats, NDArray[np.bool_]]:
    """How far each corner went, (n, 2) crop pixels, and which came back when followed back."""
    start = corners_px.reshape(-1, 1, 2)
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, start.copy(), winSize=_WINDOW, maxLevel=2
    )
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(
        second, first, there, there.copy(), winSize=_WINDOW, maxLevel=2
    )
    off_px = np.linalg.norm((back - start)[:, 0], axis=1)
    kept = (seen[:, 0] > 0) & (seen_back[:, 0] > 0) & (off_px < _FORTH_AND_BACK_PX)
    return np.asarray((there - start)[:, 0], np.float64), kept


@dataclass(frozen=True, slots=True)
class _Fit:
    """The terms, the last of which is the perspective, its standard error, and how many corners were used."""

    terms: tuple[float, ...]
    error: float
    corners: int


def _fitted(at: Floats, depth: Floats, nearness: float, moved: Floats) -> _Fit | None:
    """The terms that explain `moved` (n, 2) at `at` (n, 2) best, by Tukey's biweight; all in eye spans."""
    design = _design(at, depth / (1.0 + depth * nearness))
    target = np.concatenate([moved[:, 0], moved[:, 1]])
    weight = np.ones(len(at))
    for _ in range(_ROUNDS):
        weighted = design * np.concatenate([weight, weight])[:, None]
        try:
            inverse = np.linalg.inv(weighted.T @ design)
        except np.linalg.LinAlgError:
            return None
        terms = inverse @ (weighted.T @ target)
        left = (target - design @ terms).reshape(2, -1)
        away = np.hypot(left[0], left[1])
        spread = max(1.4826 * float(np.median(away)), 1e-5)
        weight = np.clip(1.0 - (away / (_TUKEY * spread)) ** 2, 0.0, None) ** 2
    used = float(weight.sum())
    if used < _MIN_CORNERS / 2:
        return None
    variance = float((weight * (left**2).sum(axis=0)).sum()) / (2 * used - design.shape[1])
    error = float(np.sqrt(variance * max(float(inverse[-1, -1]), 0.0)))
    return _Fit(tuple(terms.tolist()), error, round(used))


def _design(at: Floats, depth: Floats) -> Floats:
    """What each term moves, (2 n, 11), x above y: shift, affine map, turn of the depth; tilt; perspective."""
    x, y = at.T
    one, none = np.ones_like(x), np.zeros_like(x)
    across = [one, x, y, depth, none, none, none, none, x * x, x * y, -x * depth]
    down = [none, none, none, none, one, x, y, depth, x * y, y * y, -y * depth]
    return np.concatenate([np.stack(across, axis=1), np.stack(down, axis=1)])
