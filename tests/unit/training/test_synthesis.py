"""Attacks of our own making: they change the face, leave the rest, and move with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Landmarks
from tests.unit.detection import synthetic
from training.synthesis import (
    MESH,
    AnimatedPhoto,
    Donor,
    Edit,
    MeshSwap,
    Recapture,
    Redrawn,
    SelfBlend,
    face_mask,
    warp_mesh,
)

PICTURE: BgrImage = np.repeat(synthetic.as_luma(synthetic.texture())[..., None], 3, axis=2)
OTHER: BgrImage = np.repeat(synthetic.as_luma(synthetic.texture(9))[..., None], 3, axis=2)
LANDMARKS: Landmarks = synthetic.face_mesh().astype(np.float32)
FAR = np.s_[:6, :6]
SHIFT = np.array([7, -4])


def new(kind: Callable[..., Edit], seed: int = 2) -> Edit:
    rng = np.random.default_rng(seed)
    if kind is MeshSwap:
        return MeshSwap(Donor(OTHER, LANDMARKS), rng)
    return Recapture(rng, PICTURE.shape) if kind is Recapture else kind(rng)


def test_a_warp_onto_itself_changes_nothing() -> None:
    points = LANDMARKS[list(MESH), :2].astype(np.float64)
    warped = warp_mesh(PICTURE, points, points, (synthetic.WIDTH, synthetic.HEIGHT))
    assert np.abs(warped.astype(int) - PICTURE).max() <= 1


def test_a_warp_brings_points_where_they_are_wanted() -> None:
    source = LANDMARKS[list(MESH), :2].astype(np.float64)
    spot = np.zeros_like(PICTURE)
    centre = source.mean(axis=0).round().astype(int)
    spot[centre[1] - 2 : centre[1] + 3, centre[0] - 2 : centre[0] + 3] = 255
    warped = warp_mesh(spot, source, source + SHIFT, (synthetic.WIDTH, synthetic.HEIGHT))
    y, x = np.argwhere(warped[..., 0] > 128).mean(axis=0)
    assert (x, y) == pytest.approx(centre + SHIFT, abs=0.6)


def test_a_mask_is_one_in_the_face_and_nothing_far_from_it() -> None:
    mask = face_mask(LANDMARKS, PICTURE.shape, 1.0, 0.02)
    x, y = synthetic.CENTRE.astype(int)
    assert mask[y, x, 0] == pytest.approx(1.0, abs=1e-3)
    assert mask[FAR].max() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("kind", [SelfBlend, MeshSwap, Redrawn])
@pytest.mark.parametrize("seed", range(4))
def test_a_swap_changes_the_face_and_nothing_else(kind: Callable[..., Edit], seed: int) -> None:
    drawn = new(kind, seed)(PICTURE, LANDMARKS)
    assert drawn.shape == PICTURE.shape
    assert drawn.dtype == np.uint8
    change = np.abs(drawn.astype(int) - PICTURE)
    x, y = synthetic.CENTRE.astype(int)
    assert change[y - 20 : y + 20, x - 20 : x + 20].mean() > 0.5
    assert change[FAR].max() == 0


def test_an_animated_photo_follows_the_movements() -> None:
    animate = new(AnimatedPhoto)
    first = animate(PICTURE, LANDMARKS)
    moved = LANDMARKS + np.array([6, 0, 0], np.float32)
    second = animate(OTHER, moved)
    unmoved = np.abs(second.astype(int)[FAR] - first[FAR]).mean()
    assert unmoved < 3  # of the first picture, not of the one that came
    assert np.abs(second.astype(int) - first).mean() > 1


def test_a_recapture_changes_the_whole_picture_and_stands_still() -> None:
    edit = new(Recapture)
    first, second = edit(PICTURE, LANDMARKS), edit(PICTURE, LANDMARKS)
    assert np.array_equal(first, second)
    assert np.abs(first.astype(int)[FAR] - PICTURE[FAR]).mean() > 2
