"""Issues of a face: each alone, their order, and how long they must last."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.face_quality import QualityGate, QualityThresholds, assess_face
from kyc_rtc.vision.observation import Face, HeadPose
from kyc_rtc.vision.quality import FaceQuality, QualityIssue
from tests.support.faces import face, observation
from tests.unit.test_image_quality import texture

AWAY = HeadPose(yaw_deg=40, pitch_deg=0, roll_deg=0)
"""Turned too far for occlusion to be judged: the hand-made faces have no lips."""


def scene(size: tuple[int, int] = (640, 480)) -> BgrImage:
    """Structure everywhere, so that light and sharpness are good."""
    grey = texture(max(size))[: size[1], : size[0]]
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


def issues(image_bgr: BgrImage, *faces: Face) -> tuple[QualityIssue, ...]:
    height, width = image_bgr.shape[:2]
    return assess_face(observation(*faces, image_size=(width, height)), image_bgr).issues


def lit(gain: float, image_bgr: BgrImage) -> BgrImage:
    return np.asarray(np.clip(image_bgr * gain, 0, 255), np.uint8)


def blurred(image_bgr: BgrImage) -> BgrImage:
    return np.asarray(cv2.GaussianBlur(image_bgr, (0, 0), 5), np.uint8)


def test_a_good_face_has_no_issue() -> None:
    quality = assess_face(observation(face(pose=AWAY)), scene())
    assert quality.ok
    assert quality.judgeable
    assert quality.image is not None
    assert quality.face_fraction == pytest.approx(200 / 480, rel=0.01)


@pytest.mark.parametrize(
    ("image_bgr", "light"),
    [
        (scene(), ()),
        (lit(0.05, scene()), (QualityIssue.TOO_DARK,)),
        (lit(9.0, scene()), (QualityIssue.TOO_BRIGHT,)),
        (np.zeros((48, 64, 3), np.uint8), (QualityIssue.TOO_DARK,)),
    ],
)
def test_without_a_face_the_light_of_the_scene_is_measured(
    image_bgr: BgrImage, light: tuple[QualityIssue, ...]
) -> None:
    found = assess_face(observation(), image_bgr)
    assert found == FaceQuality((*light, QualityIssue.NO_FACE), None, 0.0)


@pytest.mark.parametrize(
    ("roll_deg", "upright"), [(0, True), (45, True), (46, False), (-90, False)]
)
def test_a_face_on_its_side_is_reported_and_not_judged(roll_deg: float, upright: bool) -> None:
    quality = assess_face(observation(face(pose=HeadPose(40, 0, roll_deg))), scene())
    assert quality.judgeable is upright
    assert (QualityIssue.NOT_UPRIGHT in quality.issues) is not upright


def test_issues_are_added_in_order_and_once() -> None:
    dark = FaceQuality((QualityIssue.NO_FACE,), None, 0.0).also([QualityIssue.TOO_DARK])
    assert dark.issues == (QualityIssue.TOO_DARK, QualityIssue.NO_FACE)
    assert dark.also(dark.issues) == dark


@pytest.mark.parametrize(
    ("image_bgr", "expected"),
    [
        (lit(0.25, scene()), QualityIssue.TOO_DARK),
        (lit(2.2, scene()), QualityIssue.TOO_BRIGHT),
        (np.full((480, 640, 3), 235, np.uint8), QualityIssue.TOO_BRIGHT),
        (blurred(scene()), QualityIssue.BLURRED),
    ],
)
def test_bad_light_and_blur_are_reported(image_bgr: BgrImage, expected: QualityIssue) -> None:
    assert expected in issues(image_bgr, face(pose=AWAY))


@pytest.mark.parametrize(
    ("centre_xy", "width_px", "expected"),
    [
        ((320, 240), 60, QualityIssue.FACE_TOO_SMALL),
        ((320, 240), 70, QualityIssue.FACE_TOO_SMALL),
        ((320, 260), 430, QualityIssue.FACE_TOO_LARGE),
        ((100, 240), 120, QualityIssue.OFF_CENTRE),
        ((540, 240), 120, QualityIssue.OFF_CENTRE),
        ((320, 75), 120, QualityIssue.OFF_CENTRE),
        ((80, 240), 200, QualityIssue.CUT_OFF),
        ((560, 240), 200, QualityIssue.CUT_OFF),
        ((320, 400), 200, QualityIssue.CUT_OFF),
    ],
)
def test_size_and_place_are_reported(
    centre_xy: tuple[float, float], width_px: float, expected: QualityIssue
) -> None:
    assert expected in issues(scene(), face(centre_xy, width_px, AWAY))


@pytest.mark.parametrize(
    ("width_px", "several"), [(20, False), (65, False), (75, True), (199, True)]
)
def test_a_tiny_second_face_does_not_count(width_px: float, several: bool) -> None:
    found = issues(scene(), face(pose=AWAY), face((550, 100), width_px))
    assert (QualityIssue.SEVERAL_FACES in found) is several


@settings(deadline=None)
@given(
    x=st.floats(-400, 1000),
    y=st.floats(-400, 900),
    width_px=st.floats(1, 900),
    gain=st.floats(0, 3),
)
def test_any_face_anywhere_is_judged_worst_issue_first(
    x: float, y: float, width_px: float, gain: float
) -> None:
    found = issues(lit(gain, scene()), face((x, y), width_px))
    order = list(QualityIssue)
    assert list(found) == sorted(found, key=order.index)
    if x < -width_px or y < -width_px:
        assert QualityIssue.CUT_OFF in found


def test_a_given_luma_changes_nothing() -> None:
    image_bgr, seen = scene(), observation(face(pose=AWAY))
    luma = np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    assert assess_face(seen, image_bgr, luma=luma) == assess_face(seen, image_bgr)


def test_other_thresholds_judge_otherwise() -> None:
    strict = replace(QualityThresholds(), min_face_fraction=0.5)
    quality = assess_face(observation(face(pose=AWAY)), scene(), thresholds=strict)
    assert quality.issues == (QualityIssue.FACE_TOO_SMALL,)


DARK = FaceQuality((QualityIssue.TOO_DARK,), None, 0.4)
NO_FACE = FaceQuality((QualityIssue.NO_FACE,), None, 0.0)
GOOD = FaceQuality((), None, 0.4)


def stable(*frames: tuple[int, FaceQuality]) -> list[tuple[QualityIssue, ...]]:
    gate = QualityGate()
    return [gate.update(quality, captured_at_ms) for captured_at_ms, quality in frames]


@pytest.mark.parametrize(
    ("frames", "last"),
    [
        ([(0, DARK)], ()),
        ([(0, DARK), (299, DARK)], ()),
        ([(0, DARK), (300, DARK)], (QualityIssue.TOO_DARK,)),
        ([(0, DARK), (200, GOOD), (300, DARK), (500, DARK)], ()),
        ([(0, DARK), (300, DARK), (310, GOOD), (500, GOOD)], (QualityIssue.TOO_DARK,)),
        ([(0, DARK), (300, DARK), (310, GOOD), (610, GOOD)], ()),
        ([(0, DARK), (300, DARK), (310, NO_FACE), (610, NO_FACE)], (QualityIssue.NO_FACE,)),
        ([(9_000, DARK), (100, DARK), (300, DARK)], ()),
        ([(9_000, DARK), (100, DARK), (400, DARK)], (QualityIssue.TOO_DARK,)),
    ],
)
def test_an_issue_must_last_to_come_and_to_go(
    frames: list[tuple[int, FaceQuality]], last: tuple[QualityIssue, ...]
) -> None:
    assert stable(*frames)[-1] == last


@settings(deadline=None)
@given(
    flags=st.lists(st.sets(st.sampled_from(list(QualityIssue))), min_size=1, max_size=40),
    step_ms=st.integers(10, 140),
)
def test_the_gate_never_reports_what_was_not_there_and_keeps_the_order(
    flags: list[set[QualityIssue]], step_ms: int
) -> None:
    gate, seen = QualityGate(), set[QualityIssue]()
    for index, found in enumerate(flags):
        seen |= found
        reported = gate.update(FaceQuality(tuple(found), None, 0.4), index * step_ms)
        assert set(reported) <= seen
        assert list(reported) == [issue for issue in QualityIssue if issue in reported]
        if index * step_ms < 300:
            assert reported == ()
