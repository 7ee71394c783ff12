"""How the fine structure of the face changes from frame to frame, compared with its surround.

Camera noise and codec treat face and surround alike. A face that a net paints anew for every frame
changes its fine structure less than its surround, because the net's noise is smooth.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.regions import Regions
from kyc_rtc.frames import BgrImage


def fine_change(before: BgrImage, after: BgrImage, regions: Regions) -> float:
    """Log ratio of the fine temporal change inside the face to that of its surround.

    Both pictures are aligned grey crops, shape (n, n), of consecutive frames.
    """
    fine = fine_part(after.astype(np.float32) - before.astype(np.float32))
    return log_level(fine, regions.inner) - log_level(fine, regions.ring)


def fine_part(change: NDArray[np.float32]) -> NDArray[np.float32]:
    """The size of a change's fine structure, shape (n, n): what a blur of two pixels takes away."""
    return np.asarray(np.abs(change - cv2.GaussianBlur(change, (0, 0), 2)), np.float32)


def log_level(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """The mean under the mask, in log units, with a floor of a tenth of a luma step."""
    return math.log(float(values[mask].mean()) + 0.1)
