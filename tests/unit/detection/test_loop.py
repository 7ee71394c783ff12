"""Loops: copies are found in both directions, calm and busy life is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kyc_rtc.detection.loop import LoopFinder

COPY, UNLIKE = 0.06, 0.3


def wandering(steps: int, seed: int) -> NDArray[np.float32]:
    """Signatures of a scene in smooth, never repeating motion: shape (steps, 256)."""
    rng = np.random.default_rng(seed)
    scene = rng.normal(size=(6, 256))
    walk = np.cumsum(rng.normal(size=(steps, 6)), axis=0) * 0.08
    walk = np.apply_along_axis(lambda x: np.convolve(x, np.ones(9) / 9, "same"), 0, walk)
    rows = rng.normal(size=256) + walk @ scene
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / rows.std(axis=1, keepdims=True), np.float32)


def least_mismatch(
    rows: NDArray[np.float32], step_ms: float, noise: float = 0.0, seed: int = 9
) -> float:
    rng = np.random.default_rng(seed)
    finder, least = LoopFinder(), 1.0
    for index, row in enumerate(rows):
        noisy = row + noise * rng.normal(size=row.shape).astype(np.float32)
        finder.update(round(index * step_ms), noisy.astype(np.float32))
        least = min(least, max(finder.mismatch, finder.others))
    return least


@pytest.mark.parametrize("step_ms", [33.3, 40.0, 66.7])
@pytest.mark.parametrize("start", [0, 17, 60])
@pytest.mark.parametrize("seconds", [2.3, 4.0])
def test_a_loop_is_found_wherever_it_begins(step_ms: float, start: int, seconds: float) -> None:
    rows = wandering(400, seed=1)
    length = round(1000 * seconds / step_ms)
    looped = np.concatenate([rows[: start + length], *[rows[start : start + length]] * 2])
    assert least_mismatch(looped, step_ms, noise=0.01) <= COPY


def test_a_video_played_back_and_forth_is_found() -> None:
    rows = wandering(90, seed=2)
    assert least_mismatch(np.concatenate([rows, rows[::-1]]), 40.0, noise=0.01) <= COPY


@pytest.mark.parametrize("seed", range(6))
def test_what_never_repeats_is_not_a_loop(seed: int) -> None:
    assert least_mismatch(wandering(900, seed), 40.0, noise=0.01) > UNLIKE


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("pace", [1.0, 0.95, 1.1])
def test_an_action_done_twice_alike_is_not_a_loop(seed: int, pace: float) -> None:
    calm = 0.05 * wandering(240, seed)
    turn = np.random.default_rng(seed).normal(size=256)
    rows = calm + np.outer(_bump(30, 30) + _bump(130, round(30 * pace)), turn)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= rows.std(axis=1, keepdims=True)
    assert least_mismatch(rows.astype(np.float32), 50.0, noise=0.007) > 2 * COPY


def _bump(start: int, length: int) -> NDArray[np.float64]:
    """An action that comes and goes, from step `start` of 240 on."""
    steps = np.arange(240) - start
    inside = (steps >= 0) & (steps < length)
    return np.where(inside, (1 - np.cos(2 * np.pi * steps / length)) / 2, 0.0)


@pytest.mark.parametrize(("every", "by"), [(8, 0.1), (6, 0.15)])
def test_a_loop_some_of_whose_pictures_were_altered_is_still_like_itself(
    every: int, by: float
) -> None:
    rng = np.random.default_rng(5)
    rows = np.concatenate([*[wandering(400, seed=1)[40:100]] * 3])
    rows[::every, ::10] += by * rng.normal(size=rows[::every, ::10].shape).astype(np.float32)
    finder, least = LoopFinder(), 1.0
    for index, row in enumerate(rows):
        finder.update(round(index * 66.7), row)
        least = min(least, finder.mismatch)
    assert least <= COPY


def test_a_still_picture_with_noise_is_not_a_loop() -> None:
    still = np.repeat(wandering(9, seed=3)[:1], 600, axis=0)
    assert least_mismatch(still, 40.0, noise=0.01) == 1.0


def test_a_person_who_returns_to_the_same_rest_is_not_a_loop() -> None:
    rest = np.repeat(wandering(9, seed=4)[:1], 90, axis=0)
    moves = wandering(50, seed=5)
    assert (
        least_mismatch(np.concatenate([rest, moves, rest, wandering(40, seed=8), rest]), 40.0, 0.01)
        > UNLIKE
    )


def test_memory_is_bounded_and_long_streams_still_match() -> None:
    rows = wandering(3_700, seed=6)
    finder = LoopFinder()
    for index, row in enumerate(rows):
        finder.update(index * 67, row)
    assert finder.mismatch > UNLIKE
    for index, row in enumerate(rows[-200:]):
        finder.update((3_700 + index) * 67, row)
    assert finder.mismatch <= COPY


def test_a_pause_breaks_a_stretch_and_time_that_goes_back_is_ignored() -> None:
    rows = wandering(60, seed=7)
    finder = LoopFinder()
    for index, row in enumerate(rows):
        finder.update(index * 67, row)
    for index, row in enumerate(rows[:20]):
        finder.update(600_000 + index * 67, row)
        finder.update(5, row)
    assert finder.mismatch == 1.0


@pytest.mark.parametrize(
    ("burst", "gap_ms", "least", "most"),
    [(1, 40, 1.0, 1.0), (25, 400, 0.0, 0.0), (100, 400, 0.4, 0.7)],
    ids=["even", "a gap every second", "a gap every four seconds"],
)
def test_stretches_with_gaps_are_not_comparable(
    burst: int, gap_ms: int, least: float, most: float
) -> None:
    finder, now_ms = LoopFinder(), 0
    for index, row in enumerate(wandering(400, seed=3), start=1):
        finder.update(now_ms, row)
        now_ms += 40 if index % burst else gap_ms
    assert least <= finder.comparable_share <= most


def test_before_the_first_stretch_nothing_lacks() -> None:
    assert LoopFinder().comparable_share == 1.0
