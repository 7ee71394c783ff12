"""Pairs of pictures and the motion between them, on shifts and changes of known size."""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.detection.flow import FLOW_NAMES, FlowMeter, flow_features, shade_features, shades
from kyc_rtc.detection.net_views import NET_PX, VIEWS, views
from kyc_rtc.detection.pairs import PAIR_EVERY_MS, PAIR_PX, Pair, PairCutter, flow_between, followed
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL
from kyc_rtc.vision.observation import Face
from tests.unit.detection import synthetic

PICTURE = np.repeat(synthetic.as_luma(synthetic.texture())[..., None], 3, axis=2)
FACE = synthetic.face(synthetic.face_mesh())


def shifted(picture: BgrImage, right_px: float) -> BgrImage:
    matrix = np.array([[1, 0, right_px], [0, 1, 0.0]])
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def face_at(right_px: float) -> Face:
    mesh = synthetic.face_mesh()
    mesh[:, 0] += right_px
    return synthetic.face(mesh)


def pair(second: BgrImage = PICTURE, after: Face = FACE) -> Pair:
    cutter = PairCutter()
    assert cutter.update(0, PICTURE, luma(PICTURE), FACE) is None
    found = cutter.update(100, second, luma(second), after)
    assert found is not None
    return found


def luma(picture: BgrImage) -> BgrImage:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def on_face(picture: BgrImage, change: BgrImage) -> BgrImage:
    """The picture with what lies inside the face's contour taken from `change`."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [synthetic.face_mesh()[list(FACE_OVAL), :2].astype(np.int32)], 1)
    return np.where(mask[..., None] > 0, change, picture)


@pytest.mark.parametrize("step_ms", [33, 40, 66, 100, 133])
def test_pairs_come_on_a_schedule_whatever_the_frame_rate(step_ms: int) -> None:
    cutter = PairCutter()
    pairs = [
        cutter.update(now_ms, PICTURE, PICTURE[..., 0], FACE)
        for now_ms in range(0, 20 * PAIR_EVERY_MS, step_ms)
    ]
    assert 14 <= sum(found is not None for found in pairs) <= 20


@pytest.mark.parametrize("second_ms", [141, 400, 10_000, -5])
def test_pictures_too_far_apart_are_not_a_pair(second_ms: int) -> None:
    cutter = PairCutter()
    cutter.update(0, PICTURE, PICTURE[..., 0], FACE)
    assert cutter.update(second_ms, PICTURE, PICTURE[..., 0], FACE) is None


def test_a_frame_that_cannot_be_judged_parts_a_pair() -> None:
    cutter = PairCutter()
    cutter.update(0, PICTURE, PICTURE[..., 0], FACE)
    cutter.reset()
    assert cutter.update(100, PICTURE, PICTURE[..., 0], FACE) is None


def test_a_face_too_small_to_follow_is_not_cut() -> None:
    mesh = synthetic.face_mesh()
    small = synthetic.face(np.column_stack([mesh[:, :2] * 0.3, mesh[:, 2]]))
    cutter = PairCutter()
    for now_ms in range(0, 2_000, 100):
        assert cutter.update(now_ms, PICTURE, PICTURE[..., 0], small) is None


@pytest.mark.parametrize("right_px", [-3.0, -1.0, 0.5, 2.0, 4.0])
def test_a_shift_is_found_and_put_back(right_px: float) -> None:
    found = pair(shifted(PICTURE, right_px))
    scale = 0.22 * PAIR_PX / (0.8 * 70)  # the synthetic eyes stand 0.8 radii of 70 pixels apart
    middle = found.flow[60:130, 60:130]
    assert np.median(middle[..., 0]) == pytest.approx(right_px * scale, abs=0.25)
    assert np.median(middle[..., 1]) == pytest.approx(0.0, abs=0.25)
    back = followed(found.second, found.flow)[60:130, 60:130]
    assert np.abs(back - found.first[60:130, 60:130]).mean() < 4.0


def test_the_mesh_that_moves_with_the_pixels_is_not_apart_from_them() -> None:
    second = shifted(PICTURE, 4.0)
    with_it, without = pair(second, face_at(4.0)), pair(second, FACE)
    assert flow_features(with_it)["mesh_apart"] < flow_features(without)["mesh_apart"] - 1.0
    assert flow_features(with_it)["mesh_shift"] < flow_features(without)["mesh_shift"] - 1.0


def test_a_face_that_moves_over_its_surround_is_apart_from_it() -> None:
    together = flow_features(pair(shifted(PICTURE, 4.0)))
    alone = flow_features(pair(on_face(PICTURE, shifted(PICTURE, 4.0))))
    assert alone["surround_share"] > together["surround_share"] + 1.0
    assert alone["uneven_seam"] > together["uneven_seam"]


def test_a_texture_that_is_drawn_anew_is_not_explained() -> None:
    moved = shifted(PICTURE, 2.0)
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.normal(0, 40, PICTURE.shape[:2]), (0, 0), 1.0)[..., None]
    anew = on_face(moved, np.clip(moved + noise, 0, 255).astype(np.uint8))
    kept, swimming = flow_features(pair(moved)), flow_features(pair(anew))
    assert swimming["left_inner"] > kept["left_inner"] + 0.3
    assert swimming["left_gap"] > kept["left_gap"] + 0.3


def test_every_name_has_a_value_from_four_pairs_on() -> None:
    meter = FlowMeter()
    assert set(meter.values()) == set(FLOW_NAMES)
    assert all(math.isnan(value) for value in meter.values().values())
    for _ in range(4):
        meter.update(pair())
    known = {name for name, value in meter.values().items() if math.isfinite(value)}
    assert known == {name for name in FLOW_NAMES if not name.startswith("shade_")}


def test_exposure_is_not_shade_and_a_shadow_is() -> None:
    points = pair().points
    plain = np.full((PAIR_PX, PAIR_PX), 120, np.uint8)
    assert shades(plain, points) == pytest.approx(np.zeros(23))
    shadow = plain.copy()
    shadow[:, : PAIR_PX // 2] = 60
    left_over_right = shades(shadow, points)
    assert np.ptp(left_over_right) == pytest.approx(math.log(124 / 64), abs=0.02)


def test_light_that_turns_with_the_face_is_separated_from_light_that_does_not() -> None:
    rng = np.random.default_rng(2)
    photo, head = deque[tuple[np.ndarray, np.ndarray]](), deque[tuple[np.ndarray, np.ndarray]]()
    for index in range(40):
        yaw_deg = 20 * math.sin(index / 3)
        noise = rng.normal(0, 0.01, 23)
        photo.append((np.array([yaw_deg, 0.0]), noise))
        head.append((np.array([yaw_deg, 0.0]), noise + 0.01 * yaw_deg * np.linspace(-1, 1, 23)))
    assert shade_features(photo)["shade_turned_over_still"] == pytest.approx(0.0, abs=0.15)
    assert shade_features(head)["shade_turned_over_still"] > 1.0


def test_the_net_sees_three_views_and_a_still_face_has_no_change() -> None:
    shown = views(pair().first_bgr, pair().second, pair().flow)
    assert shown.shape == (len(VIEWS), NET_PX, NET_PX, 3)
    colour, motion, change = shown
    assert colour.std() > 10
    assert motion[..., 0].std() > 10  # grain is there without any motion
    assert np.abs(motion[..., 1].astype(int) - 127).max() <= 1
    assert np.abs(change.astype(int) - 127).max() <= 1


def test_the_evened_change_is_alike_whatever_its_strength() -> None:
    rng = np.random.default_rng(6)
    grain = rng.normal(0, 1, PICTURE.shape[:2])[..., None]
    weak, strong = (
        views(found.first_bgr, found.second, found.flow)[2].astype(float)
        for found in (pair(np.clip(PICTURE + s * grain, 0, 255).astype(np.uint8)) for s in (8, 24))
    )
    assert weak.std() == pytest.approx(strong.std(), rel=0.15)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), constant=st.booleans())
def test_whatever_is_in_the_pictures_the_measures_are_finite(seed: int, *, constant: bool) -> None:
    rng = np.random.default_rng(seed)
    junk = rng.integers(0, 255, PICTURE.shape, np.uint8)
    second = np.full_like(PICTURE, seed % 255) if constant else junk
    found = pair(second)
    assert np.isfinite(flow_between(found.first, found.second)).all()
    assert all(math.isfinite(value) for value in flow_features(found).values())
