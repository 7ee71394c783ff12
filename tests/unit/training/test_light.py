"""The figures behind the limits of light: copies, fit and table."""

from __future__ import annotations

import numpy as np
import pytest

from kyc_rtc.frames import ImageQuality, SceneLight
from kyc_rtc.vision.light import LightThresholds
from tests.support.faces import face
from training.light import LIGHTS, SKINS, Row, fit, in_light, recoloured, table


def row(light: float, *, skin: str = "as it is", spread: float, highlight: float) -> Row:
    measured = ImageQuality(100.0, 0.0, 0.0, 20.0, spread, 150.0, 1.0, 1.0)
    return Row(0, "light", skin, light, measured, SceneLight(50.0, highlight))


def test_darker_skin_is_darker_in_the_face_alone() -> None:
    image = np.full((480, 640, 3), 160, np.uint8)
    dark = recoloured(image, face((320, 240), 200), SKINS["dark brown"])
    assert np.all(dark[280, 320] < 0.65 * image[280, 320])
    assert np.array_equal(dark[:60], image[:60])


@pytest.mark.parametrize("share", LIGHTS)
def test_light_is_a_share_of_what_was_linear(share: float) -> None:
    image = np.full((64, 64, 3), 150, np.uint8)
    seen = in_light(image, share, np.random.default_rng(1)).mean()
    assert seen == pytest.approx(min(150 * share ** (1 / 2.2), 255), abs=3)


def test_the_limits_lie_between_good_light_and_bad() -> None:
    rows = [row(0.46, spread=80, highlight=100), row(0.04, spread=33, highlight=40)]
    rows.append(row(0.46, skin="darkest", spread=18, highlight=100))
    fitted = fit(rows)
    assert fitted.min_scene_highlight == pytest.approx(70)
    assert (fitted.lit_signal, fitted.min_signal) == (30, 15)
    assert fitted.max_mean_luma == LightThresholds().max_mean_luma


def test_the_table_counts_by_skin_and_light() -> None:
    rows = [row(light, spread=80, highlight=100) for light in LIGHTS] * 2
    lines = table(rows, lambda one: one.light < 0.3).splitlines()
    light = next(line for line in lines if line.startswith("| light |"))
    assert light.startswith("| light | 2 | 0% (0–66) |")
    assert light.endswith("| 100% (34–100) |")
    assert "| dark | 0 | - |" in table(rows, lambda _one: False)
