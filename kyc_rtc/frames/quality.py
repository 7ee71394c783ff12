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
    `contrast`: standard deviation of luma · `spread`: luma steps between the 5th and the 95th percentile,
    and `highlight`: that 95th percentile, 0..255 · `sharpness`: energy of the finest structures over the
    energy of the next coarser ones (the bands below 1.5 and from 1.5 to 3 pixels of a Gaussian
    scale space), without the share of noise; contrast does not count as sharpness ·
    `noise_sigma`: standard deviation of additive noise in luma steps (Immerkær, "Fast noise variance
    estimation", CVIU 64(2), 1996).
    """

    mean_luma: float
    dark_fraction: float
    bright_fraction: float
    contrast: float
    spread: float
    highlight: float
    sharpness: float
    noise_sigma: float


@dataclass(frozen=True, slots=True)
class SceneLight:
    """The light of a whole picture: `median` and 95th percentile (`highlight`) of its luma, 0..255."""

    median: float
    highlight: float


def measure_image(
    luma: NDArray[np.uint8], *, sharpness_width_px: int | None = None
) -> ImageQuality:
    """Measure a grey picture of shape (height, width), dtype uint8, at least 8 pixels a side.

    `sharpness_width_px`: the width to which the picture is brought for sharpness, so that pictures
    of the same thing in different sizes compare; without it, the picture as it is.

    Raises:
        ValueError: the picture is smaller than that.
    """
    if luma.ndim != 2 or min(luma.shape) < 8:
        raise ValueError(f"a grey picture of at least 8x8 pixels is needed, not {luma.shape}")
    shares = _histogram(_reduced(luma))
    summed = np.cumsum(shares)
    mean_luma = float(shares @ _STEPS)
    shadow, highlight = (_percentile(summed, share) for share in (0.05, 0.95))
    return ImageQuality(
        mean_luma=mean_luma,
        dark_fraction=float(summed[29]),
        bright_fraction=float(shares[241:].sum()),
        contrast=float(np.sqrt(shares @ (_STEPS - mean_luma) ** 2)),
        spread=highlight - shadow,
        highlight=highlight,
        sharpness=_sharpness(_to_width(luma, sharpness_width_px)),
        noise_sigma=_noise_sigma(luma),
    )


def measure_scene(luma: NDArray[np.uint8]) -> SceneLight:
    """The light of a grey picture of shape (height, width), dtype uint8; dark where it has no pixels."""
    if luma.size == 0:
        return SceneLight(0.0, 0.0)
    step = max(max(luma.shape) // _MAX_SIDE_PX, 1)
    summed = np.cumsum(_histogram(np.ascontiguousarray(luma[::step, ::step])))
    return SceneLight(_percentile(summed, 0.5), _percentile(summed, 0.95))


_STEPS = np.arange(256, dtype=np.float64)


def _histogram(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The share of pixels at each of the 256 steps."""
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256])
    return np.asarray(counts, np.float64).ravel() / luma.size


def _percentile(summed: NDArray[np.float64], share: float) -> float:
    """The least step below or at which so many pixels lie; `summed` is the cumulated histogram."""
    return float(np.searchsorted(summed, share - 1e-9))


def _reduced(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _MAX_SIDE_PX / max(luma.shape)
    return luma if scale >= 1 else _resized(luma, scale)


def _to_width(luma: NDArray[np.uint8], width_px: int | None) -> NDArray[np.uint8]:
    if width_px is None or width_px == luma.shape[1]:
        return luma
    return _resized(luma, width_px / luma.shape[1])


def _resized(luma: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    # A very flat picture must keep a row.
    size = max(round(luma.shape[1] * scale), 1), max(round(luma.shape[0] * scale), 1)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(luma, size, interpolation=interpolation), np.uint8)


_FINE_PX, _COARSE_PX = 1.5, 3.0
_NOISE_IN_FINE, _NOISE_IN_COARSE = 0.894, 0.016
"""What white noise of variance 1 leaves in each band: the squared norm of the band's filter."""


def _sharpness(luma: NDArray[np.uint8]) -> float:
    picture = luma.astype(np.float32)
    fine = cv2.GaussianBlur(picture, (0, 0), _FINE_PX)
    coarse = cv2.GaussianBlur(picture, (0, 0), _COARSE_PX)
    noise = _noise_sigma(luma) ** 2
    fine_energy = float(((picture - fine) ** 2).mean()) - _NOISE_IN_FINE * noise
    coarse_energy = float(((fine - coarse) ** 2).mean()) - _NOISE_IN_COARSE * noise
    return max(fine_energy, 0.0) / max(coarse_energy, 0.1)


_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _noise_sigma(luma: NDArray[np.uint8]) -> float:
    if min(luma.shape) < 3:
        return 0.0
    response = cv2.filter2D(luma, cv2.CV_32F, _IMMERKAER)[1:-1, 1:-1]
    return float(np.abs(response).mean() * np.sqrt(np.pi / 2) / 6)
