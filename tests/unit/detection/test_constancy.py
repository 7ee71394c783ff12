"""The face laid out on its mesh, and how much it looks the same again, on pictures with known answers."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kyc_rtc.detection.atlas import AREAS, SIDE_PX, atlas
from kyc_rtc.detection.constancy import (
    BANDS,
    CONSTANCY_NAMES,
    LEAST,
    MEAN,
    ConstancyMeter,
    constancy_name,
    split,
)
from kyc_rtc.detection.mean_face import MEAN_FACE
from kyc_rtc.detection.pairs import PAIR_PX, Pair
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import INNER_LIPS, OUTER_LIPS, Floats
from kyc_rtc.vision.observation import HeadPose

MESH = np.array(MEAN_FACE, np.float64) / 1_000 * 60 + (96, 77)
HIGHEST = math.atanh(0.9995)
WHOLE = np.array([(0.0, 0.0), (192.0, 0.0), (192.0, 192.0), (0.0, 192.0)])


def skin(seed: int) -> NDArray[np.uint8]:
    """Detail of all sizes, (192, 192)."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.GaussianBlur(rng.normal(size=(PAIR_PX, PAIR_PX)), (0, 0), sigma) * sigma * 22
        for sigma in (1.5, 3, 6, 12)
    ]
    return np.asarray(np.clip(np.sum(layers, axis=0) + 120, 20, 235), np.uint8)


def pair(luma: BgrImage, points: Floats = MESH, yaw_deg: float = 0.0) -> Pair:
    nowhere = np.zeros((PAIR_PX, PAIR_PX, 2), np.float32)
    coloured = np.repeat(luma[..., None], 3, axis=2)
    return Pair(coloured, luma, luma, nowhere, points, points, WHOLE, HeadPose(yaw_deg, 0.0, 0.0))


def moved(luma: BgrImage, step: int) -> tuple[BgrImage, Floats]:
    """The picture, and the mesh with it, shifted, turned and scaled a little."""
    matrix = np.asarray(cv2.getRotationMatrix2D((96, 96), 3.0 * (step % 3), 1 + 0.01 * step))
    matrix[:, 2] += (step % 4, -(step % 3))
    picture = cv2.warpAffine(luma, matrix, (PAIR_PX, PAIR_PX), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture, np.uint8), MESH @ matrix[:, :2].T + matrix[:, 2]


def features_of(pairs: list[Pair], every_ms: int = 400) -> dict[str, float]:
    meter = ConstancyMeter()
    for at, one in enumerate(pairs):
        meter.update(at * every_ms, one)
    return meter.values()


def test_each_place_shows_its_own_point_of_the_mesh() -> None:
    across = np.repeat(np.arange(PAIR_PX, dtype=np.uint8)[None], PAIR_PX, axis=0)
    look = atlas().look(across, MESH)
    inner = atlas().areas["inner"]
    places = np.linspace(-0.85, 0.85, SIDE_PX)
    expected = np.repeat((places * 60 + 96)[None], SIDE_PX, axis=0)
    assert np.abs(look.picture - expected)[inner].max() < 0.6
    assert look.seen[inner].all()


def test_areas_are_parts_of_the_inner_face() -> None:
    areas = atlas().areas
    assert tuple(areas) == AREAS
    parts = [areas[name] for name in ("skin", "eyes", "lips")]
    assert np.array_equal(np.sum(parts, axis=0), areas["inner"].astype(int))
    heights = {name: np.nonzero(area)[0].mean() for name, area in areas.items()}
    assert heights["eyes"] < heights["nose"] < heights["lips"]
    assert all(area.sum() >= 100 for area in areas.values())
    assert (areas["cheeks"] & ~areas["skin"]).sum() == 0


def test_the_side_that_turns_away_is_unseen() -> None:
    turned = MESH.copy()
    away = turned[:, 0] < 96
    turned[away, 0] = 96 + 0.1 * (turned[away, 0] - 96)
    seen = atlas().look(skin(1), turned).seen & atlas().areas["skin"]
    right, left = seen[:, SIDE_PX // 2 + 2 :].sum(), seen[:, : SIDE_PX // 2 - 2].sum()
    assert right > 300
    assert left < 0.1 * right


def test_what_moves_with_the_mesh_stays_the_same() -> None:
    found = features_of([pair(*moved(skin(1), step)) for step in range(9)])
    assert tuple(found) == CONSTANCY_NAMES
    for area, when in itertools.product(AREAS, ("soon", "late")):
        assert found[constancy_name(area, "coarse", when)] > 2.0
        assert found[constancy_name(area, "middle", when)] > 1.5


def test_what_is_new_each_time_is_not_the_same() -> None:
    found = features_of([pair(skin(seed)) for seed in range(9)])
    for area, band, when in itertools.product(AREAS, BANDS, ("soon", "late")):
        assert abs(found[constancy_name(area, band, when)]) < 0.5


def test_one_part_that_lives_is_enough_for_the_least_of_all() -> None:
    (left, top), (right, bottom) = (
        MESH[list(OUTER_LIPS), :2].min(0),
        MESH[list(OUTER_LIPS), :2].max(0),
    )
    lips = slice(int(top) - 2, int(bottom) + 3), slice(int(left) - 2, int(right) + 3)
    still, speaking = [], []
    for step in range(9):
        picture = skin(1)
        picture[lips] = skin(2 + step)[lips]
        still.append(pair(skin(1)))
        speaking.append(pair(picture))
    drawn, living = features_of(still), features_of(speaking)
    assert min(drawn[LEAST], drawn[MEAN]) > HIGHEST - 0.01
    assert living[LEAST] < 0.5
    assert living[LEAST] + 0.5 < living[MEAN] < HIGHEST


def test_noise_between_looks_is_known_from_the_correlation() -> None:
    """A signal and noise of equal strength correlate at one half: Fisher's z is 0.55."""
    signal = np.random.default_rng(0).normal(size=(PAIR_PX, PAIR_PX))
    looks = []
    for seed in range(1, 14):
        noise = np.random.default_rng(seed).normal(size=(PAIR_PX, PAIR_PX))
        both = cv2.GaussianBlur(signal + noise, (0, 0), 4.0)
        looks.append(pair(np.clip(120 + both * 120, 0, 255).astype(np.uint8)))
    found = features_of(looks)
    assert found[constancy_name("inner", "middle", "late")] == pytest.approx(0.55, abs=0.15)
    assert found[constancy_name("inner", "middle", "drift")] == pytest.approx(0.0, abs=0.15)


def test_exposure_changes_nothing() -> None:
    darker = (skin(1) * 0.6).astype(np.uint8)
    found = features_of([pair(skin(1) if step % 2 else darker) for step in range(9)])
    assert found[constancy_name("inner", "middle", "late")] > 2.0


def test_skin_that_slowly_changes_is_the_same_soon_and_another_late() -> None:
    looks = []
    for step in range(12):
        angle = step * math.pi / 12
        mixed = math.cos(angle) * (skin(1) - 120.0) + math.sin(angle) * (skin(2) - 120.0)
        looks.append(pair(np.clip(mixed + 120, 0, 255).astype(np.uint8)))
    found = features_of(looks)
    soon, late, drift = (
        found[constancy_name("skin", "middle", w)] for w in ("soon", "late", "drift")
    )
    assert soon > late + 0.8
    assert drift == pytest.approx(late - soon)


@pytest.mark.parametrize(
    ("every_ms", "yaws_deg", "soon", "late"),
    [
        (400, (0.0, 0.0, 0.0, 0.0, 0.0), True, False),
        (1_100, (0.0,) * 6, False, True),
        (400, (0.0, 10.0, 20.0, 30.0, 40.0), False, False),
        (1_100, (0.0, 10.0, 20.0, 30.0, 40.0, 50.0), False, False),
        (400, (0.0, *([20.0] * 40), 0.0), True, True),
    ],
)
def test_only_like_poses_at_known_distances_are_compared(
    every_ms: int, yaws_deg: tuple[float, ...], soon: bool, late: bool
) -> None:
    found = features_of([pair(skin(1), yaw_deg=yaw) for yaw in yaws_deg], every_ms)
    assert math.isfinite(found[constancy_name("skin", "fine", "soon")]) == soon
    assert math.isfinite(found[constancy_name("skin", "fine", "late")]) == late
    assert math.isfinite(found[LEAST]) == math.isfinite(found[MEAN]) == late


def test_later_only_like_expressions_are_compared() -> None:
    """A smile changes any picture: it is compared with smiles, and a resting face with resting ones."""

    def acted(wider: float) -> Floats:
        mesh, lips = MESH.copy(), [*OUTER_LIPS, *INNER_LIPS]
        middle = mesh[lips].mean(axis=0)
        mesh[lips] = middle + (mesh[lips] - middle) * wider
        return mesh

    late = constancy_name("cheeks", "middle", "late")
    seen = [pair(skin(seed), acted(wider)) for seed, wider in ((1, 1.0), (2, 1.7), (3, 0.3))]
    assert features_of(seen * 4, every_ms=1_100)[late] > 2.0
    alike = [pair(skin(seed)) for seed in (1, 2, 3)]
    assert features_of(alike * 4, every_ms=1_100)[late] < 1.0


def test_looks_are_forgotten() -> None:
    """Three first looks in one pose; 32 in others; then three in the first pose, each long alone."""
    yaws = [0.0] * 3 + [10.0 * (at + 1) for at in range(32)] + [0.0] * 3
    found = features_of([pair(skin(1), yaw_deg=yaw) for yaw in yaws], every_ms=1_100)
    assert math.isnan(found[constancy_name("skin", "fine", "late")])


def test_bands_part_detail_by_its_size() -> None:
    across = np.arange(SIDE_PX, dtype=np.float32)
    strengths = []
    for wave_px in (3.0, 9.0, 20.0):
        row = 120 + 40 * np.sin(2 * np.pi * across / wave_px)
        picture = np.repeat(row[None], SIDE_PX, axis=0).astype(np.float32)
        strengths.append([float(band.std()) for band in split(picture)])
    assert [int(np.argmax(row)) for row in strengths] == [0, 1, 2]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**16), st.floats(-500, 500))
def test_any_picture_gives_numbers_or_none(low: int, high: int, seed: int, shift_px: float) -> None:
    rng = np.random.default_rng(seed)
    looks = []
    for _ in range(8):
        luma = rng.integers(min(low, high), max(low, high) + 1, (PAIR_PX, PAIR_PX))
        looks.append(pair(luma.astype(np.uint8), MESH + shift_px))
    for name, value in features_of(looks).items():
        if not name.endswith("drift"):
            assert math.isnan(value) or abs(value) <= HIGHEST + 1e-6
