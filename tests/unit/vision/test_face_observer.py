"""The MediaPipe observer: what it reports, its clock, and that it closes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from kyc_rtc.errors import ModelError
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import Blendshape
from tests.support.portrait import AnimatedPortrait, Expression


@pytest.fixture(scope="module")
def portrait(face_model: Path) -> AnimatedPortrait:
    return AnimatedPortrait(face_model)


@pytest.fixture(scope="module")
def resting(portrait: AnimatedPortrait) -> BgrImage:
    return portrait.render(Expression())


@pytest.fixture
def observer(face_model: Path) -> Iterator[MediaPipeObserver]:
    with MediaPipeObserver(face_model) as observer:
        yield observer


def test_a_face_comes_with_mesh_pose_box_and_blendshapes(
    observer: MediaPipeObserver, resting: BgrImage
) -> None:
    seen = observer.observe(resting, 1_000, 7)
    assert (seen.captured_at_ms, seen.sequence, seen.image_size) == (1_000, 7, (640, 480))
    face = seen.face
    assert face is not None
    assert face.landmarks.shape == (478, 3)
    assert face.landmarks.dtype == np.float32
    assert set(face.blendshapes) == set(Blendshape)
    assert all(0 <= value <= 1 for value in face.blendshapes.values())
    assert face.box_xyxy == pytest.approx(
        (*face.landmarks[:, :2].min(axis=0), *face.landmarks[:, :2].max(axis=0))
    )
    assert 0.3 * 480 < face.width_px < 0.5 * 480


def test_an_empty_picture_has_no_face(observer: MediaPipeObserver) -> None:
    seen = observer.observe(np.full((240, 320, 3), 90, np.uint8), 0, 0)
    assert seen.faces == ()
    assert seen.face is None


@pytest.mark.parametrize(
    ("expression", "channel", "sign"),
    [
        (Expression(yaw_deg=25), "yaw_deg", 1),
        (Expression(yaw_deg=-25), "yaw_deg", -1),
        (Expression(pitch_deg=15), "pitch_deg", 1),
        (Expression(pitch_deg=-15), "pitch_deg", -1),
    ],
)
def test_the_pose_has_the_sign_of_the_turn(
    observer: MediaPipeObserver,
    portrait: AnimatedPortrait,
    expression: Expression,
    channel: str,
    sign: int,
) -> None:
    rest = observer.observe(portrait.render(Expression()), 0, 0).face
    turned = observer.observe(portrait.render(expression), 33, 1).face
    assert rest is not None
    assert turned is not None
    assert sign * (getattr(turned.pose, channel) - getattr(rest.pose, channel)) > 8


def test_the_larger_face_stands_first(observer: MediaPipeObserver, resting: BgrImage) -> None:
    large = resting[:, 120:520]
    small = cv2.resize(large, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    picture = np.full((480, 680, 3), 90, np.uint8)
    picture[: small.shape[0], : small.shape[1]] = small
    picture[:, 280:] = large
    faces = observer.observe(picture, 0, 0).faces
    assert len(faces) == 2
    assert faces[0].centre_xy[0] > 280 > faces[1].centre_xy[0]
    assert faces[0].width_px > 1.2 * faces[1].width_px


def test_one_face_at_most_where_asked(face_model: Path, resting: BgrImage) -> None:
    both = np.hstack([resting, resting])
    with MediaPipeObserver(face_model, max_faces=1) as observer:
        assert len(observer.observe(both, 0, 0).faces) == 1


@pytest.mark.parametrize("times_ms", [(0, 0, 0), (500, 400, 0), (-5, -5, -900), (0, 10**9, 5)])
def test_media_time_may_repeat_and_go_back(
    observer: MediaPipeObserver, resting: BgrImage, times_ms: tuple[int, ...]
) -> None:
    for sequence, captured_at_ms in enumerate(times_ms):
        seen = observer.observe(resting, captured_at_ms, sequence)
        assert seen.captured_at_ms == captured_at_ms
        assert seen.face is not None


def test_other_threads_may_call_it_and_none_is_left(face_model: Path, resting: BgrImage) -> None:
    before = threading.active_count()
    observer = MediaPipeObserver(face_model)
    with ThreadPoolExecutor(2) as pool:
        for sequence in range(4):
            seen = pool.submit(observer.observe, resting, sequence * 33, sequence).result()
            assert seen.face is not None
        pool.submit(observer.close).result()
    observer.close()
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        observer.observe(resting, 200, 5)


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_what_is_not_a_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "face_landmarker.task"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"face_landmarker\.task") as caught:
        MediaPipeObserver(path)
    assert "models fetch" in caught.value.hint
