"""Pictures of any shape in a frame of a fixed one."""

from __future__ import annotations

import cv2
import numpy as np

from kyc_rtc.frames.frame import BgrImage


def letterbox(image: BgrImage, size: tuple[int, int]) -> BgrImage:
    """`image` scaled into (width, height) `size`, its shape kept, the rest black."""
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA
    )
    return canvas
