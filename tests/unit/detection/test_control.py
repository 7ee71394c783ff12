"""Skin outside the mask: found by the cheeks' colour, and compared with the face by the same features."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.detection.control import (
    CHROMA_GRAIN,
    CONTROL_NAMES,
    USUAL_GAP,
    ControlMeter,
    skin_regions,
)
from kyc_rtc.detection.mean_face import MEAN_FACE
from kyc_rtc.detection.pairs import PAIR_PX, Pair
from kyc_rtc.detection.regions import filled
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL, Floats
from kyc_rtc.vision.observation import HeadPose

MESH = np.array(MEAN_FACE, np.float64) / 1_000 * 60 + (96, 77)
SKIN_BGR, WALL_BGR = (120, 150, 200), (140, 90, 60)
WHOLE = np.array([(-50.0, -50.0), (400.0, -50.0), (400.0, 400.0), (-50.0, 400.0)])
OVAL = MESH[list(FACE_OVAL)]


def noise(seed: int, strength: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, strength, (PAIR_PX, PAIR_PX, 3)).astype(np.float32)


def detail(seed: int) -> NDArray[np.float32]:
    """What skin has of its own, and keeps: (192, 192, 1)."""
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.normal(0, 30, (PAIR_PX, PAIR_PX)), (0, 0), 1.2)[..., None].astype(
        np.float32
    )


def person(
    *,
    skin: tuple[int, int, int] = SKIN_BGR,
    neck: tuple[int, int, int] | None = SKIN_BGR,
    face_detail: int = 1,
    neck_detail: int = 2,
    seed: int = 0,
    strength: float = 2.0,
) -> BgrImage:
    """A face and a neck of one colour before a wall, each with detail of its own, and camera noise."""
    picture = np.full((PAIR_PX, PAIR_PX, 3), WALL_BGR, np.float32)
    if neck is not None:
        picture[140:, 60:132] = np.array(neck, np.float32) + detail(neck_detail)[140:, 60:132]
    head = filled(OVAL, 1.05, PAIR_PX)
    picture[head] = (np.array(skin, np.float32) + detail(face_detail))[head]
    return np.asarray(np.clip(picture + noise(seed, strength), 0, 255), np.uint8)


def pair(first: BgrImage, corners: Floats = WHOLE) -> Pair:
    luma = np.asarray(cv2.cvtColor(first, cv2.COLOR_BGR2GRAY), np.uint8)
    nowhere = np.zeros((PAIR_PX, PAIR_PX, 2), np.float32)
    return Pair(first, luma, luma, nowhere, MESH, MESH, corners, HeadPose(0.0, 0.0, 0.0))


def features_of(pairs: list[Pair]) -> dict[str, float]:
    meter = ControlMeter()
    for one in pairs:
        meter.update(one)
    return meter.values()


@pytest.mark.parametrize("skin", [SKIN_BGR, (60, 80, 130), (35, 45, 70), (190, 205, 235)], ids=str)
def test_a_neck_in_the_colour_of_the_face_is_found_and_lies_outside_of_it(
    skin: tuple[int, int, int],
) -> None:
    found = skin_regions(pair(person(skin=skin, neck=skin)))
    assert found is not None
    assert found.control[150:185, 70:120].mean() > 0.6
    assert not (found.control & filled(OVAL, 1.05, PAIR_PX)).any()
    assert not (found.face & ~filled(OVAL, 0.75, PAIR_PX)).any()


def test_a_neck_in_the_shadow_of_the_chin_is_found() -> None:
    dim = tuple(int(0.6 * level) for level in SKIN_BGR)
    assert skin_regions(pair(person(neck=(dim[0], dim[1], dim[2])))) is not None


@pytest.mark.parametrize("neck", [None, (40, 160, 40), (200, 60, 60)], ids=str)
def test_a_collar_or_a_wall_is_no_control(neck: tuple[int, int, int] | None) -> None:
    assert skin_regions(pair(person(neck=neck))) is None


def test_what_lies_beyond_the_picture_is_no_control() -> None:
    cut_off = np.array([(0.0, 0.0), (192.0, 0.0), (192.0, 148.0), (0.0, 148.0)])
    assert skin_regions(pair(person(), cut_off)) is None


def coloured(picture: BgrImage, seed: int, strength: float) -> BgrImage:
    """With noise of colour, as a camera has it."""
    return np.asarray(np.clip(picture + noise(seed, strength), 0, 255), np.uint8)


def test_a_face_with_less_grain_of_colour_than_the_neck_has_a_gap() -> None:
    filmed = [coloured(person(), seed, 8.0) for seed in range(6)]
    head = filled(OVAL, 1.05, PAIR_PX)
    drawn = []
    for picture in filmed:
        smooth = picture.copy()
        smooth[head] = cv2.GaussianBlur(picture, (0, 0), 2.0)[head]
        drawn.append(smooth)
    plain, painted = (features_of([pair(one) for one in some]) for some in (filmed, drawn))
    assert -0.2 < plain[CHROMA_GRAIN] <= USUAL_GAP
    assert painted[CHROMA_GRAIN] < plain[CHROMA_GRAIN] - 0.5


def test_the_camera_alone_makes_no_gap() -> None:
    found = [
        features_of([pair(coloured(person(), seed, strength)) for seed in range(6)])[CHROMA_GRAIN]
        for strength in (2.0, 6.0, 12.0)
    ]
    assert max(found) - min(found) < 0.2


def test_noise_of_colour_on_the_face_clears_nobody() -> None:
    head = filled(OVAL, 1.05, PAIR_PX)
    noisy = []
    for seed in range(6):
        picture = person()
        picture[head] = coloured(picture, seed, 12.0)[head]
        noisy.append(pair(picture))
    assert features_of(noisy)[CHROMA_GRAIN] == USUAL_GAP


def test_fewer_than_four_pairs_say_nothing() -> None:
    assert math.isnan(features_of([pair(person())] * 3)[CHROMA_GRAIN])


def test_without_control_every_feature_is_missing() -> None:
    found = features_of([pair(person(neck=None))] * 12)
    assert tuple(sorted(found)) == tuple(sorted(CONTROL_NAMES))
    assert all(math.isnan(value) for value in found.values())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), dark=st.floats(0.0, 1.0), shift=st.floats(-300, 300))
def test_any_picture_gives_finite_values_or_none(seed: int, dark: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    pictures = (rng.integers(0, 256, (8, PAIR_PX, PAIR_PX, 3)) * dark).astype(np.uint8)
    found = features_of([pair(one, WHOLE + shift) for one in pictures])
    assert set(found) == set(CONTROL_NAMES)
    assert not any(math.isinf(value) for value in found.values())
