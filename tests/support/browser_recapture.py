"""A screen filmed by a camera: whoever is shown there looks into our camera only by way of two others.

The optics are computed, not painted. Each camera pixel looks along a ray that ends somewhere on the
screen. There it finds the light of the shown picture, and how much of the screen's sub-pixel stripes
its small footprint covers. Moiré comes about where the two grids meet, and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from tests.support.browser_camera import Person, Prompt
from tests.support.film import SIZE

Floats32 = NDArray[np.float32]

_FOCAL_PX = 620.0  # a camera that sees 55 degrees across, as a phone's or a webcam's
_CELLS = 24  # screen pixels along an edge of the rendered piece of the screen
_PARTS = 12  # samples along an edge of one screen pixel
_TARGET_LIGHT = 0.20  # mean light that the camera's exposure aims at, of full scale
_NOISE_MARGIN = 64


@dataclass(frozen=True, slots=True)
class Setup:
    """A screen, a camera, and how they stand to each other.

    `pitch` is the size of a screen pixel in pixels of the camera, `fill` the share of the view's
    width that the screen takes, `tilt_deg` its turn about the upright, the level and the viewing
    axis. `focus_px` is the blur of the lens (sigma), `aperture` the share of a camera pixel's pitch
    that gathers light: video modes skip lines. Light is of full scale: `contrast` between black and
    white, `black` of a dark screen in its room, `reflection` at the brightest spot. `banding` is the
    depth of the refresh seen by the rolling shutter, `persistence` the share of the last picture
    that a slow panel still shows, `noise` the sensor's.
    """

    pitch: float
    fill: float
    tilt_deg: tuple[float, float, float]
    tremor: float
    focus_px: float
    aperture: float
    contrast: float
    black: float
    reflection: float
    white_bgr: tuple[float, float, float]
    banding: float
    persistence: float
    noise: float


def monitor(rng: np.random.Generator) -> Setup:
    """A desktop monitor before a webcam: its pixels are about as large as the camera's."""
    return _setup(rng, pitch=(0.75, 1.9), fill=(1.04, 1.35), tremor=(0.1, 0.5))


def phone(rng: np.random.Generator) -> Setup:
    """A phone held before the camera: very fine pixels, its rim in the picture, an unsteady hand."""
    return _setup(rng, pitch=(0.3, 0.6), fill=(0.92, 1.1), tremor=(0.5, 1.2))


def laptop(rng: np.random.Generator) -> Setup:
    """A laptop's screen filmed with a phone from close by: coarse pixels."""
    return _setup(rng, pitch=(1.5, 2.4), fill=(1.2, 1.6), tremor=(0.4, 1.0))


def _setup(
    rng: np.random.Generator,
    pitch: tuple[float, float],
    fill: tuple[float, float],
    tremor: tuple[float, float],
) -> Setup:
    """What differs from attempt to attempt with any screen."""
    blue, red = rng.uniform(0.95, 1.15), rng.uniform(0.88, 1.04)
    return Setup(
        pitch=rng.uniform(*pitch),
        fill=rng.uniform(*fill),
        tilt_deg=(rng.normal(0, 4), rng.normal(0, 4), rng.normal(0, 1.5)),
        tremor=rng.uniform(*tremor),
        focus_px=rng.uniform(0.3, 0.8),
        aperture=rng.uniform(0.4, 1.0),
        contrast=rng.uniform(0.75, 1.0),
        black=rng.uniform(0.004, 0.02),
        reflection=rng.uniform(0.01, 0.08),
        white_bgr=(blue, 1.0, red),
        banding=rng.uniform(0.0, 0.05),
        persistence=rng.uniform(0.0, 0.4),
        noise=rng.uniform(0.008, 0.025),
    )


class Recaptured:
    """A person on a screen, filmed: what the browser gets when a camera looks at a replay."""

    def __init__(self, person: Person, setup: Setup, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self._person, self._setup = person, setup
        self._tremor = _Tremor(rng, setup.tremor)
        self._optics = _Optics(setup)
        self._sensor = _Sensor(rng, setup.noise)
        self._reflection = _reflection(rng, setup.reflection) + setup.black
        self._beat = (rng.uniform(0.7, 2.5), rng.uniform(0.2, 1.5))
        self._shown: BgrImage | None = None

    def sees(self, prompt: Prompt) -> None:
        self._person.sees(prompt)

    def draw(self, at_ms: float) -> BgrImage:
        light = self._optics.film(self._on_screen(at_ms), self._tremor.at(at_ms))
        light *= self._refresh(at_ms)
        light += self._reflection
        return self._sensor.expose(light)

    def _on_screen(self, at_ms: float) -> BgrImage:
        """The person's picture as the panel shows it, with what is left of the one before."""
        picture = self._person.draw(at_ms)
        if picture.shape[1::-1] != SIZE:
            picture = np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
        if self._shown is not None:
            left = self._setup.persistence
            mixed = cv2.addWeighted(picture, 1 - left, self._shown, left, 0)
            picture = np.asarray(mixed, np.uint8)
        self._shown = picture
        return picture

    def _refresh(self, at_ms: float) -> Floats32:
        """Brighter and darker bands that wander down the picture; (height, 1, 1)."""
        bands, hertz = self._beat
        phase = 2 * np.pi * (bands * np.linspace(0, 1, SIZE[1]) - hertz * at_ms / 1000)
        return (1 + self._setup.banding * np.sin(phase)).astype(np.float32)[:, None, None]


class _Tremor:
    """The unsteadiness of a hand: slow drift, and a fine shiver of 6 to 11 hertz."""

    def __init__(self, rng: np.random.Generator, size: float) -> None:
        self._hertz = np.concatenate([rng.uniform(0.1, 0.9, (3, 5)), rng.uniform(6, 11, (1, 5))])
        self._phase = rng.uniform(0, 2 * np.pi, (4, 5))
        # About the upright, level and viewing axis in degrees; across and down in pixels.
        strength = np.array([0.5, 0.5, 0.35, 4.0, 4.0]) * size
        self._strength = np.outer([1.0, 0.7, 0.5, 0.06], strength)

    def at(self, at_ms: float) -> NDArray[np.float64]:
        waves = np.sin(2 * np.pi * self._hertz * at_ms / 1000 + self._phase)
        return np.asarray((self._strength * waves).sum(axis=0))


class _Optics:
    """The light that reaches each camera pixel from the screen."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._stripes = _stripes_seen(setup)
        x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in SIZE))
        self._x, self._y = x, y
        white = setup.contrast * np.array(setup.white_bgr)
        level = (np.arange(256) / 255.0) ** 2.2
        self._panel = np.outer(level, white).astype(np.float32).reshape(1, 256, 3)
        # The screen shows at most its own pixels, and the lens blurs what is shown.
        shown_px = SIZE[0] * setup.fill / setup.pitch
        self._shrink = min(1.0, shown_px / SIZE[0])
        self._pitch_in_picture = (
            setup.pitch / setup.fill
        )  # of a screen pixel, in the shown picture's

    def film(self, picture: BgrImage, shake: NDArray[np.float64]) -> Floats32:
        """Linear light, (height, width, 3), of the picture on the screen."""
        across, down = self._rays(shake)  # in pixels of the shown picture
        shrunk = self._at_panel_resolution(picture)
        image = cv2.remap(
            shrunk,
            (across + SIZE[0] / 2) * self._shrink - 0.5,
            (down + SIZE[1] / 2) * self._shrink - 0.5,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(0, 0, 0),
        )
        light = np.asarray(cv2.LUT(image, self._panel), np.float32)
        light *= self._stripes_at(across / self._pitch_in_picture, down / self._pitch_in_picture)
        return light

    def _rays(self, shake: NDArray[np.float64]) -> tuple[Floats32, Floats32]:
        """Where each camera pixel's ray meets the screen, from its middle."""
        tilt = np.radians(np.array(self._setup.tilt_deg) + shake[:3])
        turn, _ = cv2.Rodrigues(np.array([tilt[1], tilt[0], 0.0]))
        roll, _ = cv2.Rodrigues(np.array([0.0, 0.0, tilt[2]]))
        pose = turn @ roll
        # The picture's plane at the distance where it fills its share of the view.
        away = _FOCAL_PX / self._setup.fill
        to_camera = np.column_stack([pose[:, 0], pose[:, 1], [shake[3], shake[4], away]])
        to_camera[:2] *= _FOCAL_PX
        m = np.linalg.inv(to_camera).astype(np.float32)
        depth = m[2, 0] * self._x + m[2, 1] * self._y + m[2, 2]
        np.reciprocal(depth, out=depth)
        across = (m[0, 0] * self._x + m[0, 1] * self._y + m[0, 2]) * depth
        down = (m[1, 0] * self._x + m[1, 1] * self._y + m[1, 2]) * depth
        return across, down

    def _at_panel_resolution(self, picture: BgrImage) -> BgrImage:
        if self._shrink < 1:
            size = (round(SIZE[0] * self._shrink), round(SIZE[1] * self._shrink))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        blur = self._setup.focus_px / self._setup.fill * self._shrink
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)

    def _stripes_at(self, across: Floats32, down: Floats32) -> Floats32:
        """What the footprint of each camera pixel covers of the stripes; 1 on average."""
        u, v = ((part - _CELLS * np.floor(part / _CELLS)) * _PARTS for part in (across, down))
        return np.asarray(cv2.remap(self._stripes, u, v, cv2.INTER_LINEAR), np.float32)


def _stripes_seen(setup: Setup) -> Floats32:
    """A piece of the white screen through lens and pixel aperture, as a tile that repeats.

    Rendered at `_PARTS` samples per screen pixel: upright stripes of red, green and blue between
    the dark lines of the panel's wiring.
    """
    pixel = np.zeros((_PARTS, _PARTS, 3), np.float32)
    for stripe, channel in enumerate((2, 1, 0)):
        left = stripe * _PARTS // 3
        pixel[: _PARTS - 2, left : left + _PARTS // 3 - 1, channel] = 1.0
    tile = np.tile(pixel / pixel.mean(axis=(0, 1)), (_CELLS, _CELLS, 1))
    per_camera_pixel = _PARTS / setup.pitch
    margin = int(6 * per_camera_pixel) + 1
    wide = cv2.copyMakeBorder(tile, margin, margin, margin, margin, cv2.BORDER_WRAP)
    aperture = max(1, round(setup.aperture * per_camera_pixel))
    wide = cv2.blur(wide, (aperture, aperture))
    wide = cv2.GaussianBlur(wide, (0, 0), setup.focus_px * per_camera_pixel)
    # One sample more on the right and below, for interpolation across the seam.
    return np.ascontiguousarray(wide[margin : 1 - margin, margin : 1 - margin], np.float32)


def _reflection(rng: np.random.Generator, strength: float) -> Floats32:
    """What the glass mirrors of the room: a window or a lamp, out of focus, in the camera's frame."""
    small = np.zeros((48, 64, 3), np.float32)
    for _ in range(rng.integers(1, 4)):
        left, top = rng.integers(-8, 56), rng.integers(-8, 40)
        width, height = rng.integers(6, 26, 2)
        colour = rng.uniform(0.6, 1.0, 3) * strength
        small[max(0, top) : top + height, max(0, left) : left + width] += colour.astype(np.float32)
    soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(2.0, 6.0))
    return np.asarray(cv2.resize(soft, SIZE, interpolation=cv2.INTER_CUBIC), np.float32)


class _Sensor:
    """Auto exposure, shot and read noise, and the camera's tone curve."""

    def __init__(self, rng: np.random.Generator, noise: float) -> None:
        self._rng, self._noise = rng, noise
        wide = (SIZE[1] + _NOISE_MARGIN, SIZE[0] + _NOISE_MARGIN, 3)
        # The tone curve below is a square root, under which shot noise is the same everywhere.
        self._grain = rng.standard_normal(wide, np.float32) * np.float32(127 * noise)
        self._gain: float | None = None
        level = np.linspace(0, 1, 256)
        curve = level + 0.06 * np.sin(2 * math.pi * (level - 0.5))
        self._tone = np.rint(255 * np.clip(curve, 0, 1)).astype(np.uint8)

    def expose(self, light: Floats32) -> BgrImage:
        """The picture that the camera puts out for linear `light`; which is used up."""
        wanted = _TARGET_LIGHT / max(float(light[::8, ::8].mean()), 0.01)
        self._gain = wanted if self._gain is None else 0.95 * self._gain + 0.05 * wanted
        light *= self._gain * 255.0 * 255.0
        np.sqrt(light, out=light)
        top, left = self._rng.integers(0, _NOISE_MARGIN, 2)
        light += self._grain[top : top + SIZE[1], left : left + SIZE[0]]
        return np.asarray(cv2.LUT(cv2.convertScaleAbs(light), self._tone), np.uint8)
