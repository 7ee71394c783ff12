"""Skin outside the mask: what a swap does not paint is the control for what it may have painted.

The grain of colour differs between scenes, cameras and codecs more than between people and swaps. Neck, ears
and the forehead's edge are filmed by the same camera in the same light as the cheeks, and no live face swap
paints them. So the same feature is measured on both, and the difference counts. The skin of a person is found
by the colour of the own face: Phung et al., Skin segmentation using color pixel classification, IEEE TPAMI
27(1), 2005. Grain, noise between frames, constancy and shading against the same control were measured as well
and added nothing (docs/detection.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.flicker import log_level
from kyc_rtc.detection.moments import Ledger, Moment
from kyc_rtc.detection.pairs import PAIR_PX, Pair
from kyc_rtc.detection.regions import filled
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Floats,
)

CHROMA_GRAIN = "control_gap_chroma_grain"
CONTROL_NAMES = (CHROMA_GRAIN,)

_INNER, _BEYOND, _TOUCHES, _FARTHEST = 0.72, 1.08, 1.2, 1.75
"""Sizes of the face oval: what every swap paints; from where none does; where skin that belongs to the face
begins; where it ends."""

_MAX_COLOUR, _LEAST_SPREAD = 3.0, 0.05
"""Deviations of log(R/G) and log(B/G) up to which a colour is the face's; the least deviation."""

_COLOUR_BLUR, _COLOUR_FLOOR = 2.0, 8.0
"""A drawn face has less grain than the neck below it; noise in the dark does not count as colour."""

_LUMA = (0.35, 1.6)
"""Shares of the face's green: a neck lies in the chin's shadow."""

_MIN_PX = 300
_GRAIN_BLUR = 1.5

USUAL_GAP = -0.1
"""Median of 133 bona fide recordings through VP8 at 250 to 1000 kbit/s: -0.10 to -0.13. Cheeks lie in even
light."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SkinRegions:
    """Masks (192, 192) of a pair's crop: `face`, skin that a swap paints, and `control`, which none does."""

    face: Mask
    control: Mask


class ControlMeter:
    """Compares the face with skin outside of the mask on the first picture of each pair; about 2 ms a
    pair."""

    def __init__(self) -> None:
        self._ledger = Ledger()

    def update(self, pair: Pair) -> None:
        """Take a pair into account."""
        skin = skin_regions(pair)
        if skin is not None:
            gap = chroma_grain_gap(pair.first_bgr, skin)
            self._ledger.add(CHROMA_GRAIN, gap, (Moment.ALWAYS,))

    def values(self) -> dict[str, float]:
        """The features of `CONTROL_NAMES`; NaN where too little was seen. Grain that a face has beyond the
        usual clears nobody: whoever sends the picture can add it."""
        gap = self._ledger.median(CHROMA_GRAIN, least=4)
        return {CHROMA_GRAIN: gap if math.isnan(gap) else min(gap, USUAL_GAP)}


def chroma_grain_gap(picture: BgrImage, skin: SkinRegions) -> float:
    """How much more grain of colour the face has than the control, in log units of Lab steps."""
    chroma = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)[..., 1:].astype(np.float32)
    grain = np.abs(chroma - cv2.GaussianBlur(chroma, (0, 0), _GRAIN_BLUR)).mean(axis=2)
    return log_level(grain, skin.face) - log_level(grain, skin.control)


def skin_regions(pair: Pair) -> SkinRegions | None:
    """The skin of the face and that outside of it, by the colour of the face's skin; None where either is
    smaller than 300 pixels: hair, a collar or the picture's edge hide it."""
    oval = pair.points[list(FACE_OVAL)]
    face = filled(oval, _INNER, PAIR_PX) & ~_features(pair.points) & _shown(pair.corners)
    if int(face.sum()) < _MIN_PX:
        return None
    blue, green, red = cv2.split(
        np.log(
            cv2.GaussianBlur(pair.first_bgr, (0, 0), _COLOUR_BLUR).astype(np.float32)
            + _COLOUR_FLOOR
        )
    )
    away = np.zeros_like(green)
    for colour in (red - green, blue - green):
        apart = np.abs(colour - np.median(colour[face]))
        away += (apart / max(1.4826 * float(np.median(apart[face])), _LEAST_SPREAD)) ** 2
    light = np.exp(green - np.median(green[face]))
    alike = (away < _MAX_COLOUR**2) & (light > _LUMA[0]) & (light < _LUMA[1])
    around = filled(oval, _FARTHEST, PAIR_PX) & ~filled(oval, _BEYOND, PAIR_PX)
    control = _joined(alike & around & _shown(pair.corners), filled(oval, _TOUCHES, PAIR_PX))
    if int(control.sum()) < _MIN_PX:
        return None
    return SkinRegions(face & alike, control)


def _features(points: Floats) -> Mask:
    """Eyes, brows and lips with a rim: they have detail that bare skin has not."""
    mask = np.zeros((PAIR_PX, PAIR_PX), np.uint8)
    for part in (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, OUTER_LIPS):
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[list(part)]).astype(np.int32)), 1)
    return cv2.dilate(mask, np.ones((7, 7), np.uint8)) > 0


def _shown(corners: Floats) -> Mask:
    """Where the crop shows the picture, and does not repeat its border."""
    mask = np.zeros((PAIR_PX, PAIR_PX), np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=1) > 0


def _joined(alike: Mask, near: Mask) -> Mask:
    """The patches of a colour that reach up to the face, without their edges."""
    solid = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(solid)
    kept = np.unique(labels[near & (solid > 0)])
    patches = np.isin(labels, kept) & (solid > 0)
    return cv2.erode(patches.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
