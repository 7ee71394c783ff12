"""Frozen pictures: runs are measured, doubled frames and slow sources are not runs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kyc_rtc.detection.frozen import FrozenRun


def pictures(count: int, sigma: float, seed: int = 0) -> list[NDArray[np.uint8]]:
    """A textured scene with smooth motion of a blob and noise of `sigma` luma steps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:120, 0:160]
    scene = 100 + 40 * np.sin(x / 9.0) * np.cos(y / 7.0)
    made = []
    for index in range(count):
        blob = 60 * np.exp(-((x - 60 - index) ** 2 + (y - 50) ** 2) / 300)
        noise = sigma * rng.normal(size=scene.shape)
        made.append(np.clip(scene + blob + noise, 0, 255).astype(np.uint8))
    return made


def longest_ms(frames: list[NDArray[np.uint8]], step_ms: int) -> int:
    run = FrozenRun()
    for index, frame in enumerate(frames):
        run.update(index * step_ms, frame)
    return run.longest_ms


def test_a_frozen_stretch_is_measured() -> None:
    live = pictures(30, 2.0)
    frames = [*live, *[live[-1]] * 50, *pictures(30, 2.0, seed=1)]
    assert longest_ms(frames, 40) == 50 * 40


def test_living_pictures_are_not_frozen() -> None:
    assert longest_ms(pictures(80, 2.0), 40) == 0


def test_doubled_frames_are_not_frozen() -> None:
    doubled = [frame for frame in pictures(40, 2.0) for _ in range(2)]
    assert longest_ms(doubled, 33) == 0


@pytest.mark.parametrize("repeats", [3, 7])
def test_a_slow_source_is_not_frozen(repeats: int) -> None:
    slow = [frame for frame in pictures(12, 2.0) for _ in range(repeats)]
    assert longest_ms(slow, 33) == 0


def test_a_link_that_stalls_is_not_frozen() -> None:
    run = FrozenRun()
    frame = pictures(1, 0.0)[0]
    for index in range(20):
        run.update(index * 2_000, frame)
    assert run.longest_ms == 0


def test_slow_drift_is_not_frozen() -> None:
    frames = [np.full((96, 128), 80 + index // 4, np.uint8) for index in range(100)]
    assert longest_ms(frames, 40) < 600
