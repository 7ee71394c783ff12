"""Planar motion: a tilted photograph obeys one homography, a head that turns does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kyc_rtc.detection.evidence import Sign
from kyc_rtc.detection.geometry import GeometryAnalyser
from kyc_rtc.detection.planar import PlanarMotion, unexplained
from tests.unit.detection import synthetic

FLAT, HEAD = 0.1, 0.25


def points() -> tuple[np.ndarray, np.ndarray]:
    """Places on the face, (n, 2) in pixels, and their heights."""
    unit = np.random.default_rng(3).uniform(-0.6, 0.6, (60, 2))
    return synthetic.CENTRE + unit * synthetic.RADII, synthetic.depth(unit)


@pytest.mark.parametrize("yaw_deg", [-35, -25, 25, 40])
def test_a_known_homography_is_explained(yaw_deg: float) -> None:
    start, _ = points()
    now = cv2.perspectiveTransform(start[None], synthetic.plane_homography(yaw_deg))[0]
    noisy = now + np.random.default_rng(1).normal(size=now.shape) * 0.1
    left = unexplained(start.astype(np.float32), noisy.astype(np.float32))
    assert left is not None
    assert left < FLAT


@pytest.mark.parametrize("yaw_deg", [-30, -20, 20, 30])
def test_a_turned_head_is_not(yaw_deg: float) -> None:
    start, height = points()
    yaw = np.radians(yaw_deg)
    now = start.copy()
    now[:, 0] = (
        synthetic.CENTRE[0]
        + (start[:, 0] - synthetic.CENTRE[0]) * np.cos(yaw)
        + height * np.sin(yaw)
    )
    left = unexplained(start.astype(np.float32), now.astype(np.float32))
    assert left is None or left > HEAD


@pytest.mark.parametrize(("scale", "roll_deg"), [(1.0, 0), (1.3, 0), (1.0, 20), (0.8, -30)])
def test_without_a_squeeze_nothing_is_said(scale: float, roll_deg: float) -> None:
    start, _ = points()
    roll = np.radians(roll_deg)
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    assert unexplained(start.astype(np.float32), (start @ turn.T + 5).astype(np.float32)) is None


def swinging(index: int) -> float:
    return 34.0 * float(np.sin(2 * np.pi * index / 70))


def test_a_tilted_photograph_is_a_hard_sign() -> None:
    analyser, photo = GeometryAnalyser(), synthetic.texture()
    seen = synthetic.face(synthetic.face_mesh())
    for index in range(140):
        luma = synthetic.as_luma(synthetic.tilted(photo, swinging(index)), 2.0, index)
        analyser.update(synthetic.sample(index * 33, luma, seen))
    evidence = analyser.evidence()
    assert evidence.signs == (Sign.PLANAR_MOTION,)
    assert evidence.score >= 0.9


def test_a_turning_head_is_none() -> None:
    motion, photo = PlanarMotion(), synthetic.texture()
    seen = synthetic.face(synthetic.face_mesh())
    for index in range(70):
        picture = synthetic.turned(photo, 0.8 * swinging(index))
        motion.update(index * 33, synthetic.as_luma(picture, 2.0, index), seen)
    assert motion.count >= 5
    assert motion.residual > HEAD


def test_a_plain_picture_gives_nothing_to_follow() -> None:
    motion = PlanarMotion()
    seen = synthetic.face(synthetic.face_mesh())
    for index in range(20):
        motion.update(index * 33, np.full((240, 320), 90, np.uint8), seen)
    assert (motion.count, motion.residual) == (0, 1.0)
