"""Light: judged by what can be read in a face and by the scene, never by how dark skin is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.frames import BgrImage, ImageQuality, SceneLight, measure_image, measure_scene
from kyc_rtc.vision.light import LightThresholds, face_light_issue, scene_light_issue
from kyc_rtc.vision.quality import QualityIssue
from tests.unit.test_image_quality import Luma, texture

LIMITS = LightThresholds()
DARK, BRIGHT = QualityIssue.TOO_DARK, QualityIssue.TOO_BRIGHT
ORDER = [DARK, None, BRIGHT]


def face_of(
    spread: float, *, noise: float = 1.0, highlight: float = 120.0, bright: float = 0.0
) -> ImageQuality:
    return ImageQuality(
        mean_luma=highlight - spread / 2,
        dark_fraction=0.0,
        bright_fraction=bright,
        contrast=spread / 3,
        spread=spread,
        highlight=highlight,
        sharpness=1.0,
        noise_sigma=noise,
    )


def scene_of(highlight: float, median: float = 30.0) -> SceneLight:
    return SceneLight(median, highlight)


@pytest.mark.parametrize(
    ("face", "scene_highlight", "expected"),
    [
        (face_of(100), 180, None),
        (face_of(25, highlight=50), 130, None),  # dark skin in a lit room
        (face_of(25, highlight=50), 50, DARK),  # the same face in a dark one
        (face_of(25, highlight=50), 60, None),
        (face_of(80), 30, None),  # lit by a screen, all else black
        (face_of(14, noise=1), 180, DARK),  # 14 - 3: a silhouette before a window
        (face_of(16, noise=1), 180, None),
        (face_of(60, noise=20), 180, DARK),  # nothing is left beyond the noise
        (face_of(60, noise=20, highlight=250), 250, None),  # its bright end clips: not dark
        (face_of(5, highlight=250, bright=0.5), 250, BRIGHT),
        (face_of(10, highlight=235), 240, BRIGHT),  # flattened below white
    ],
)
def test_the_light_on_a_face(
    face: ImageQuality, scene_highlight: float, expected: QualityIssue | None
) -> None:
    assert face_light_issue(face, scene_of(scene_highlight), LIMITS) is expected


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (SceneLight(0, 0), DARK),
        (SceneLight(20, 59), DARK),
        (SceneLight(20, 60), None),
        (SceneLight(239, 255), None),
        (SceneLight(240, 255), BRIGHT),
    ],
)
def test_the_light_of_a_scene_without_a_face(
    scene: SceneLight, expected: QualityIssue | None
) -> None:
    assert scene_light_issue(scene, LIMITS) is expected


def room(skin: float) -> tuple[Luma, Luma]:
    """A face that reflects so much of the encoded light, from 0 to 1, in a room; and the room."""
    scene = texture(240)
    core = (texture(120, seed=3) * skin).astype(np.uint8)
    scene[60:180, 60:180] = core
    return core, scene


def issue_at(gain: float, skin: float) -> QualityIssue | None:
    face, scene = (np.clip(picture * gain, 0, 255).astype(np.uint8) for picture in room(skin))
    return face_light_issue(measure_image(face), measure_scene(scene), LIMITS)


@pytest.mark.parametrize("skin", [1.0, 0.7, 0.5, 0.4])
def test_no_skin_is_too_dark_in_good_light_and_none_is_well_lit_in_the_dark(skin: float) -> None:
    assert issue_at(1.0, skin) is None
    assert issue_at(0.7, skin) is None
    assert issue_at(0.1, skin) is DARK


@given(skin=st.floats(0.25, 1.0), base=st.floats(0.05, 2.5))
def test_more_light_never_makes_a_picture_darker(skin: float, base: float) -> None:
    answers = [ORDER.index(issue_at(base * gain, skin)) for gain in (0.5, 0.7, 1.0, 1.4, 2.0)]
    assert answers == sorted(answers)


@given(
    spread=st.floats(0, 255),
    noise=st.floats(0, 40),
    lowest=st.floats(0, 255),
    scene=st.floats(0, 255),
    gains=st.tuples(st.floats(0.5, 2.0), st.floats(0.5, 2.0)),
)
def test_what_is_too_bright_is_not_too_dark_in_brighter_light(
    spread: float, noise: float, lowest: float, scene: float, gains: tuple[float, float]
) -> None:
    def at(gain: float) -> QualityIssue | None:
        highlight, shadow = min((lowest + spread) * gain, 255), min(lowest * gain, 255)
        measured = face_of(highlight - shadow, noise=noise * gain, highlight=highlight)
        return face_light_issue(measured, scene_of(min(scene * gain, 255)), LIMITS)

    darker, brighter = sorted(gains)
    assert ORDER.index(at(darker)) <= ORDER.index(at(brighter))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_every_picture_has_a_light(height: int, width: int, top: int, seed: int) -> None:
    luma = np.random.default_rng(seed).integers(0, top + 1, (height, width), dtype=np.uint8)
    light = measure_scene(luma)
    assert 0 <= light.median <= light.highlight <= max(top, 0)
    scene_light_issue(light, LIMITS)


def test_the_scene_is_measured_in_luma_steps() -> None:
    scene: BgrImage = np.full((480, 640), 40, np.uint8)
    scene[:48] = 200
    assert measure_scene(scene) == SceneLight(40, 200)
    grey = np.asarray(cv2.resize(scene, (64, 48), interpolation=cv2.INTER_AREA), np.uint8)
    assert measure_scene(grey) == SceneLight(40, 200)
