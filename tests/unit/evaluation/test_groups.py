"""Skin tone from pixels, and results by band."""

from __future__ import annotations

import numpy as np
import pytest

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.evaluation.groups import (
    LIGHT_BANDS,
    SIZE_BANDS,
    SKIN_BANDS,
    band_of,
    by_group,
    typology_angle_deg,
)
from kyc_rtc.evaluation.results import FaceMeasures
from kyc_rtc.vision.observation import Face, HeadPose
from tests.unit.evaluation.results import clip_result


def face(yaw_deg: float = 0.0, left: float = 40.0) -> Face:
    """A face whose cheeks lie 20 pixels either side of its middle."""
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (left + 40, 80)
    landmarks[[50, 205], :2] = (left + 20, 90)
    landmarks[[280, 425], :2] = (left + 60, 90)
    return Face(landmarks, {}, HeadPose(yaw_deg, 0.0, 0.0), (left, 30.0, left + 80, 130.0))


def painted(*bgr: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.zeros((160, 160, 3), np.uint8)
    image[80:100, 50:110] = bgr
    return image


@pytest.mark.parametrize(
    ("rgb", "angle_deg"),
    [
        # L* and b* by the formulas of CIE 15 for sRGB under D65
        ((255, 224, 196), 66.7),
        ((224, 172, 140), 45.6),
        ((198, 134, 66), 13.8),
        ((141, 85, 36), -12.6),
        ((60, 40, 30), -72.0),
    ],
)
def test_the_angle_of_known_colours(rgb: tuple[int, int, int], angle_deg: float) -> None:
    assert typology_angle_deg(painted(*rgb[::-1]), face()) == pytest.approx(angle_deg, abs=0.3)


def test_cheeks_that_are_turned_away_or_outside_are_not_measured() -> None:
    image = painted(140, 172, 224)
    assert typology_angle_deg(image, face(yaw_deg=30)) is None
    assert typology_angle_deg(image, face(left=300)) is None


def test_one_cheek_in_the_picture_is_enough() -> None:
    image = painted(140, 172, 224)
    image[:, :30] = (140, 172, 224)
    assert typology_angle_deg(image, face(left=-40)) == pytest.approx(45.6, abs=0.3)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "unknown"),
        (90.0, "very light"),
        (55.0, "very light"),
        (54.9, "light"),
        (28.0, "intermediate"),
        (10.0, "tan"),
        (-30.0, "brown"),
        (-30.1, "dark"),
        (-180.0, "dark"),
    ],
)
def test_bands_of_skin(value: float | None, name: str) -> None:
    assert band_of(value, SKIN_BANDS) == name


@pytest.mark.parametrize("bands", [SKIN_BANDS, SIZE_BANDS, LIGHT_BANDS])
def test_bands_leave_no_gap(bands: tuple[tuple[str, float, float], ...]) -> None:
    by_bound = sorted(bands, key=lambda band: band[1])
    assert by_bound[0][1] == -np.inf
    assert by_bound[-1][2] == np.inf
    assert [band[2] for band in by_bound[:-1]] == [band[1] for band in by_bound[1:]]


def test_only_bona_fide_clips_count_and_each_once() -> None:
    dark, light = FaceMeasures(-50.0, 90.0, 50.0), FaceMeasures(60.0, 210.0, 190.0)
    results = [
        clip_result("1.mp4", score=0.9, face=dark),
        clip_result("2.mp4", score=0.1, face=dark),
        clip_result("3.mp4", status=VerdictStatus.INCONCLUSIVE, face=dark),
        clip_result("4.mp4", score=0.1, face=light),
        clip_result("5.mp4", score=None, face=FaceMeasures()),
        clip_result("6.mp4", "replay", 0.9, face=light),
    ]
    by_axis = by_group(results)
    assert {axis: sum(row["n"] for row in rows.values()) for axis, rows in by_axis.items()} == {
        "skin_tone": 5,
        "face_width": 5,
        "light": 5,
    }
    row = by_axis["skin_tone"]["dark"]
    assert (row["n"], row["bpcer"]["hits"], row["bpcer"]["n"]) == (3, 1, 2)
    assert row["non_response"]["value"] == pytest.approx(1 / 3)
    assert by_axis["light"]["luma 60 to 180"]["bpcer"]["value"] is None
    assert by_axis["face_width"]["unknown"]["n"] == 1


def test_nothing_gives_empty_rows() -> None:
    assert by_group([])["skin_tone"]["tan"]["n"] == 0
