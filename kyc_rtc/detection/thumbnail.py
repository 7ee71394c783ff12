"""A picture reduced to 16 by 16 cells, by which frames of a stream are compared with each other."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage

SIDE_CELLS = 16

_MIN_CONTRAST = 4.0
"""Standard deviation in luma steps below which cells are not amplified further."""

Thumbnail = NDArray[np.float32]
"""Shape (256,), mean 0 and variance 1, so that exposure and contrast do not count."""


def thumbnail(luma: BgrImage) -> Thumbnail:
    """Reduce a grey picture, shape (height, width). About 0.25 ms at 640 by 480."""
    size = (SIDE_CELLS, SIDE_CELLS)
    fine = cv2.resize(luma, (4 * SIDE_CELLS, 4 * SIDE_CELLS), interpolation=cv2.INTER_AREA)
    cells = cv2.resize(fine.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel()
    cells -= cells.mean()
    return np.asarray(cells / max(float(cells.std()), _MIN_CONTRAST), np.float32)
