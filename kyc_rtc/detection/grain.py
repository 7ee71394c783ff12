"""Noise residual and detail of the inner face against its surround, and the seam between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.regions import Regions
from kyc_rtc.frames import BgrImage


@dataclass(frozen=True, slots=True)
class Grain:
    """Features of one aligned crop, in log units.

    `fine_inside`: fine detail (below about 2 pixels of the crop) over coarse (4 to 8) in the inner
    face; low where a net has painted it smooth. `fine_against_surround`: the same less the
    surround's, which went through the same lens and codec. `surround_fine`: the surround's fine
    detail itself, in luma steps; low where the codec has left none to compare with.
    """

    fine_inside: float
    fine_against_surround: float
    surround_fine: float


def measure_grain(picture: BgrImage, regions: Regions) -> Grain:
    """Measure an aligned grey crop, shape (n, n), with its regions."""
    crop = picture.astype(np.float32)
    soft, softer, softest = (cv2.GaussianBlur(crop, (0, 0), sigma) for sigma in (1, 2, 4))
    fine, coarse = np.abs(crop - soft), np.abs(softer - softest)
    inside = _log_mean(fine, regions.inner) - _log_mean(coarse, regions.inner)
    around = _log_mean(fine, regions.ring) - _log_mean(coarse, regions.ring)
    return Grain(inside, inside - around, float(fine[regions.ring].mean()))


def _log_mean(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    return float(np.log(values[mask].mean() + 0.05))
