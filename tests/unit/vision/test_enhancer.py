"""When the observer's picture is enhanced, and what that does to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kyc_rtc.frames import BgrImage, ImageQuality, measure_image
from kyc_rtc.vision.enhance import Enhancer

GOOD = ImageQuality(
    mean_luma=120,
    dark_fraction=0,
    bright_fraction=0,
    contrast=30,
    spread=90,
    highlight=160,
    sharpness=1,
    noise_sigma=1,
)
DARK = replace(GOOD, mean_luma=12)
DIM = replace(GOOD, mean_luma=24)
NOISY = replace(GOOD, noise_sigma=20)
GRAINY = replace(GOOD, noise_sigma=12)


def picture(mean: float = 120, noise: float = 0) -> BgrImage:
    """A bright square on a darker ground, with noise of this strength in luma."""
    scene = np.full((120, 160, 3), 0.8 * mean)
    scene[30:90, 50:110] = 1.6 * mean
    grain = np.random.default_rng(0).normal(0, noise, scene.shape[:2])
    return np.asarray(np.clip(scene + grain[..., None], 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("qualities", "active"),
    [
        ([GOOD], [False]),
        ([DIM], [False]),
        ([GRAINY], [False]),
        ([DARK, DIM, GOOD, DIM], [True, True, False, False]),
        ([NOISY, GRAINY, GOOD, GRAINY], [True, True, False, False]),
        ([DARK, NOISY, GOOD], [True, True, False]),
    ],
)
def test_it_switches_by_quality_with_hysteresis(
    qualities: list[ImageQuality], active: list[bool]
) -> None:
    enhancer, image_bgr = Enhancer(), picture()
    for quality, expected in zip(qualities, active, strict=True):
        shown = enhancer.apply(image_bgr, quality)
        assert enhancer.active is expected
        assert (shown is image_bgr) is not expected


@pytest.mark.parametrize(
    ("image_bgr", "active"),
    [
        (picture(), False),
        (picture(mean=9), True),
        (picture(noise=25), True),
        (np.zeros((480, 640, 3), np.uint8), True),
    ],
)
def test_without_a_face_the_picture_itself_decides(image_bgr: BgrImage, active: bool) -> None:
    enhancer = Enhancer()
    before = image_bgr.copy()
    shown = enhancer.apply(image_bgr, None)
    assert enhancer.active is active
    assert shown.shape == image_bgr.shape
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(image_bgr, before)


def test_noise_goes_and_the_edge_stays() -> None:
    noisy = picture(noise=25)
    shown = Enhancer().apply(noisy, NOISY)
    assert measure_image(shown[..., 1]).noise_sigma < measure_image(noisy[..., 1]).noise_sigma / 5
    inside, outside = shown[40:80, 60:100].mean(), shown[:20].mean()
    assert inside - outside > 0.9 * (picture()[40:80, 60:100].mean() - picture()[:20].mean())


def test_dark_pictures_gain_light_and_contrast() -> None:
    dark = picture(mean=10, noise=1)
    shown = Enhancer().apply(dark, DARK)
    assert shown.mean() > 1.3 * dark.mean()
    assert shown.std() > 1.3 * dark.std()
