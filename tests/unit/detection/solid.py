"""A textured face of known depth before a pinhole: pictures and meshes at any distance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.mean_face import MEAN_FACE
from kyc_rtc.detection.perspective import LENS
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face, HeadPose

WIDTH, HEIGHT = 640, 480
FOCAL_PX = LENS * WIDTH
AT_FIRST = 6.0
"""Distance in eye spans: 54 cm."""

Floats = NDArray[np.float64]
_STEPS = 12  # of the fixed point: a pixel's place on the face depends on its depth there


def depth_at(x: Floats, y: Floats) -> Floats:
    """Behind the eyes, in eye spans, at places in eye spans from between them: a bowl with a nose."""
    nose = np.exp(-((x / 0.18) ** 2) - ((y - 0.25) / 0.25) ** 2)
    return np.asarray(0.8 * x**2 + 0.2 * (y - 0.1) ** 2 - 0.2 - 0.3 * nose)


def picture(distance: float, *, depth: float = 1.0, shift_px: float = 0.0) -> BgrImage:
    """The face from this distance, `depth` times as deep, in grey: (480, 640) uint8. At `depth` 0 it is a
    photograph."""
    column, row = np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float))
    across, down = column - WIDTH / 2 - shift_px, row - HEIGHT / 2
    away = np.full_like(column, distance)
    for _ in range(_STEPS):
        x, y = across * away / FOCAL_PX, down * away / FOCAL_PX
        away = distance + depth * depth_at(np.clip(x, -1.2, 1.2), np.clip(y, -1.2, 1.6))
    place = [(at * 260 + size).astype(np.float32) for at, size in ((x, 400), (y, 400))]
    seen = cv2.remap(_SKIN, place[0], place[1], cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    noise = np.random.default_rng(round(100 * distance)).normal(0, 1.5, seen.shape)
    return np.clip(np.round(cv2.GaussianBlur(seen, (0, 0), 0.8) + noise), 0, 255).astype(np.uint8)


def face(distance: float, *, depth: float = 1.0, yaw_deg: float = 0.0) -> Face:
    """The mesh of the face, with the depth of a head: a photograph's mesh has it, too."""
    xy = np.array(MEAN_FACE, np.float64) / 1000.0
    z = depth_at(xy[:, 0], xy[:, 1])
    size = FOCAL_PX / (distance + depth * z)
    points = np.zeros((478, 3), np.float32)
    points[:468, :2] = xy * size[:, None] + (WIDTH / 2, HEIGHT / 2)
    points[:468, 2] = z * FOCAL_PX / distance
    points[468:] = points[:10]
    (left, top), (right, bottom) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    box = (float(left), float(top), float(right), float(bottom))
    return Face(points, {}, HeadPose(yaw_deg, 0.0, 0.0), box)


def _skin() -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    coarse = cv2.resize(rng.normal(size=(80, 80)), (800, 800), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.normal(size=(800, 800)), (0, 0), 2.5)
    return np.asarray(120 + 25 * coarse + 90 * fine, np.float32)


_SKIN = _skin()
