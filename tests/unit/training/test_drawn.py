"""Animated photographs drawn as clips: whose they are, and that a hand only moves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.clock import SystemClock
from media.file_source import read_frames
from tests.unit.detection import synthetic
from training.drawn import _Hand, _write, drawn_from

PICTURE = np.repeat(synthetic.as_luma(synthetic.texture())[..., None], 3, axis=2)


@pytest.mark.parametrize("name", ["a.mp4", "video/bona fide/b.mp4", "animated_photo.mp4"])
def test_a_drawn_clip_tells_whose_fold_it_shares(name: str) -> None:
    assert drawn_from(f"animated_photo/{name}") == name


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), at_s=st.floats(0, 60))
def test_a_hand_moves_a_picture_by_little(seed: int, at_s: float) -> None:
    held = _Hand(np.random.default_rng(seed)).held(PICTURE, at_s)
    assert held.shape == PICTURE.shape
    near, far = held[80:160, 120:200].mean(), PICTURE[70:170, 110:210].mean()
    assert abs(near - far) < 25


def test_a_hand_that_stands_shows_the_same_picture_at_all_times() -> None:
    hands = [_Hand(np.random.default_rng(seed)) for seed in range(12)]
    still = [np.array_equal(hand.held(PICTURE, 1.0), hand.held(PICTURE, 2.5)) for hand in hands]
    assert any(still)
    assert not all(still)


def test_a_clip_is_written_as_it_was_drawn(tmp_path: Path) -> None:
    odd = PICTURE[:-1, :-1]
    _write([odd] * 20, tmp_path / "clip.mp4")
    frames = [frame.to_bgr() for frame in read_frames(tmp_path / "clip.mp4", SystemClock())]
    assert len(frames) == 20
    assert frames[0].shape == (238, 318, 3)
    assert np.abs(frames[-1].astype(int) - odd[:238, :318]).mean() < 6
