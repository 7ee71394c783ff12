"""What a picture's pixels allow: light, contrast, sharpness, noise. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_MAX_SIDE_PX = 160
"""Light and contrast are measured on a picture reduced to this side; sharpness and noise are not."""


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Measures of one grey picture or one region of it.

    `mean_luma` 0..255 · `dark_fraction`, `bright_fraction`: share of pixels below 30 and above 240 ·
    `contrast`: standard deviation of luma · `sharpness`: variance of the Laplacian over the variance
    of luma, so that contrast does not count as sharpness · `noise_sigma`: standard deviation of
    additive noise in luma steps (Immerkær, "Fast noise variance estimation", CVIU 1996).
    """

    mean_luma: float
    dark_fraction: float
    bright_fraction: float
    contrast: float
    sharpness: float
    noise_sigma: float


def measure_image(luma: NDArray[np.uint8]) -> ImageQuality:
    """Measure a grey picture of shape (height, width), dtype uint8, at least 8 pixels a side.

    Raises:
        ValueError: the picture is smaller than that.
    """
    if luma.ndim != 2 or min(luma.shape) < 8:
        raise ValueError(f"a grey picture of at least 8x8 pixels is needed, not {luma.shape}")
    small = _reduced(luma)
    contrast = float(small.std())
    laplacian = cv2.Laplacian(luma, cv2.CV_32F)
    return ImageQuality(
        mean_luma=float(small.mean()),
        dark_fraction=float((small < 30).mean()),
        bright_fraction=float((small > 240).mean()),
        contrast=contrast,
        sharpness=float(laplacian.var()) / max(contrast**2, 1.0),
        noise_sigma=_noise_sigma(luma),
    )


def _reduced(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _MAX_SIDE_PX / max(luma.shape)
    if scale >= 1:
        return luma
    return np.asarray(
        cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _noise_sigma(luma: NDArray[np.uint8]) -> float:
    response = cv2.filter2D(luma, cv2.CV_32F, _IMMERKAER)[1:-1, 1:-1]
    return float(np.abs(response).mean() * np.sqrt(np.pi / 2) / 6)
