"""How the face's fine structure changes from frame to frame, against its surround's.

Camera noise and codec treat face and surround alike. A face that a net paints anew for every frame
changes its fine structure less than its surround, because the net's noise is smooth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.regions import Regions
from kyc_rtc.frames import BgrImage


def fine_change(before: BgrImage, after: BgrImage, regions: Regions) -> float:
    """Log ratio of the fine temporal change inside the face to that of its surround.

    Both pictures are aligned grey crops, shape (n, n), of consecutive frames.
    """
    change = after.astype(np.float32) - before.astype(np.float32)
    fine = np.abs(change - cv2.GaussianBlur(change, (0, 0), 2))
    return float(np.log(_mean(fine, regions.inner) + 0.1) - np.log(_mean(fine, regions.ring) + 0.1))


def _mean(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    return float(values[mask].mean())
