"""Light, contrast, sharpness and noise of grey pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.frames import measure_image

Luma = NDArray[np.uint8]


def texture(size: int = 200, seed: int = 1) -> Luma:
    """Structure at every scale, as a photograph has: 40 to 215."""
    random = np.random.default_rng(seed)
    total = np.zeros((size, size), np.float32)
    for cells in (5, 10, 20, 40, 80, 160):
        grain = random.normal(0, 1, (cells, cells)).astype(np.float32)
        total += cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)
    scaled = cv2.normalize(total, np.empty(0), 40, 215, cv2.NORM_MINMAX)
    return np.asarray(scaled, np.uint8)


@pytest.mark.parametrize("shape", [(0, 0), (7, 100), (100, 7), (8, 8, 3)])
def test_what_is_not_a_grey_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="8x8"):
        measure_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("value", "dark", "bright"), [(0, 1.0, 0.0), (29, 1.0, 0.0), (128, 0.0, 0.0), (255, 0.0, 1.0)]
)
def test_a_flat_picture_has_light_and_nothing_else(value: int, dark: float, bright: float) -> None:
    measured = measure_image(np.full((90, 120), value, np.uint8))
    assert measured.mean_luma == value
    assert (measured.dark_fraction, measured.bright_fraction) == (dark, bright)
    assert (measured.contrast, measured.noise_sigma) == (0.0, 0.0)
    assert (measured.spread, measured.highlight) == (0.0, value)
    assert measured.sharpness == pytest.approx(0.0, abs=1e-6)


def test_measures_of_light_are_those_of_the_pixels() -> None:
    picture = texture(150)
    measured = measure_image(picture)
    low, high = np.percentile(picture, [5, 95], method="inverted_cdf")
    assert (measured.spread, measured.highlight) == (high - low, high)
    assert measured.mean_luma == pytest.approx(picture.mean())
    assert measured.contrast == pytest.approx(picture.std())
    assert measured.dark_fraction == pytest.approx((picture < 30).mean())
    assert measured.bright_fraction == pytest.approx((picture > 240).mean())


@pytest.mark.parametrize("sigma", [5.0, 10.0, 20.0])
def test_noise_is_measured_in_luma_steps(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, (200, 200))
    measured = measure_image(np.clip(128 + noise, 0, 255).astype(np.uint8))
    assert measured.noise_sigma == pytest.approx(sigma, rel=0.05)


def test_blur_lowers_sharpness_step_by_step() -> None:
    picture = texture()
    blurred = [picture, *(cv2.GaussianBlur(picture, (0, 0), s) for s in (1.0, 2.0, 4.0))]
    measured = [measure_image(np.asarray(p, np.uint8)).sharpness for p in blurred]
    assert measured == sorted(measured, reverse=True)
    assert measured[0] > 2 * measured[2]


def test_noise_does_not_pass_for_sharpness() -> None:
    soft = cv2.GaussianBlur(texture(), (0, 0), 3.0).astype(np.float32)
    noisy = soft + np.random.default_rng(0).normal(0, 6, soft.shape)
    sharp = measure_image(texture()).sharpness
    assert measure_image(np.clip(noisy, 0, 255).astype(np.uint8)).sharpness < sharp / 2


@settings(deadline=None)
@given(gain=st.floats(0.3, 1.0))
def test_contrast_does_not_count_as_sharpness(gain: float) -> None:
    dimmed = (texture() * gain).astype(np.uint8)
    expected = measure_image(texture()).sharpness
    assert measure_image(dimmed).sharpness == pytest.approx(expected, rel=0.1)


def test_at_a_fixed_width_the_size_does_not_count_as_sharpness() -> None:
    large = texture(400)
    small = np.asarray(cv2.resize(large, (200, 200), interpolation=cv2.INTER_AREA), np.uint8)
    fixed = [measure_image(p, sharpness_width_px=100).sharpness for p in (large, small)]
    as_is = [measure_image(p).sharpness for p in (large, small)]
    assert fixed[0] == pytest.approx(fixed[1], rel=0.05)
    assert as_is[0] < 0.9 * as_is[1]
