"""The aligned crop that analysers of pixels share, and its regions: inner face and surround."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL, aligned_crop, alignment
from kyc_rtc.vision.observation import Landmarks

CROP_PX = 160
EYE_DISTANCE = 0.3
_INNER, _RING_FROM, _RING_TO = 0.8, 1.08, 1.35
"""Sizes of the regions as multiples of the face oval."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Masks of shape (160, 160), dtype bool: the inner face, and the ring outside the face oval.

    `scale`: crop pixels for each pixel of the frame; above 1 the crop invents detail.
    """

    inner: NDArray[np.bool_]
    ring: NDArray[np.bool_]
    scale: float


def crop(image: BgrImage, landmarks: Landmarks) -> BgrImage:
    """The face upright in a square of 160 pixels, in colour or grey as the picture."""
    return aligned_crop(image, landmarks, CROP_PX, eye_distance=EYE_DISTANCE)


def regions(landmarks: Landmarks) -> Regions:
    """The regions of the crop that `crop` makes with these landmarks."""
    oval, scale = _fitted(landmarks)
    inner = filled(oval, _INNER)
    ring = filled(oval, _RING_TO) & ~filled(oval, _RING_FROM)
    return Regions(inner, ring, scale)


def face_oval(landmarks: Landmarks) -> NDArray[np.float64]:
    """The contour of the face in the crop, shape (n, 2)."""
    return _fitted(landmarks)[0]


def _fitted(landmarks: Landmarks) -> tuple[NDArray[np.float64], float]:
    fit = alignment(landmarks, CROP_PX, EYE_DISTANCE)
    return fit.apply(landmarks[list(FACE_OVAL), :2]), fit.scale


def filled(oval: NDArray[np.float64], size: float, side_px: int = CROP_PX) -> NDArray[np.bool_]:
    """Mask of a crop, shape (side, side): the contour, scaled about its centre and filled."""
    centre = oval.mean(axis=0)
    mask = np.zeros((side_px, side_px), np.uint8)
    cv2.fillPoly(mask, [np.round(centre + (oval - centre) * size).astype(np.int32)], 255)
    return mask > 0
