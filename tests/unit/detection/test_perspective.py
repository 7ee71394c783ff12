"""The depth of a face by its change of perspective: on pictures of a pinhole whose depth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.detection.approach import Depth, DepthMeter, PerspectiveAnalyser
from kyc_rtc.detection.evidence import ADVISORY, Sample
from kyc_rtc.detection.perspective import LENS, Look, Relief, compare, look_at
from kyc_rtc.detection.thumbnail import thumbnail
from kyc_rtc.vision.observation import FaceObservation, HeadPose
from tests.unit.detection import solid, synthetic

NEAR = solid.AT_FIRST / 1.3
APPROACH = np.geomspace(solid.AT_FIRST, NEAR, 6).tolist()


def look(distance: float, depth: float, **more: float) -> Look:
    return look_at(solid.picture(distance, depth=depth, **more), solid.face(distance, depth=depth))


def share(relief: Relief | None) -> float:
    assert relief is not None
    return relief.change / relief.expected


@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("near", [solid.AT_FIRST / 1.2, NEAR])
def test_the_depth_is_measured_whichever_look_comes_first(depth: float, near: float) -> None:
    far_look, near_look = look(solid.AT_FIRST, depth), look(near, depth)
    assert share(compare(far_look, near_look)) == pytest.approx(depth, abs=0.2)
    assert share(compare(near_look, far_look)) == pytest.approx(depth, abs=0.2)


@pytest.mark.parametrize("depth", [0.0, 1.0])
def test_a_face_beside_the_middle_is_measured_alike(depth: float) -> None:
    moved = look(NEAR, depth, shift_px=6.0)
    assert share(compare(look(solid.AT_FIRST, depth), moved)) == pytest.approx(depth, abs=0.25)


def test_a_shorter_lens_would_mean_a_flatter_face() -> None:
    far_look, near_look = look(solid.AT_FIRST, 1.0), look(NEAR, 1.0)
    usual, short = compare(far_look, near_look), compare(far_look, near_look, LENS / 2)
    assert share(short) == pytest.approx(share(usual) / 2, abs=0.05)


def test_a_plain_picture_has_no_corners() -> None:
    plain = np.full((solid.HEIGHT, solid.WIDTH), 120, np.uint8)
    far_look, near_look = (look_at(plain, solid.face(at)) for at in (solid.AT_FIRST, NEAR))
    assert compare(far_look, near_look) is None


def metered(distances: list[float], depth: float, **face: float) -> DepthMeter:
    meter = DepthMeter()
    for number, distance in enumerate(distances):
        seen = solid.face(distance, depth=depth, **face)
        meter.update(number * 450, solid.picture(distance, depth=depth), seen)
    return meter


@pytest.mark.parametrize(("depth", "is_head"), [(1.0, True), (0.0, False)])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_head_and_a_photograph_are_told_apart(
    depth: float, is_head: bool, backwards: bool
) -> None:
    still = [solid.AT_FIRST] * 5
    way = [*still, *APPROACH, *[NEAR] * 3]
    found = metered(way[::-1] if backwards else way, depth).depth
    assert found is not None
    assert (found.log_likelihood_ratio > 1.0, found.log_likelihood_ratio < -1.0) == (
        is_head, not is_head,
    )  # fmt: skip
    assert found.ratio == pytest.approx(1.3, abs=0.08)


def test_who_keeps_the_distance_is_not_measured() -> None:
    assert metered([solid.AT_FIRST, solid.AT_FIRST / 1.05] * 6, 1.0).depth is None


def test_poses_unlike_each_other_are_not_compared() -> None:
    meter = DepthMeter()
    for number, (distance, yaw_deg) in enumerate([(solid.AT_FIRST, 0.0), (NEAR, 9.0)]):
        seen = replace(solid.face(distance), pose=HeadPose(yaw_deg, 0.0, 0.0))
        meter.update(number * 450, solid.picture(distance), seen)
    assert meter.depth is None


def test_what_is_kept_is_bounded() -> None:
    meter = DepthMeter()
    view = solid.picture(solid.AT_FIRST)
    for number in range(120):
        meter.update(number * 450, view, solid.face(solid.AT_FIRST / 1.03 ** (number % 30)))
    assert len(meter._looks) <= 12
    assert meter.depth is None or meter.depth.pairs <= 40


@given(value=st.floats(-2, 3), error=st.floats(0, 5))
def test_the_odds_favour_what_is_nearer_and_fade_with_the_error(value: float, error: float) -> None:
    odds = Depth(value, error, 1.3, 3).log_likelihood_ratio
    surer = Depth(value, error / 2, 1.3, 3).log_likelihood_ratio
    if value >= 1.0:
        assert odds > 0
    if -0.1 <= value <= 0.1:
        assert odds < 0
        assert surer <= odds + 1e-9


def test_the_statement_is_advisory_and_says_nothing_without_a_change() -> None:
    analyser = PerspectiveAnalyser()
    scores = []
    for number, distance in enumerate([solid.AT_FIRST] * 5 + APPROACH + [NEAR] * 3):
        luma = solid.picture(distance, depth=0.0)
        seen = FaceObservation(
            number * 450, number, luma.shape[::-1], (solid.face(distance, depth=0.0),)
        )
        analyser.update(Sample(luma, luma, thumbnail(luma), seen, synthetic.GOOD, 0.0))
        scores.append(analyser.evidence())
    assert scores[0].confidence == 0.0
    assert scores[-1].confidence > 0.3
    assert scores[-1].score > 0.5
    assert scores[-1].signs == ()
    assert analyser.name in ADVISORY
