"""Life: noise and a carried photograph are still, blinks and speech are not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from kyc_rtc.detection.life import LifeMeter
from kyc_rtc.vision.geometry import INNER_LIPS, OUTER_LIPS
from tests.unit.detection import synthetic
from tests.unit.detection.synthetic import Mesh

STILL, ALIVE = 1.05, 1.75
Motion = Callable[[Mesh, float], Mesh]


def held(mesh: Mesh, _seconds: float) -> Mesh:
    return mesh


def carried(mesh: Mesh, seconds: float) -> Mesh:
    """Shifted, zoomed, rolled and squeezed, slowly."""
    zoom, roll = 1 + 0.1 * np.sin(1.1 * seconds), 0.1 * np.sin(0.7 * seconds)
    turn = zoom * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    turn = turn @ np.diag([1 - 0.12 * np.sin(0.9 * seconds) ** 2, 1.0])
    moved = mesh.copy()
    moved[:, :2] = (mesh[:, :2] - 160) @ turn.T + 160 + 20 * np.sin(seconds)
    return moved


def blinking(mesh: Mesh, seconds: float) -> Mesh:
    closing = max(0.0, 1 - abs(seconds % 3.1 - 1.5) / 0.15)
    return synthetic.blinked(mesh, closing)


def speaking(mesh: Mesh, seconds: float, lip_px: float = 3.0) -> Mesh:
    """Each lip moves by `lip_px` to either side of its middle."""
    moved = mesh.copy()
    opening = lip_px * (1 + np.sin(11 * seconds))
    for lips in (OUTER_LIPS, INNER_LIPS):
        moved[list(lips), 1] += opening * np.sign(mesh[list(lips), 1] - 165)
    return moved


def measured(motion: Motion, seconds: float, fps: int = 25, noise_px: float = 0.2) -> LifeMeter:
    rng, mesh, meter = np.random.default_rng(2), synthetic.face_mesh(), LifeMeter()
    for index in range(round(seconds * fps) + 1):
        moved = motion(mesh, index / fps) + noise_px * rng.normal(size=mesh.shape)
        meter.update(round(1000 * index / fps), moved.astype(np.float32))
    return meter


@pytest.mark.parametrize("fps", [15, 25, 30])
@pytest.mark.parametrize("motion", [held, carried])
def test_a_photograph_is_still(motion: Motion, fps: int) -> None:
    meter = measured(motion, 9, fps)
    life = meter.life()
    assert meter.full
    assert life is not None
    assert life.at_least <= life.at_most <= STILL


@pytest.mark.parametrize("fps", [15, 25, 30])
@pytest.mark.parametrize("motion", [blinking, speaking])
def test_a_face_that_moves_is_alive(motion: Motion, fps: int) -> None:
    life = measured(motion, 9, fps).life()
    assert life is not None
    assert life.at_least >= ALIVE


@pytest.mark.parametrize("motion", [held, carried])
@pytest.mark.parametrize("width_px", [60, 70, 100])
def test_a_small_photograph_is_not_alive(motion: Motion, width_px: float) -> None:
    """Noise of 0.2 pixels, as in a large face."""
    life = measured(small(motion, width_px), 9, 15).life()
    assert life is not None
    assert life.at_least < ALIVE


@pytest.mark.parametrize("motion", [blinking, partial(speaking, lip_px=4.5)])
@pytest.mark.parametrize("width_px", [70, 100])
def test_a_small_face_that_moves_is_alive(motion: Motion, width_px: float) -> None:
    life = measured(small(motion, width_px), 9, 15).life()
    assert life is not None
    assert life.at_least >= ALIVE


def small(motion: Motion, width_px: float) -> Motion:
    """The same, farther away: about the mesh's middle."""

    def moved(mesh: Mesh, seconds: float) -> Mesh:
        scale = width_px / float(np.ptp(mesh[:, 0]))
        return 160 + scale * (motion(mesh, seconds) - 160)

    return moved


def test_life_shows_through_motion_of_the_whole() -> None:
    life = measured(lambda mesh, t: carried(blinking(mesh, t), t), 9).life()
    assert life is not None
    assert life.at_least >= ALIVE


def test_a_short_window_says_nothing() -> None:
    meter = measured(speaking, 1.5)
    assert meter.life() is None
    assert not meter.full


def test_a_gap_begins_anew_and_memory_is_bounded() -> None:
    meter = measured(held, 30)
    assert meter.span_ms <= 8_000
    meter.update(60_000, synthetic.face_mesh().astype(np.float32))
    assert meter.span_ms == 0
    meter.update(1_000, synthetic.face_mesh().astype(np.float32))
    assert meter.span_ms == 0
