"""Colour texture on pictures of known patterns."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.detection.colour_texture import (
    TEXTURE_SIZE,
    ColourHead,
    colour_texture,
    standardised,
)
from kyc_rtc.detection.net_views import NET_PX
from kyc_rtc.frames import BgrImage

BINS = 59
FLAT, ODD = 57, 58
"""The bin of a pixel that no neighbour is below, and of patterns that change often."""


def grey(values: NDArray[np.float64]) -> BgrImage:
    """A picture (128, 128, 3) whose columns and rows are the 64 of `values`, doubled."""
    big = np.repeat(np.repeat(values, 2, axis=0), 2, axis=1)
    return np.repeat(big[..., None], 3, axis=2).astype(np.uint8)


def parts(picture: BgrImage) -> NDArray[np.float64]:
    """Shares of the patterns (3, 59) of hue, saturation and value."""
    return np.asarray(colour_texture(picture).reshape(3, BINS).astype(np.float64) ** 2)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (40, 90, 200), (200, 30, 60)])
def test_one_colour_has_one_pattern(colour: tuple[int, int, int]) -> None:
    found = parts(np.full((NET_PX, NET_PX, 3), colour, np.uint8))
    assert found[:, FLAT] == pytest.approx([1, 1, 1])


def test_grey_has_neither_hue_nor_saturation() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (64, 64)).astype(np.float64)
    found = parts(grey(noise))
    assert found[:2, FLAT] == pytest.approx([1, 1])
    assert found[2, FLAT] < 0.2


def test_a_slope_has_the_pattern_of_an_edge() -> None:
    """Right and above and below no darker, left darker: one uniform pattern everywhere."""
    found = parts(grey(np.tile(3.0 * np.arange(64), (64, 1))))[2]
    assert np.count_nonzero(found) == 1
    assert found.argmax() not in (FLAT, ODD)


def test_a_chessboard_changes_around_half_of_its_pixels() -> None:
    y, x = np.mgrid[0:64, 0:64]
    found = parts(grey(200.0 * ((x + y) % 2)))[2]
    assert found[ODD] == pytest.approx(0.5)  # bright: the four corners alone are no darker
    assert found[FLAT] == pytest.approx(0.5)


def test_brightness_alone_changes_nothing() -> None:
    noise = np.random.default_rng(3).integers(0, 120, (64, 64)).astype(np.float64)
    assert colour_texture(grey(noise)).tolist() == colour_texture(grey(noise + 100)).tolist()


def test_fewer_colours_are_another_texture() -> None:
    rng = np.random.default_rng(4)
    picture = cv2.GaussianBlur(rng.integers(0, 255, (NET_PX, NET_PX, 3), np.uint8), (0, 0), 3)
    few = (np.asarray(picture, np.uint8) // 32) * 32
    change = np.abs(parts(few) - parts(np.asarray(picture, np.uint8))).sum(axis=1)
    assert (change > 0.3).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 64, 128, 192]))
def test_every_picture_has_a_texture(seed: int, side: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (side, side + 1, 3), np.uint8)
    found = colour_texture(picture)
    assert found.shape == (TEXTURE_SIZE,) == (3 * BINS,)
    assert found.dtype == np.float32
    assert (found.reshape(3, BINS) ** 2).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-4)


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 128, 3), (128, 128), (128, 128, 1)])
def test_what_is_not_a_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(cv2.error):
        colour_texture(np.zeros(shape, np.uint8))


ONES = np.ones(TEXTURE_SIZE)


def test_a_head_adds_up_what_is_beyond_the_usual() -> None:
    weights = np.zeros(TEXTURE_SIZE)
    weights[:2] = 2.0, -1.0
    head = ColourHead(0.5 * ONES, 0.1 * ONES, weights, 0.25)
    textures = np.full((3, TEXTURE_SIZE), 0.5, np.float32)
    textures[1, 0] = 0.7
    textures[2, 1] = 1e9
    assert head.log_odds(textures) == pytest.approx([0.25, 4.25, -5.75], abs=1e-5)
    assert float(head.log_odds(textures[1])) == pytest.approx(4.25, abs=1e-5)
    assert standardised(textures, head.mean, head.spread)[2, 1] == 6.0


@pytest.mark.parametrize(
    ("mean", "spread", "weights", "offset"),
    [
        (ONES[1:], ONES, ONES, 0.0),
        (ONES, ONES[None], ONES, 0.0),
        (ONES, 0 * ONES, ONES, 0.0),
        (ONES, -ONES, ONES, 0.0),
        (ONES, ONES, np.nan * ONES, 0.0),
        (np.inf * ONES, ONES, ONES, 0.0),
        (ONES, ONES, ONES, float("nan")),
    ],
)
def test_a_head_of_other_numbers_is_refused(
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    weights: NDArray[np.float64],
    offset: float,
) -> None:
    with pytest.raises(ValueError, match=r"numbers|spreads"):
        ColourHead(mean, spread, weights, offset)
