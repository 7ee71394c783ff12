"""A head of known depth before a camera of known lens, drawn from one picture of a face.

The picture's own mesh is the head: each triangle is projected by a pinhole, and takes its skin from the
picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from kyc_rtc.detection.mean_face import MEAN_FACE
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL, Floats, pose_free_shape
from kyc_rtc.vision.observation import Face

SIZE = (640, 480)
SPAN_CM = 9.0
"""Between the outer corners of an adult's eyes: 8.5 to 9.5."""

_FINER = 2  # drawn so much larger than it is shown, against steps along the edges
_SUBPIXEL_BITS = 4
_NOSE_TIP = 1
_NOISE = 2.0


@dataclass(frozen=True, slots=True)
class Head:
    """`picture` (height, width, 3) uint8; `skin_px`: (468, 2), where the mesh lies in it; `shape`: (468, 3),
    in eye spans, as the head stands before the camera, z away from it."""

    picture: BgrImage
    skin_px: Floats
    shape: Floats


def head_of(picture: BgrImage, face: Face) -> Head:
    """The head in a picture, with the depth that the mesh gives it."""
    shape = pose_free_shape(face.landmarks)[:468]
    return Head(picture, np.asarray(face.landmarks[:468, :2], np.float64), shape)


def depth_of(shape: Floats) -> float:
    """From the tip of the nose to the outline, in widths of the head."""
    outline = shape[list(FACE_OVAL)]
    return float((np.median(outline[:, 2]) - shape[_NOSE_TIP, 2]) / np.ptp(outline[:, 0]))


def photographed(
    head: Head, distance_cm: float, focal_px: float, chance: np.random.Generator
) -> BgrImage:
    """The head at this distance, with a noisy sensor: (480, 640, 3) uint8."""
    return _noisy(_drawn(head, distance_cm, focal_px), chance)


def enlarged(picture: BgrImage, ratio: float, chance: np.random.Generator) -> BgrImage:
    """A flat picture that is so much nearer: it grows about its middle."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.0, ratio)
    mode = cv2.BORDER_REFLECT
    grown = cv2.warpAffine(picture, matrix, (width, height), borderMode=mode)
    return _noisy(np.asarray(grown, np.uint8), chance)


def _noisy(picture: BgrImage, chance: np.random.Generator) -> BgrImage:
    noise = chance.normal(0.0, _NOISE, picture.shape)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


def _drawn(head: Head, distance_cm: float, focal_px: float) -> BgrImage:
    background = cv2.GaussianBlur(cv2.resize(head.picture, SIZE), (0, 0), 6)
    canvas = cv2.resize(background, None, fx=_FINER, fy=_FINER)
    away = distance_cm / SPAN_CM + head.shape[:, 2:]
    at_px = _FINER * (focal_px * head.shape[:, :2] / away + np.array(SIZE) / 2)
    triangles = Delaunay(np.array(MEAN_FACE, np.float64)).simplices
    corners = head.shape[triangles]
    for number in np.argsort(-corners[:, :, 2].mean(axis=1)).tolist():
        triangle = triangles[number]
        source, target = head.skin_px[triangle], at_px[triangle]
        if _area(source) * _area(target) > 0:
            _fill(canvas, head.picture, source, target)
    return np.asarray(cv2.resize(canvas, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def _area(corners: Floats) -> float:
    (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
    return float(ax * by - ay * bx)


def _fill(canvas: NDArray[np.generic], picture: BgrImage, source: Floats, target: Floats) -> None:
    """Draw one triangle of the picture, `source` (3, 2), at `target` (3, 2) on the canvas."""
    height, width = canvas.shape[:2]
    low = np.maximum(np.floor(target.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(target.max(axis=0)).astype(int) + 2, (width, height))
    if (high <= low).any():
        return
    matrix = cv2.getAffineTransform(source.astype(np.float32), (target - low).astype(np.float32))
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    mode = cv2.BORDER_REPLICATE
    skin = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=mode)
    mask = np.zeros(size[::-1], np.uint8)
    fixed_point = np.round((target - low) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed_point, (1,), cv2.LINE_8, _SUBPIXEL_BITS)
    canvas[low[1] : high[1], low[0] : high[0]][mask > 0] = skin[mask > 0]
