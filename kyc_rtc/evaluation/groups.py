"""Results by group of skin tone, face size and light: whom the system serves worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.evaluation.metrics import Proportion
from kyc_rtc.evaluation.results import ClipResult
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face

MAX_YAW_DEG = 15.0
"""Beyond it one cheek is turned away, and the light on the other is not that on the face."""

_CHEEKS = ((50, 205), (280, 425))
"""Mesh points; the middle between each two lies on the flat of a cheek, below the eye bags."""

_PATCH = 0.12
"""Side of a patch of cheek over the width of the face."""

_MIN_PATCH_PX = 4

Band = tuple[str, float, float]
"""Name, lower bound (of the band), upper bound (not of the band)."""

SKIN_BANDS: tuple[Band, ...] = (
    ("very light", 55.0, math.inf),
    ("light", 41.0, 55.0),
    ("intermediate", 28.0, 41.0),
    ("tan", 10.0, 28.0),
    ("brown", -30.0, 10.0),
    ("dark", -math.inf, -30.0),
)
"""Bands of the individual typology angle in degrees (Chardon, Cretois and Hourseau, "Skin colour
typology and suntanning pathways", International Journal of Cosmetic Science 13, 1991)."""

SIZE_BANDS: tuple[Band, ...] = (
    ("below 100 px", -math.inf, 100.0),
    ("100 to 200 px", 100.0, 200.0),
    ("200 px and more", 200.0, math.inf),
)
LIGHT_BANDS: tuple[Band, ...] = (
    ("luma below 60", -math.inf, 60.0),
    ("luma 60 to 180", 60.0, 180.0),
    ("luma 180 and more", 180.0, math.inf),
)


def typology_angle_deg(image_bgr: BgrImage, face: Face) -> float | None:
    """Individual typology angle of the cheeks, in degrees; None where they cannot be seen well.

    atan((L* - 50) / b*) of the median colour in CIE L*a*b* (Chardon 1991). `image_bgr` has shape
    (height, width, 3), dtype uint8, and is the picture in which the face was found. Of a camera's
    picture it tells of light and white balance as well as of skin: a tone as seen, not as it is.
    """
    if abs(face.pose.yaw_deg) > MAX_YAW_DEG:
        return None
    patches = [_cheek(image_bgr, face, points) for points in _CHEEKS]
    pixels = [patch.reshape(-1, 3) for patch in patches if patch is not None]
    if not pixels:
        return None
    colours = np.concatenate(pixels).astype(np.float32)[None] / 255
    lightness, _, b = np.median(cv2.cvtColor(colours, cv2.COLOR_BGR2Lab)[0], axis=0)
    # With two arguments, so that skin in blue light (b* below 0) is not thrown to the other end.
    return math.degrees(math.atan2(float(lightness) - 50.0, float(b)))


def _cheek(image: BgrImage, face: Face, points: tuple[int, int]) -> BgrImage | None:
    x, y = face.landmarks[list(points), :2].mean(axis=0)
    half = max(_PATCH * face.width_px, _MIN_PATCH_PX) / 2
    left, right, top, bottom = round(x - half), round(x + half), round(y - half), round(y + half)
    height, width = image.shape[:2]
    if left < 0 or top < 0 or right > width or bottom > height:
        return None
    return image[top:bottom, left:right]


def by_group(results: Sequence[ClipResult]) -> dict[str, dict[str, Any]]:
    """BPCER and non-response of the bona fide clips in each band of skin tone, face size and light.

    Clips on which the measure could not be taken stand under `unknown`.
    """
    clips = [r for r in results if r.bona_fide]
    return {
        "skin_tone": _bands(clips, SKIN_BANDS, lambda r: r.face.ita_deg),
        "face_width": _bands(clips, SIZE_BANDS, lambda r: r.face.width_px),
        "light": _bands(clips, LIGHT_BANDS, lambda r: r.face.luma),
    }


def band_of(value: float | None, bands: Sequence[Band]) -> str:
    """The name of the band that holds `value`; `unknown` for None."""
    if value is None:
        return "unknown"
    return next(name for name, low, high in bands if low <= value < high)


def _bands(
    clips: Sequence[ClipResult],
    bands: Sequence[Band],
    measure: Callable[[ClipResult], float | None],
) -> dict[str, Any]:
    names = [band_of(measure(clip), bands) for clip in clips]
    rows = [name for name, _, _ in bands] + (["unknown"] if "unknown" in names else [])
    return {
        row: _rates([clip for clip, name in zip(clips, names, strict=True) if name == row])
        for row in rows
    }


def _rates(clips: Sequence[ClipResult]) -> dict[str, Any]:
    failed = sum(c.status is VerdictStatus.FAILED for c in clips)
    silent = sum(c.status is VerdictStatus.INCONCLUSIVE for c in clips)
    return {
        "n": len(clips),
        "bpcer": Proportion(failed, len(clips) - silent).fields(),
        "non_response": Proportion(silent, len(clips)).fields(),
    }
