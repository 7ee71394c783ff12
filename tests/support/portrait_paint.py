"""What the photograph does not show, painted over it: the dark of a mouth, the skin of a lid."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import INNER_LIPS, Floats
from tests.support.portrait_mesh import EYES

_LASHES_BGR = (38, 48, 66)
_PALATE_BGR = np.array([22.0, 18.0, 45.0])
_TONGUE_BGR = np.array([52.0, 43.0, 125.0])


@dataclass(frozen=True, slots=True)
class Patch:
    """A painted part of a picture: `pixels_bgr` (height, width, 3) and where its corner lies."""

    left: int
    top: int
    pixels_bgr: BgrImage

    def blend_into(self, picture_bgr: BgrImage, share: float) -> None:
        """Mix the patch into the picture, in place: 0 leaves it, 1 covers it."""
        height, width = self.pixels_bgr.shape[:2]
        rows, columns = slice(self.top, self.top + height), slice(self.left, self.left + width)
        part = picture_bgr[rows, columns]
        part[:] = cv2.addWeighted(part, 1 - share, self.pixels_bgr, share, 0.0)


def paint_mouth(picture_bgr: BgrImage, landmarks_xyz: Floats) -> Patch:
    """The inside of an open mouth, dark above and reddish below, between the inner lips."""
    lips = landmarks_xyz[list(INNER_LIPS), :2]
    left, top, patch = _cut(picture_bgr, lips, margin=8)
    mask = cv2.dilate(_filled(patch, lips - (left, top)), np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None] / 255.0
    down = np.linspace(0, 1, len(patch))[:, None, None] ** 3
    inside = _PALATE_BGR + down * (_TONGUE_BGR - _PALATE_BGR)
    return Patch(left, top, np.rint(patch * (1 - soft) + inside * soft).astype(np.uint8))


def paint_lids(picture_bgr: BgrImage, landmarks_xyz: Floats) -> list[Patch]:
    """Both eyes covered with the skin around them, with lashes along the upper lid's margin."""
    patches = []
    for lower, margin, fold in EYES:
        eye = landmarks_xyz[[*fold, *lower[::-1]], :2]
        lashes = landmarks_xyz[list(margin), :2]
        left, top, patch = _cut(picture_bgr, eye, margin=12)
        mask = cv2.dilate(_filled(patch, eye - (left, top)), np.ones((5, 5), np.uint8))
        skin = cv2.inpaint(patch, mask, 3, cv2.INPAINT_TELEA)
        line = np.rint((lashes - (left, top)) * 16).astype(np.int32)
        cv2.polylines(skin, [line], False, _LASHES_BGR, 1, cv2.LINE_AA, shift=4)
        patches.append(Patch(left, top, np.asarray(skin, dtype=np.uint8)))
    return patches


def _cut(picture_bgr: BgrImage, points_xy: Floats, margin: int) -> tuple[int, int, BgrImage]:
    left, top = (int(v) for v in points_xy.min(axis=0) - margin)
    right, bottom = (int(v) for v in points_xy.max(axis=0) + margin)
    return left, top, picture_bgr[top:bottom, left:right].copy()


def _filled(patch: BgrImage, polygon_xy: Floats) -> BgrImage:
    mask = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon_xy).astype(np.int32)], 255)
    return mask
