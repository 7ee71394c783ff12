"""Covers over mouth, nose and eyes, painted on the portrait; nothing on a free face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.face_quality import assess_face
from kyc_rtc.vision.geometry import OUTER_LIPS
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import Face, FaceObservation, HeadPose
from kyc_rtc.vision.occlusion import FacePart, covered_parts
from kyc_rtc.vision.quality import QualityIssue
from tests.support.covers import BARE, COVERS, DARKER, Canvas
from tests.support.faces import face
from tests.support.portrait import AnimatedPortrait, Expression

JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
MASK = (195, 117, 346, *JAW)
BELOW_NOSE = (2, 98, 327, 205, 425, 136, 150, 152, 379, 365)
RIGHT_LENS = (70, 63, 105, 66, 107, 133, 118, 117, 143, 111, 31, 228, 230, 231)
LEFT_LENS = (300, 293, 334, 296, 336, 362, 347, 346, 372, 340, 448, 450, 451)
MOUTH = (205, 425, 135, 364, 98, 327, 201, 421)


@pytest.fixture(scope="module")
def portrait(face_model: Path) -> AnimatedPortrait:
    return AnimatedPortrait(face_model)


def observe(face_model: Path, image_bgr: BgrImage) -> tuple[FaceObservation, Face]:
    with MediaPipeObserver(face_model) as observer:
        seen = observer.observe(image_bgr, 0, 0)
    assert seen.face is not None
    return seen, seen.face


def skin(image_bgr: BgrImage, face: Face) -> tuple[int, int, int]:
    x, y = face.landmarks[50, :2].astype(int)
    blue, green, red = np.median(image_bgr[y - 3 : y + 4, x - 3 : x + 4], axis=(0, 1)).tolist()
    return int(blue), int(green), int(red)


def cover(
    image_bgr: BgrImage, face: Face, region: tuple[int, ...], colour: tuple[int, int, int]
) -> BgrImage:
    painted = image_bgr.copy()
    points: NDArray[np.float32] = face.landmarks[list(region), :2]
    cv2.fillConvexPoly(painted, cv2.convexHull(points).astype(np.int32), colour)
    return np.asarray(cv2.GaussianBlur(painted, (0, 0), 0.8), np.uint8)


@pytest.mark.parametrize(
    "expression",
    [
        Expression(),
        Expression(smile=1),
        Expression(mouth_open=1),
        Expression(blink=1),
        Expression(yaw_deg=25),
        Expression(yaw_deg=-25),
        Expression(pitch_deg=15),
    ],
)
@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_a_free_face_is_not_covered(
    face_model: Path, portrait: AnimatedPortrait, expression: Expression, gain: float
) -> None:
    picture = (portrait.render(expression) * gain).astype(np.uint8)
    _, found = observe(face_model, picture)
    assert covered_parts(picture, found) == frozenset()


@pytest.mark.parametrize(
    ("region", "colour", "part"),
    [
        (MASK, (190, 150, 90), FacePart.MOUTH),
        (MASK, (215, 215, 215), FacePart.MOUTH),
        (MASK, (30, 28, 28), FacePart.NOSE),
        (BELOW_NOSE, (210, 210, 210), FacePart.MOUTH),
        (BELOW_NOSE, (30, 28, 28), FacePart.MOUTH),
    ],
)
def test_masks_are_seen(
    face_model: Path,
    portrait: AnimatedPortrait,
    region: tuple[int, ...],
    colour: tuple[int, int, int],
    part: FacePart,
) -> None:
    picture = portrait.render(Expression())
    _, free = observe(face_model, picture)
    masked = cover(picture, free, region, colour)
    assert part in covered_parts(masked, free)
    seen, _ = observe(face_model, masked)
    assert QualityIssue.OCCLUDED in assess_face(seen, masked).issues


@pytest.mark.parametrize("colour", [(130, 60, 50), (25, 20, 25), (60, 110, 50), (150, 170, 160)])
def test_painted_lips_are_not_a_cover(
    face_model: Path, portrait: AnimatedPortrait, colour: tuple[int, int, int]
) -> None:
    picture = portrait.render(Expression())
    _, free = observe(face_model, picture)
    painted = picture.copy()
    lips = free.landmarks[list(OUTER_LIPS), :2].astype(np.int32)
    cv2.fillPoly(painted, [cv2.convexHull(lips)], colour)
    assert covered_parts(painted, free) == frozenset()


@pytest.fixture(scope="module")
def bare(face_model: Path, portrait: AnimatedPortrait) -> Canvas:
    picture = portrait.render(Expression())
    _, free = observe(face_model, picture)
    return Canvas(picture, free, np.random.default_rng(1))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", BARE)
def test_a_face_of_whatever_skin_and_lips_is_not_covered(
    bare: Canvas, name: str, dark: bool
) -> None:
    painted = BARE[name](DARKER(bare) if dark else bare)
    assert covered_parts(painted.image_bgr, painted.face) == frozenset()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", COVERS)
def test_a_cover_over_whatever_skin_is_seen_where_it_is(
    bare: Canvas, name: str, dark: bool
) -> None:
    painted = COVERS[name](DARKER(bare) if dark else bare)
    eyes = "eye" in name or "glasses" in name
    parts = {FacePart.EYES} if eyes else {FacePart.MOUTH, FacePart.NOSE}
    found = covered_parts(painted.image_bgr, painted.face)
    assert found
    assert found <= parts


@pytest.mark.parametrize("name", ["mask, blue", "scarf"])
def test_what_covers_only_the_mouths_own_outline_is_no_cover(bare: Canvas, name: str) -> None:
    """A cover goes on beyond the lips; the same colour on the lips alone is paint."""
    share = bare.inside(OUTER_LIPS, hull=False)
    cloth = COVERS[name](bare).image_bgr.astype(np.float32)
    painted = bare.painted(share, cloth)
    assert FacePart.MOUTH not in covered_parts(painted.image_bgr, painted.face)


def test_sunglasses_and_hands_are_seen(face_model: Path, portrait: AnimatedPortrait) -> None:
    picture = portrait.render(Expression())
    _, free = observe(face_model, picture)
    one_lens = cover(picture, free, RIGHT_LENS, (20, 20, 22))
    assert FacePart.EYES not in covered_parts(one_lens, free)
    glasses = cover(one_lens, free, LEFT_LENS, (20, 20, 22))
    assert covered_parts(glasses, free) == {FacePart.EYES}
    hand = skin(picture, free)
    assert FacePart.EYES in covered_parts(cover(picture, free, RIGHT_LENS, hand), free)
    assert FacePart.MOUTH in covered_parts(cover(picture, free, MOUTH, hand), free)


@pytest.mark.parametrize(
    "face_at",
    [
        face((-500, 240)),
        face((320, 3_000)),
        face(width_px=2),
        face(pose=HeadPose(yaw_deg=45, pitch_deg=0, roll_deg=0)),
    ],
)
def test_what_cannot_be_judged_is_not_called_covered(face_at: Face) -> None:
    assert covered_parts(np.full((480, 640, 3), 20, np.uint8), face_at) == frozenset()
