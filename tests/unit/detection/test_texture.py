"""Texture: a face painted smooth, and the grid of a screen."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from kyc_rtc.detection.evidence import Evidence, Sign
from kyc_rtc.detection.flicker import fine_change
from kyc_rtc.detection.grain import measure_grain
from kyc_rtc.detection.regions import crop, regions
from kyc_rtc.detection.spectrum import EVERY_MS, MoireMeter
from kyc_rtc.detection.texture import AXES_CLEAR, TextureAnalyser
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face
from kyc_rtc.vision.quality import FaceQuality
from tests.support.film import luma_of, sent
from tests.unit.detection import synthetic

SEEN = synthetic.face(synthetic.face_mesh())
LARGE = synthetic.face(2 * synthetic.face_mesh())
SIZE = (2 * synthetic.WIDTH, 2 * synthetic.HEIGHT)


def scene(seed: int = 8) -> NDArray[np.float32]:
    """Soft shapes with the grain of a camera, another one for each seed."""
    rng = np.random.default_rng(seed)
    shapes = cv2.GaussianBlur(synthetic.texture(), (0, 0), 4)
    return np.asarray(shapes + 4 * rng.normal(size=shapes.shape), np.float32)


def face_smoothed(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same with the inside of the face painted smooth."""
    oval = np.zeros(picture.shape, np.uint8)
    centre, radii = synthetic.CENTRE.astype(int), (0.9 * synthetic.RADII).astype(int)
    cv2.ellipse(oval, centre.tolist(), radii.tolist(), 0, 0, 360, 255, -1)
    smooth = cv2.GaussianBlur(picture, (0, 0), 2)
    return np.where(oval > 0, smooth, picture).astype(np.float32)


def room(seed: int = 8) -> NDArray[np.float32]:
    """The same as a camera of 640 by 480 sees it."""
    rng = np.random.default_rng(seed)
    shapes = cv2.resize(synthetic.texture(), SIZE, interpolation=cv2.INTER_CUBIC)
    shapes = cv2.GaussianBlur(shapes, (0, 0), 8)
    return np.asarray(shapes + 4 * rng.normal(size=shapes.shape), np.float32)


def screen(picture: NDArray[np.float32], amplitude: float) -> NDArray[np.float32]:
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    return np.asarray(picture + amplitude * np.sin(1.1 * x + 0.7 * y), np.float32)


def peak(picture: NDArray[np.float32], frames: int = 20) -> float:
    """The strongest line over frames to each of which a camera adds its grain."""
    meter = MoireMeter()
    for index in range(frames):
        meter.update(index * EVERY_MS, synthetic.as_luma(picture, 6.0, index), LARGE)
    return meter.peak


def judged(
    draw: Callable[[int], NDArray[np.float32]],
    frames: int = 120,
    quality: FaceQuality = synthetic.GOOD,
    face: Face = SEEN,
) -> Evidence:
    analyser = TextureAnalyser()
    for index in range(frames):
        luma = synthetic.as_luma(draw(index))
        analyser.update(synthetic.sample(index * 33, luma, face, quality))
    return analyser.evidence()


def test_a_smooth_face_has_less_grain_than_its_surround() -> None:
    masks = regions(SEEN.landmarks)
    plain = measure_grain(crop(synthetic.as_luma(scene()), SEEN.landmarks), masks)
    painted = measure_grain(crop(synthetic.as_luma(face_smoothed(scene())), SEEN.landmarks), masks)
    assert painted.fine_inside < plain.fine_inside - 0.5
    assert painted.fine_against_surround < plain.fine_against_surround - 0.5
    assert painted.surround_fine == pytest.approx(plain.surround_fine, rel=0.1)


def test_a_smooth_face_raises_the_score() -> None:
    plain, painted = judged(scene), judged(lambda n: face_smoothed(scene(n)))
    assert painted.score > max(plain.score, 0.5)
    assert painted.signs == (Sign.TEXTURE,)


@pytest.mark.parametrize("amplitude", [6.0, 12.0])
def test_a_grid_is_a_line_in_the_spectrum(amplitude: float) -> None:
    plain, grid = peak(room()), peak(screen(room(), amplitude))
    assert grid > plain + 1.0
    found = judged(lambda n: screen(room(n), amplitude), face=LARGE)
    assert found.score >= 0.65
    assert found.signs == (Sign.RECAPTURE,)


def test_a_grid_too_weak_for_one_frame_stands_out_of_many() -> None:
    weak = screen(room(), 0.4)
    at_once = peak(weak, frames=1) - peak(room(), frames=1)
    in_time = peak(weak, frames=60) - peak(room(), frames=60)
    assert in_time > at_once + 0.05


def test_a_grid_that_spares_the_face_is_none() -> None:
    """A blind behind the person, or a shirt; a screen that is held before the camera covers all."""
    picture, grid = room(), screen(room(), 12.0)
    oval = np.zeros(picture.shape, np.uint8)
    centre, radii = (2 * synthetic.CENTRE).astype(int), (2.2 * synthetic.RADII).astype(int)
    cv2.ellipse(oval, centre.tolist(), radii.tolist(), 0, 0, 360, 255, -1)
    blind = np.where(oval > 0, picture, grid).astype(np.float32)
    shirt = picture.copy()
    shirt[320:, 200:440] = grid[320:, 200:440]
    assert peak(blind) < peak(picture) + 0.1
    assert peak(shirt) < 0.29
    assert peak(grid) > peak(picture) + 1.0


@pytest.mark.parametrize("kbps", [60, 150, 600])
def test_a_codec_leaves_no_grid(kbps: int) -> None:
    pictures = {
        50 * n: synthetic.sample(50 * n, synthetic.as_luma(room(n)), None).image_bgr
        for n in range(30)
    }
    meter = MoireMeter()
    for index, frame in enumerate(sent(pictures, kbps)):
        meter.update(index * EVERY_MS, luma_of(frame.to_bgr()), LARGE)
    assert meter.count >= 20
    assert meter.peak < 0.4


@pytest.mark.parametrize("shape", [(0, 0), (63, 640), (640, 63), (240, 320), (1, 1)])
def test_a_small_picture_has_no_spectrum(shape: tuple[int, int]) -> None:
    meter = MoireMeter()
    meter.update(0, np.zeros(shape, np.uint8), LARGE)
    assert (meter.count, meter.peak) == (0, 0.0)


def test_a_face_outside_of_the_picture_has_no_spectrum() -> None:
    mesh = 2 * synthetic.face_mesh()
    mesh[:, 0] -= 800
    meter = MoireMeter()
    meter.update(0, synthetic.as_luma(room()), synthetic.face(mesh))
    assert (meter.count, meter.peak) == (0, 0.0)


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(200, 500), st.integers(200, 700)), elements=st.just(0)
    ),
    st.integers(0, 255),
)
def test_an_even_picture_of_any_size_has_no_line(picture: BgrImage, level: int) -> None:
    meter = MoireMeter()
    meter.update(0, picture + np.uint8(level), LARGE)
    assert meter.peak == 0.0


@pytest.mark.parametrize(
    ("frames", "quality"), [(0, synthetic.GOOD), (10, synthetic.GOOD), (60, synthetic.DARK)]
)
def test_too_little_is_not_judged(frames: int, quality: FaceQuality) -> None:
    assert judged(scene, frames, quality).confidence == 0.0


def test_a_starved_codec_silences_the_grain() -> None:
    starved = cv2.GaussianBlur(scene(), (0, 0), 5).astype(np.float32)
    analyser = TextureAnalyser()
    for index in range(60):
        analyser.update(synthetic.sample(index * 33, synthetic.as_luma(starved), SEEN))
    assert analyser.smoothness() == 0.0


def test_grain_that_stands_still_in_the_face_alone_is_seen() -> None:
    masks = regions(SEEN.landmarks)
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(2, 240, 320)) * 4
    base = scene()
    before, after = (
        crop(synthetic.as_luma(base + n.astype(np.float32)), SEEN.landmarks) for n in noise
    )
    living = fine_change(before, after, masks)
    mixed = np.where(masks.inner, before, after)
    assert fine_change(before, mixed, masks) < living - 1.0


def test_a_grid_with_level_lines_is_found_on_the_axes() -> None:
    meter = MoireMeter()
    lines = 6 * np.sin(2 * np.pi * 11 / 64 * np.mgrid[0 : SIZE[1], 0 : SIZE[0]][0])
    for index in range(20):
        meter.update(index * EVERY_MS, synthetic.as_luma(room() + lines, 4.0, index), LARGE)
    assert meter.peak_on_axes > AXES_CLEAR


def test_frames_are_looked_at_four_times_a_second() -> None:
    meter = MoireMeter()
    for index in range(30):
        meter.update(index * 33, synthetic.as_luma(room()), LARGE)
    assert meter.count == 4
