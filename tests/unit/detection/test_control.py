"""Skin beside the mask: found by the cheeks' colour, and compared with the face by the same features."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.detection.control import CONTROL_NAMES, ControlMeter, skin_regions
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
    return np.clip(picture + noise(seed, strength), 0, 255).astype(np.uint8)


def pair(first: BgrImage, yaw_deg: float = 0.0, corners: Floats = WHOLE) -> Pair:
    luma = np.asarray(cv2.cvtColor(first, cv2.COLOR_BGR2GRAY), np.uint8)
    nowhere = np.zeros((PAIR_PX, PAIR_PX, 2), np.float32)
    return Pair(first, luma, luma, nowhere, MESH, MESH, corners, HeadPose(yaw_deg, 0.0, 0.0))


def features_of(pairs: list[Pair], every_ms: int = 400) -> dict[str, float]:
    meter = ControlMeter()
    for at, one in enumerate(pairs):
        meter.update(at * every_ms, one)
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
    assert skin_regions(pair(person(), corners=cut_off)) is None


def test_a_face_that_stays_the_same_beside_a_neck_that_does_not_has_a_gap() -> None:
    steady = [pair(person(face_detail=1, neck_detail=at, seed=at)) for at in range(12)]
    living = [pair(person(face_detail=at, neck_detail=at, seed=at)) for at in range(12)]
    name = "control_gap_middle_late"
    assert features_of(steady)[name] > features_of(living)[name] + 0.3


def test_a_face_without_grain_beside_a_neck_with_it_has_a_gap() -> None:
    smooth = person(strength=0.0)
    grainy = person(strength=8.0)
    mixed = grainy.copy()
    head = filled(OVAL, 1.05, PAIR_PX)
    mixed[head] = cv2.GaussianBlur(smooth, (0, 0), 2.0)[head]
    name = "control_gap_grain_fine"
    plain, drawn = ([pair(one)] * 6 for one in (grainy, mixed))
    assert features_of(drawn)[name] < features_of(plain)[name] - 0.5


def test_light_that_changes_on_the_neck_alone_spreads_the_shade() -> None:
    levels = [0.8 + 0.04 * (at % 8) for at in range(14)]
    apart, together = [], []
    for at, level in enumerate(levels):
        lit = tuple(int(level * value) for value in SKIN_BGR)
        colour = (lit[0], lit[1], lit[2])
        apart.append(pair(person(neck=colour, seed=at)))
        together.append(pair(person(skin=colour, neck=colour, seed=at)))
    name = "control_gap_shade_spread"
    assert features_of(apart)[name] > features_of(together)[name] + 1.0


def test_without_control_every_feature_is_missing() -> None:
    found = features_of([pair(person(neck=None))] * 12)
    assert tuple(sorted(found)) == tuple(sorted(CONTROL_NAMES))
    assert all(math.isnan(value) for value in found.values())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    dark=st.floats(0.0, 1.0),
    yaw=st.floats(-90, 90),
    shift=st.floats(-300, 300),
)
def test_any_picture_gives_finite_values_or_none(
    seed: int, dark: float, yaw: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    pictures = (rng.integers(0, 256, (8, PAIR_PX, PAIR_PX, 3)) * dark).astype(np.uint8)
    found = features_of([pair(one, yaw, WHOLE + shift) for one in pictures])
    assert set(found) == set(CONTROL_NAMES)
    assert not any(math.isinf(value) for value in found.values())
