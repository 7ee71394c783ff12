"""Alignment, pose, openness and crops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from kyc_rtc.vision import geometry
from kyc_rtc.vision.observation import Landmarks
from tests.support.faces import mesh

ANGLES = st.floats(-60, 60)
POINTS = arrays(np.float64, (8, 3), elements=st.floats(-5, 5, width=32))


def random_mesh(seed: int) -> Landmarks:
    return np.random.default_rng(seed).normal(0, 100, (478, 3)).astype(np.float32)


def test_the_named_groups_lie_in_the_mesh_and_repeat_nothing() -> None:
    names = [n for n in dir(geometry) if n.isupper() and isinstance(getattr(geometry, n), tuple)]
    assert {"LEFT_EYE", "RIGHT_IRIS", "FACE_OVAL", "BONY", "OUTER_LIPS"} <= set(names)
    for name in names:
        group = getattr(geometry, name)
        assert len(set(group)) == len(group)
        assert 0 <= min(group) <= max(group) < 478


@settings(deadline=None)
@given(points=POINTS, euler=st.tuples(ANGLES, ANGLES, ANGLES), scale=st.floats(0.1, 10))
def test_a_similarity_is_found_again(
    points: geometry.Floats, euler: tuple[float, float, float], scale: float
) -> None:
    if np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] < 0.1:
        return  # points on one line leave the rotation open
    rotation = Rotation.from_euler("yxz", euler, degrees=True).as_matrix()
    moved = scale * points @ rotation.T + [1.0, -2.0, 3.0]
    fit = geometry.fit_similarity(points, moved)
    assert fit.scale == pytest.approx(scale, rel=1e-6)
    np.testing.assert_allclose(fit.apply(points), moved, atol=1e-6 * max(scale, 1) * 10)
    assert np.linalg.det(fit.rotation) == pytest.approx(1)


def test_a_mirrored_face_is_not_reflected_back() -> None:
    points = np.random.default_rng(0).normal(0, 1, (10, 3))
    fit = geometry.fit_similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(fit.rotation) == pytest.approx(1)


@pytest.mark.parametrize(
    ("points", "reference"),
    [(np.zeros((4, 3)), np.ones((4, 3))), (np.eye(3), np.ones((4, 3))), (np.ones(3), np.ones(3))],
)
def test_points_that_allow_no_fit_are_refused(
    points: geometry.Floats, reference: geometry.Floats
) -> None:
    with pytest.raises(ValueError, match=r"coincide|equal sets"):
        geometry.fit_similarity(points, reference)


@settings(deadline=None)
@given(yaw=ANGLES, pitch=ANGLES, roll=ANGLES, scale=st.floats(0.5, 30))
def test_the_pose_is_read_from_the_matrix(
    yaw: float, pitch: float, roll: float, scale: float
) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = scale * Rotation.from_euler("YXZ", [yaw, pitch, -roll], True).as_matrix()
    matrix[:3, 3] = [1, 2, -40]
    pose = geometry.pose_from_matrix(matrix)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((yaw, pitch, roll))


@settings(deadline=None)
@given(yaw=ANGLES, pitch=ANGLES, roll=ANGLES)
def test_the_shape_does_not_know_place_size_or_pose(yaw: float, pitch: float, roll: float) -> None:
    landmarks = random_mesh(3)
    landmarks[list(geometry.BONY)] = 100 * geometry._MEAN_BONY
    rotation = Rotation.from_euler("YXZ", [yaw, pitch, roll], True).as_matrix()
    moved = (2.5 * landmarks @ rotation.T + [300, 200, 0]).astype(np.float32)
    shape = geometry.pose_free_shape(landmarks)
    np.testing.assert_allclose(geometry.pose_free_shape(moved), shape, atol=1e-3)
    assert np.linalg.norm(shape[33] - shape[263]) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("openness", [0.0, 0.1, 0.3, 0.5])
def test_eye_openness_is_the_aspect_ratio(openness: float) -> None:
    landmarks = mesh((0, 0), 200)
    for outer, inner, upper, lower in (
        (33, 133, (160, 158), (144, 153)),
        (263, 362, (387, 385), (373, 380)),
    ):
        width = np.linalg.norm(landmarks[outer] - landmarks[inner])
        for up, down in zip(upper, lower, strict=True):
            middle = (landmarks[outer] + landmarks[inner]) / 2
            landmarks[up] = landmarks[down] = middle
            landmarks[up, 1] -= openness * width / 2
            landmarks[down, 1] += openness * width / 2
    landmarks[[385, 387, 380, 373]] = landmarks[[387, 385, 373, 380]]
    assert geometry.eye_openness(landmarks) == pytest.approx((openness, openness), abs=1e-5)


def test_the_left_eye_comes_first() -> None:
    landmarks = mesh((0, 0), 200)
    landmarks[[385, 387]] = landmarks[[380, 373]]
    left, right = geometry.eye_openness(landmarks)
    assert left == pytest.approx(0, abs=1e-6)
    assert right > 0.1


@pytest.mark.parametrize("gap_px", [0.0, 20.0])
def test_mouth_openness_is_in_eye_distances(gap_px: float) -> None:
    landmarks = mesh((0, 0), 200)
    landmarks[[87, 14, 317]] = landmarks[[82, 13, 312]] + [0, gap_px, 0]
    eyes = float(np.linalg.norm(landmarks[33] - landmarks[263]))
    assert geometry.mouth_openness(landmarks) == pytest.approx(gap_px / eyes, abs=1e-5)


@pytest.mark.parametrize("roll_deg", [-30.0, 0.0, 45.0])
@pytest.mark.parametrize("width_px", [60.0, 200.0, 900.0])
def test_a_crop_puts_the_eyes_in_their_places(roll_deg: float, width_px: float) -> None:
    rotation = Rotation.from_euler("z", roll_deg, degrees=True).as_matrix()
    centre = np.array([600.0, 500.0, 0.0])
    landmarks = (mesh((0, 0), width_px) @ rotation.T + centre).astype(np.float32)
    picture = np.zeros((1000, 1200, 3), np.uint8)
    right, left = geometry.eye_centres(landmarks)
    for eye, colour in ((right, 1), (left, 2)):
        y, x = np.mgrid[:1000, :1200]
        picture[np.hypot(x - eye[0], y - eye[1]) < width_px / 12, colour] = 255
    crop = geometry.aligned_crop(picture, landmarks, 100, eye_distance=0.3)
    assert crop.shape == (100, 100, 3)
    for channel, x in ((1, 35), (2, 65)):
        ys, xs = np.nonzero(crop[..., channel] > 127)
        assert (xs.mean(), ys.mean()) == pytest.approx((x, 40), abs=1.0)


def test_a_grey_picture_gives_a_grey_crop_even_beyond_its_border() -> None:
    picture = np.full((120, 160), 77, np.uint8)
    crop = geometry.aligned_crop(picture, mesh((0, 0), 100), 64)
    assert crop.shape == (64, 64)
    assert (crop == 77).all()
