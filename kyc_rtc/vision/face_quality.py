"""Whether the face in a frame can be judged, and which complaints have lasted long enough to tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage, ImageQuality, measure_image, measure_scene
from kyc_rtc.vision.light import LightThresholds, face_light_issue, scene_light_issue
from kyc_rtc.vision.observation import Face, FaceObservation
from kyc_rtc.vision.occlusion import OcclusionThresholds, covered_parts
from kyc_rtc.vision.quality import FaceQuality, QualityIssue

_CORE_X = (0.15, 0.85)
"""Of the mesh's width: skin rather than background and hair."""

_BROW, _BELOW_LIPS = 9, 17
"""Mesh points: top and bottom of the core."""

_SHARPNESS_WIDTH_PX = 96
"""The face's width when sharpness is measured, so that size does not count as sharpness."""


@dataclass(frozen=True, slots=True)
class QualityThresholds:
    """Limits of a usable face, from 1,732 frames of 137 bona fide recordings ("seen") and from
    blurred and shrunken copies of them.
    """

    # Fine over middle detail of the face at a fixed width: seen above 0.56 in 99%; a Gaussian blur
    # of 2% of the face's width leaves 0.37, of 1% (a soft lens) 0.62.
    min_sharpness: float = 0.5
    # Width of the face in pixels: below it, neither blinks nor texture can be measured.
    min_face_px: float = 64.0
    # Width of the face over the shorter side: seen 0.19 to 0.75.
    min_face_fraction: float = 0.15
    max_face_fraction: float = 0.85
    # Distance of the face's centre from the middle, of the picture's side: seen below 0.3 in 98%;
    # beyond, a turn or a nod takes the face out of the picture.
    max_off_centre: float = 0.32
    # Share of the mesh's width or height outside the picture: seen below 0.01 in 99.5%.
    max_overhang: float = 0.03
    # A second face narrower than this share of the first is a poster or a passer-by.
    min_second_face: float = 0.35
    # Roll of the head in degrees: seen up to 40 (7,867 frames of 138 recordings); beyond 45
    # the picture, or the head, lies on its side.
    max_roll_deg: float = 45.0
    light: LightThresholds = field(default_factory=LightThresholds)
    occlusion: OcclusionThresholds = field(default_factory=OcclusionThresholds)


def assess_face(
    observation: FaceObservation,
    image_bgr: BgrImage,
    *,
    luma: NDArray[np.uint8] | None = None,
    thresholds: QualityThresholds | None = None,
) -> FaceQuality:
    """Judge the largest face of a frame. `image_bgr` has shape (height, width, 3), dtype uint8.

    `luma`, (height, width) uint8, saves a conversion where the caller has it.
    """
    limits = thresholds or QualityThresholds()
    grey = luma if luma is not None else _grey(image_bgr)
    face = observation.face
    if face is None:
        light = scene_light_issue(measure_scene(grey), limits.light)
        return FaceQuality((QualityIssue.NO_FACE,), None, 0.0).also([light] if light else [])
    image = measure_face(grey, face)
    fraction = face.width_px / min(observation.image_size)
    found = _place_issues(observation, face, limits) | _size_issues(face, fraction, limits)
    if image is not None:
        found |= _picture_issues(image, grey, limits)
    if covered_parts(image_bgr, face, limits.occlusion):
        found.add(QualityIssue.OCCLUDED)
    return FaceQuality((), image, fraction).also(found)


def _grey(image_bgr: BgrImage) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), np.uint8)


def measure_face(luma: NDArray[np.uint8], face: Face) -> ImageQuality | None:
    """Of the face from brow to chin, in a grey picture (height, width); None where it lies outside."""
    height, width = luma.shape
    left = max(int(face.box_xyxy[0] + _CORE_X[0] * face.width_px), 0)
    right = min(int(face.box_xyxy[0] + _CORE_X[1] * face.width_px), width)
    top = max(int(face.landmarks[_BROW, 1]), 0)
    bottom = min(int(face.landmarks[_BELOW_LIPS, 1]), height)
    if right - left < 8 or bottom - top < 8:
        return None
    width_px = max(round(_SHARPNESS_WIDTH_PX * (right - left) / face.width_px), 8)
    return measure_image(luma[top:bottom, left:right], sharpness_width_px=width_px)


def _picture_issues(
    image: ImageQuality, luma: NDArray[np.uint8], limits: QualityThresholds
) -> set[QualityIssue]:
    blurred = image.sharpness < limits.min_sharpness
    light = face_light_issue(image, measure_scene(luma), limits.light)
    return {issue for issue in (light, QualityIssue.BLURRED if blurred else None) if issue}


def _size_issues(face: Face, fraction: float, limits: QualityThresholds) -> set[QualityIssue]:
    if face.width_px < limits.min_face_px or fraction < limits.min_face_fraction:
        return {QualityIssue.FACE_TOO_SMALL}
    return {QualityIssue.FACE_TOO_LARGE} if fraction > limits.max_face_fraction else set()


def _place_issues(
    observation: FaceObservation, face: Face, limits: QualityThresholds
) -> set[QualityIssue]:
    found = set()
    if abs(face.pose.roll_deg) > limits.max_roll_deg:
        found.add(QualityIssue.NOT_UPRIGHT)
    width, height = observation.image_size
    x, y = face.centre_xy
    if max(abs(x / width - 0.5), abs(y / height - 0.5)) > limits.max_off_centre:
        found.add(QualityIssue.OFF_CENTRE)
    left, top, right, bottom = face.box_xyxy
    across = max(-left, right - width) / max(face.width_px, 1.0)
    down = max(-top, bottom - height) / max(face.height_px, 1.0)
    if max(across, down) > limits.max_overhang:
        found.add(QualityIssue.CUT_OFF)
    if any(f.width_px >= limits.min_second_face * face.width_px for f in observation.faces[1:]):
        found.add(QualityIssue.SEVERAL_FACES)
    return found


class QualityGate:
    """Lets an issue through once it has lasted, and drops it once it has been gone, `hold_ms`."""

    def __init__(self, hold_ms: int = 300) -> None:
        self._hold_ms = hold_ms
        self._stable: set[QualityIssue] = set()
        self._changing_since_ms: dict[QualityIssue, int] = {}

    def update(self, quality: FaceQuality, captured_at_ms: int) -> tuple[QualityIssue, ...]:
        """The issues that hold at this media time, worst first.

        Media time that goes back (a restarted camera) begins every wait anew.
        """
        now = set(quality.issues)
        for issue in QualityIssue:
            if (issue in now) == (issue in self._stable):
                self._changing_since_ms.pop(issue, None)
                continue
            since_ms = self._changing_since_ms.setdefault(issue, captured_at_ms)
            if captured_at_ms < since_ms:
                self._changing_since_ms[issue] = captured_at_ms
            elif captured_at_ms - since_ms >= self._hold_ms:
                self._stable ^= {issue}
                del self._changing_since_ms[issue]
        return tuple(issue for issue in QualityIssue if issue in self._stable)
