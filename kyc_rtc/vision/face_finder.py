"""A second look for a face that the observer misses: turned, far away, or partly outside.

The landmark model wants a face that is nearly upright and large. The detector inside it is cheaper, and
is asked here for the four orientations of a picture, and for parts of it. It was trained on upright
faces: the way in which it is surest, and sees eyes above a mouth, is upright. Bazarevsky et al.,
"BlazeFace: sub-millisecond neural face detection on mobile GPUs", arXiv 1907.05047, 2019.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from kyc_rtc.errors import ModelError
from kyc_rtc.frames import BgrImage
from kyc_rtc.frames.orientation import turn_quarters

_SIDE_PX = 256
"""The detector reduces what it sees to 128 pixels; turning small pictures is cheap."""

_MIN_SIDE_PX = 64
"""Smaller pictures have no parts worth a look."""

SURE = 0.85
"""The score from which a face is taken to stand upright. Of 134 bona fide recordings
(`training/orientation.py`), 95% have 0.89 and more; of as many faces of which the lower edge leaves the
upper half, which looks like a whole one upside down, one has it."""

_MIN_SCORE = 0.5
_MAX_TILT_DEG = 40.0
"""Between the eyes and the horizon, and between the face's middle line and the vertical. Of 33 people,
upright faces reach 21; pictures on their side that pass for faces have 50 to 90 in four of five."""

_PARTS = tuple((x, y) for y in (0.0, 0.25) for x in (0.25, 0.0, 0.5))
"""Left and top of the parts that are searched for small faces, each half as wide and as high as the
picture: its upper three quarters, the middle first."""

_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A face that the detector sees. `score` 0 to 1; `width_fraction`: of the face's box over the
    shorter side of the picture; `overhang`: the share of the box that lies outside the picture."""

    score: float
    width_fraction: float
    overhang: float


@dataclass(frozen=True, slots=True)
class Look:
    """What a second look gave: the surest face for each number of quarter turns anticlockwise, after
    which it stands upright; and one that is too small for the whole picture, if it was searched for."""

    turned: tuple[Glimpse | None, Glimpse | None, Glimpse | None, Glimpse | None]
    far: Glimpse | None = None


class FaceFinder(Protocol):
    """Looks at single pictures, whatever came before."""

    def look(self, image_bgr: BgrImage, *, far: bool) -> Look:
        """Look at a picture, shape (height, width, 3), uint8; with `far`, also for small faces."""


class MediaPipeFinder:
    """A `FaceFinder` on the detector in the landmark model's file. Each look opens and closes it
    (6 ms), so that nothing is held between looks, which are rare; then 0.9 ms for each of 4 to 10
    pictures.

    Raises:
        ModelError: there is no detector in the file at `model_path`.
    """

    def __init__(self, model_path: Path) -> None:
        self._options = vision.FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=_detector_in(model_path)),
            running_mode=vision.RunningMode.IMAGE,
            min_detection_confidence=_MIN_SCORE,
        )

    def look(self, image_bgr: BgrImage, *, far: bool) -> Look:
        small = _within(image_bgr, _SIDE_PX)
        with vision.FaceDetector.create_from_options(self._options) as detector:
            ways = [_surest(detector, turn_quarters(small, turns)) for turns in range(4)]
            looked = Look((ways[0], ways[1], ways[2], ways[3]))
            if not far or ways[0] or any(way and way.score >= SURE for way in ways):
                return looked
            return Look(looked.turned, _in_parts(detector, image_bgr))


@cache
def _detector_in(model_path: Path) -> bytes:
    try:
        with zipfile.ZipFile(model_path) as bundle:
            return bundle.read("face_detector.tflite")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{model_path} holds no face detector: {error}",
            hint="fetch it with `python -m kyc_rtc models fetch`",
        ) from error


def _within(image_bgr: BgrImage, side_px: int) -> BgrImage:
    scale = side_px / max(image_bgr.shape[:2])
    if scale >= 1:
        return image_bgr
    size = max(round(image_bgr.shape[1] * scale), 1), max(round(image_bgr.shape[0] * scale), 1)
    return np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def _surest(detector: Any, image_bgr: BgrImage) -> Glimpse | None:
    image_rgb = np.ascontiguousarray(image_bgr[:, :, ::-1])
    found = detector.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=image_rgb))
    height, width = image_bgr.shape[:2]
    glimpses = [
        _glimpse(detection, width, height)
        for detection in found.detections
        if _stands([(point.x * width, point.y * height) for point in detection.keypoints])
    ]
    return max(glimpses, key=lambda glimpse: glimpse.score, default=None)


def _stands(points: list[tuple[float, float]]) -> bool:
    """Whether the eyes are level, and the mouth is below them."""
    right, left, mouth = (np.array(points[at]) for at in (_RIGHT_EYE, _LEFT_EYE, _MOUTH))
    across, down = left - right, mouth - (left + right) / 2
    tilts = np.degrees([np.arctan2(across[1], across[0]), np.arctan2(-down[0], down[1])])
    return bool(np.abs(tilts).max() < _MAX_TILT_DEG)


def _glimpse(detection: Any, width: int, height: int) -> Glimpse:
    box = detection.bounding_box
    seen_x = min(box.origin_x + box.width, width) - max(box.origin_x, 0)
    seen_y = min(box.origin_y + box.height, height) - max(box.origin_y, 0)
    seen = max(seen_x, 0) * max(seen_y, 0) / max(box.width * box.height, 1)
    score = float(detection.categories[0].score)
    return Glimpse(score, box.width / min(width, height), 1 - seen)


def _in_parts(detector: Any, image_bgr: BgrImage) -> Glimpse | None:
    found = (_surest(detector, part) for part in _parts(image_bgr))
    glimpse = next((glimpse for glimpse in found if glimpse is not None), None)
    if glimpse is None:
        return None
    return Glimpse(glimpse.score, glimpse.width_fraction / 2, 0.0)


def _parts(image_bgr: BgrImage) -> Iterator[BgrImage]:
    height, width = image_bgr.shape[:2]
    if min(height, width) < _MIN_SIDE_PX:
        return
    for x, y in _PARTS:
        left, top = int(x * width), int(y * height)
        yield _within(image_bgr[top : top + height // 2, left : left + width // 2], _SIDE_PX)
