"""The pictures of the faked server survive a codec, and nothing else is taken for one."""

from __future__ import annotations

import base64
from typing import Literal

import numpy as np
import pytest

from kyc_rtc.frames import decode_picture
from tests.support.face_picture import Shown, data_url, draw, read
from tests.unit.liveness.fakes.faces import Look

LOOKS = [
    Look(),
    Look(yaw_deg=30.0),
    Look(yaw_deg=-30.0, pitch_deg=20.0),
    Look(shut=1.0, smile=0.8),
    Look(jaw=1.0),
]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("look", LOOKS)
def test_what_a_picture_shows_is_read_back(look: Look, suffix: Literal[".png", ".jpg"]) -> None:
    for face, good, attack in ((True, True, False), (True, False, False), (False, True, True)):
        drawn = Shown(look, face, good, attack)
        _, _, payload = data_url(drawn, suffix).partition(";base64,")
        found = read(decode_picture(base64.b64decode(payload)))
        assert found is not None
        assert (found.face, found.good, found.attack) == (face, good, attack)
        assert found.look.yaw_deg == pytest.approx(look.yaw_deg, abs=0.8)
        assert found.look.pitch_deg == pytest.approx(look.pitch_deg, abs=0.8)
        assert found.look.shut == pytest.approx(look.shut, abs=0.02)
        assert found.look.smile == pytest.approx(look.smile, abs=0.02)
        assert found.look.jaw == pytest.approx(look.jaw, abs=0.02)


def test_a_face_at_rest_reads_as_exactly_at_rest() -> None:
    found = read(draw(Shown()))
    assert found is not None
    assert abs(found.look.yaw_deg) < 0.3
    assert abs(found.look.pitch_deg) < 0.3


def test_other_pictures_show_nothing() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    assert read(np.zeros((96, 128, 3), np.uint8)) is None
    assert read(np.full((480, 640, 3), 200, np.uint8)) is None
    assert read(noise) is None


def test_half_the_light_is_still_read_and_darkness_is_not() -> None:
    picture = draw(Shown(Look(yaw_deg=25.0)))
    dimmed = read((picture // 2).astype(np.uint8))
    assert dimmed is not None
    assert dimmed.look.yaw_deg == pytest.approx(25.0, abs=2.0)
    assert read((picture // 8).astype(np.uint8)) is None
