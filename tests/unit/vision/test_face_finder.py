"""The second look on a real detector: four ways, far away, and nothing there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kyc_rtc.errors import ModelError
from kyc_rtc.frames import BgrImage
from kyc_rtc.frames.orientation import turn_quarters
from kyc_rtc.vision.face_finder import MediaPipeFinder
from kyc_rtc.vision.face_search import upright_way
from tests.support.portrait import AnimatedPortrait, Expression


@pytest.fixture(scope="module")
def resting(face_model: Path) -> BgrImage:
    return AnimatedPortrait(face_model).render(Expression())


@pytest.fixture(scope="module")
def finder(face_model: Path) -> MediaPipeFinder:
    return MediaPipeFinder(face_model)


@pytest.mark.parametrize("turns", range(4))
def test_the_way_up_is_found(finder: MediaPipeFinder, resting: BgrImage, turns: int) -> None:
    look = finder.look(turn_quarters(resting, -turns), far=False)
    assert upright_way(look) == turns
    upright = look.turned[turns]
    assert upright is not None
    assert 0.3 < upright.width_fraction < 0.6
    assert upright.overhang == 0


def test_a_face_far_away_is_found_in_a_part(finder: MediaPipeFinder, resting: BgrImage) -> None:
    canvas = np.full((1_440, 1_920, 3), 120, np.uint8)
    canvas[200:680, 640:1_280] = resting
    near, far = (finder.look(canvas, far=far) for far in (False, True))
    assert near.turned[0] is None
    assert near.far is None
    assert far.far is not None
    assert far.far.width_fraction < 0.15


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (480, 1), (8, 8), (480, 640)])
def test_any_picture_is_looked_at(finder: MediaPipeFinder, shape: tuple[int, int]) -> None:
    look = finder.look(np.full((*shape, 3), 90, np.uint8), far=True)
    assert not any(look.turned)
    assert look.far is None


def test_a_file_without_a_detector_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "model.task"
    broken.write_bytes(b"no bundle")
    for path in (broken, tmp_path / "missing.task"):
        with pytest.raises(ModelError, match="no face detector"):
            MediaPipeFinder(path)
