"""The filmed screen that browser tests attack with: its grid comes from sampling, and runs repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from kyc_rtc.detection.spectrum import EVERY_MS, MoireMeter
from kyc_rtc.frames import BgrImage
from tests.support.browser_camera import Prompt
from tests.support.browser_recapture import Recaptured, Setup, laptop, monitor, phone
from tests.support.film import SIZE, luma_of, sent
from tests.unit.detection import synthetic

HEAD_ON = replace(
    laptop(np.random.default_rng(1)),
    fill=1.2,
    tilt_deg=(0.0, 0.0, 0.0),
    tremor=0.0,
    focus_px=0.3,
    aperture=0.4,
    noise=0.0,
)


class Grey:
    """A plain picture, so that all structure in the film is the screen's."""

    def sees(self, prompt: Prompt) -> None:
        """It does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return np.full((SIZE[1], SIZE[0], 3), 150, np.uint8)


def spectrum(setup: Setup) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Amplitude across the middle of the picture in green, by cycles per picture width."""
    line = Recaptured(Grey(), setup).draw(0)[200:280, :, 1].mean(axis=0)
    return np.abs(np.fft.rfft((line - line.mean()) * np.hanning(len(line)))) / len(line)


@pytest.mark.parametrize("pitch", [2.5, 3.2])
def test_coarse_pixels_show_as_they_are(pitch: float) -> None:
    found = int(spectrum(replace(HEAD_ON, pitch=pitch))[20:].argmax()) + 20
    assert found == pytest.approx(SIZE[0] / pitch, abs=1.5)


def test_pixels_near_the_cameras_own_show_as_slow_moire() -> None:
    found = int(spectrum(replace(HEAD_ON, pitch=1.1))[20:].argmax()) + 20
    assert found == pytest.approx(SIZE[0] - SIZE[0] / 1.1, abs=1.5)  # folded at the sampling rate


def test_a_lens_out_of_focus_hides_the_grid() -> None:
    blurred = replace(HEAD_ON, pitch=1.1, focus_px=1.2, aperture=1.0)
    assert spectrum(blurred)[20:].max() < 0.2 * spectrum(replace(HEAD_ON, pitch=1.1))[20:].max()


class Shapes:
    """Soft shapes with some grain, as a room has them."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        coarse = cv2.resize(rng.normal(size=(24, 32)), SIZE, interpolation=cv2.INTER_CUBIC)
        grain = cv2.GaussianBlur(rng.normal(size=(SIZE[1], SIZE[0])), (0, 0), 0.8)
        grey = np.clip(128 + 40 * coarse + 8 * grain, 0, 255).astype(np.uint8)
        self._picture = np.repeat(grey[:, :, None], 3, axis=2)

    def sees(self, prompt: Prompt) -> None:
        """It does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self._picture


def moire(setup: Setup) -> float:
    """What the analyser measures of a second of film after VP8 at 1000 kbit/s."""
    film, meter = Recaptured(Shapes(), setup), MoireMeter()
    face = synthetic.face(2 * synthetic.face_mesh())
    shown = {at_ms: film.draw(at_ms) for at_ms in range(0, 1_000, 50)}
    for index, frame in enumerate(sent(shown, 1_000)):
        meter.update(index * EVERY_MS, luma_of(frame.to_bgr()), face)
    return meter.peak


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_moire_is_measured_of_the_grid_and_not_of_the_film(seed: int) -> None:
    setup = replace(laptop(np.random.default_rng(seed)), focus_px=0.4, aperture=0.6)
    unseen = replace(setup, focus_px=1.6, aperture=1.0)
    assert moire(setup) > 0.5
    assert moire(unseen) < 0.29


@pytest.mark.parametrize("screen", [monitor, phone, laptop])
def test_a_seed_repeats_a_film(screen: Callable[[np.random.Generator], Setup]) -> None:
    setup = screen(np.random.default_rng(3))
    films = [Recaptured(Grey(), setup, seed=3) for _ in range(2)]
    for at_ms in (0, 40, 80):
        first, second = (film.draw(at_ms) for film in films)
        assert first.shape == (SIZE[1], SIZE[0], 3)
        assert np.array_equal(first, second)
