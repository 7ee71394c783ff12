"""Records of footage: copies at any lag and through noise are found; calm and other footage is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.detection.recurrence import (
    MAX_RECORD_BYTES,
    STEP_MS,
    SURE,
    FootageRecorder,
    recurs,
)
from kyc_rtc.detection.thumbnail import thumbnail
from kyc_rtc.frames import BgrImage
from tests.unit.detection import synthetic

WALL = synthetic.texture(1)
HEAD = synthetic.texture(2)
STEP = 100


def path(seed: int, count: int = 400) -> np.ndarray:
    """A smooth walk of a head, in pixels, one place for every 100 ms."""
    walk = np.cumsum(np.random.default_rng(seed).normal(size=(count, 2)), axis=0)
    smooth = [np.convolve(axis, np.ones(5) / 5, "same") for axis in walk.T]
    return np.clip(np.round(8 * np.stack(smooth, axis=1)), -50, 50).astype(int)


def picture(place: np.ndarray, sigma: float, seed: int) -> BgrImage:
    """A head of 140 by 140 pixels at this place before the wall, with noise."""
    scene = WALL.copy()
    across, down = place
    scene[50 + down : 190 + down, 90 + across : 230 + across] = HEAD[50:190, 90:230]
    return synthetic.as_luma(scene, sigma, seed)


def recorded(places: np.ndarray, *, sigma: float = 2.0, first_ms: int = 0) -> bytes:
    recorder = FootageRecorder()
    for index, place in enumerate(places):
        small = thumbnail(picture(place, sigma, seed=first_ms + index))
        recorder.update(first_ms + index * STEP, small)
    return recorder.record()


WALK = path(5)


def test_a_copy_is_found_at_another_time_and_through_noise() -> None:
    """The second session begins 7 s into the footage, half a step off, noisier, and darker."""
    again = recorded(WALK[70:200] // 1, sigma=6.0, first_ms=12_345)
    assert recurs(again, recorded(WALK[1:150])) >= SURE


def test_it_does_not_matter_which_came_first() -> None:
    one, other = recorded(WALK[:120]), recorded(WALK[40:160], sigma=5.0)
    assert recurs(one, other) == pytest.approx(recurs(other, one), abs=1e-6)


def test_another_walk_of_the_same_head_in_the_same_room_is_not_a_copy() -> None:
    assert recurs(recorded(WALK[:200]), recorded(path(6)[:200])) < 0.4


def test_a_calm_person_is_not_a_copy_of_anything() -> None:
    calm = np.zeros((150, 2), int)
    assert recurs(recorded(calm), recorded(calm, first_ms=70_000)) == 0.0


def test_two_seconds_are_too_short() -> None:
    assert recurs(recorded(WALK[:200]), recorded(WALK[50:70])) == 0.0


def test_a_stretch_across_a_gap_does_not_count() -> None:
    recorder = FootageRecorder()
    for index, place in enumerate(WALK[:60]):
        pause_ms = 2_000 * (index // 20)
        recorder.update(index * STEP + pause_ms, thumbnail(picture(place, 2.0, index)))
    assert recurs(recorder.record(), recorded(WALK[:60])) == 0.0


def test_a_record_is_bounded() -> None:
    recorder = FootageRecorder()
    small = thumbnail(picture(WALK[0], 0.0, 0))
    for at_ms in (0, STEP_MS, 10**9, 10**9 + 1, 10**9 + STEP_MS, 5):
        recorder.update(at_ms, small)
    for step in range(400):
        recorder.update(2 * 10**9 + step * STEP_MS, small)
    assert len(recorder.record()) == MAX_RECORD_BYTES


def test_a_flat_picture_leaves_no_hash() -> None:
    recorder = FootageRecorder()
    recorder.update(0, thumbnail(np.full((48, 64), 128, np.uint8)))
    assert recorder.record() == bytes(8)


@pytest.mark.parametrize("junk", [b"1", bytes(MAX_RECORD_BYTES + 8), bytes(7)])
def test_what_is_not_a_record_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="not a record"):
        recurs(junk, b"")


@settings(deadline=None)
@given(st.binary(max_size=800), st.binary(max_size=800))
def test_any_two_records_compare(one: bytes, other: bytes) -> None:
    one, other = one[: len(one) // 8 * 8], other[: len(other) // 8 * 8]
    assert 0.0 <= recurs(one, other) <= 1.0
    assert recurs(one, b"") == 0.0
