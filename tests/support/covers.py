"""Faces that are bare, and faces that something covers, painted on a picture of a bare face.

Bare: the skin recoloured, lips in the skin's colour, lipstick, beards, gloss, light from the side, tinted
glasses. Covers: masks, scarves, a hand, a phone, sunglasses. Each copy is a function of the picture, its
mesh and a generator of chance; sizes are in shares of the face's width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from kyc_rtc.vision.observation import Face

Plane = NDArray[np.float32]
Colour = tuple[float, float, float]

# fmt: off
_JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
_MASK = (195, 117, 346, *_JAW)
_BELOW_NOSE = (2, 98, 327, 205, 425, 136, 150, 152, 379, 365)
_MOUTH = (205, 425, 135, 364, 98, 327, 201, 421)
_RIGHT_LENS = (70, 63, 105, 66, 107, 133, 118, 117, 143, 111, 31, 228, 230, 231)
_LEFT_LENS = (300, 293, 334, 296, 336, 362, 347, 346, 372, 340, 448, 450, 451)
_BEARD = (*_JAW, 425, 327, 164, 98, 205)
_MOUSTACHE = (98, 164, 327, 291, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78, 61)
_SKIN = (50, 280, 101, 330, 151)
# fmt: on
_SKIN_HALF, _SOFT = 0.02, 0.006
_HAIR: Colour = (22, 22, 28)
_GLOSS = ((4, 0.06, 0.75), (195, 0.05, 0.5), (9, 0.12, 0.35), (50, 0.08, 0.3))
"""Mesh point, size and strength of each highlight: tip and ridge of the nose, forehead, cheek."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture, (height, width, 3) uint8, its bare face, and chance for what is painted on it."""

    image_bgr: BgrImage
    face: Face
    chance: np.random.Generator

    def skin(self) -> Plane:
        """The median colour of cheeks and forehead, shape (3,)."""
        half = max(round(_SKIN_HALF * self.face.width_px), 2)
        found = []
        for x, y in self.face.landmarks[list(_SKIN), :2].astype(int):
            rows, columns = slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half)
            found.append(self.image_bgr[rows, columns].reshape(-1, 3))
        return np.asarray(np.median(np.concatenate(found), axis=0), np.float32)

    def inside(self, points: Sequence[int], soft: float = _SOFT, *, hull: bool = True) -> Plane:
        """1 inside the hull (or contour) of these points, 0 outside, soft between: (height, width, 1)."""
        mask = np.zeros(self.image_bgr.shape[:2], np.float32)
        outline = self.face.landmarks[list(points), :2]
        shape = cv2.convexHull(outline) if hull else outline
        cv2.fillPoly(mask, [np.asarray(shape, np.int32)], (1.0,))
        sigma = max(soft * self.face.width_px, 0.6)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32)[..., None]

    def grid(self) -> tuple[Plane, Plane]:
        """x and y of each pixel in widths of the face."""
        height, width = self.image_bgr.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / self.face.width_px
        return x, y

    def grain(self, sigma: float) -> Plane:
        """Noise, shape (height, width, 1)."""
        noise = self.chance.normal(0.0, sigma, (*self.image_bgr.shape[:2], 1))
        return np.asarray(noise, np.float32)

    def painted(self, share: Plane, colour: Plane | Colour) -> Canvas:
        """`share` of the colour over the picture."""
        mixed = self.image_bgr * (1 - share) + np.asarray(colour, np.float32) * share
        return Canvas(np.asarray(np.clip(mixed, 0, 255), np.uint8), self.face, self.chance)

    def lit(self, gain: Plane | Colour) -> Canvas:
        """The picture times `gain`."""
        shone = np.clip(self.image_bgr * np.asarray(gain, np.float32), 0, 255)
        return Canvas(np.asarray(shone, np.uint8), self.face, self.chance)


Copy = Callable[[Canvas], Canvas]


def _skin_of(share: Colour) -> Copy:
    """Skin that reflects this share of blue, green and red, gamma encoded; eyes as they are."""

    def paint(canvas: Canvas) -> Canvas:
        eyes = canvas.inside(RIGHT_EYE, 0.03) + canvas.inside(LEFT_EYE, 0.03)
        face = np.clip(canvas.inside(FACE_OVAL, 0.03) - eyes, 0, 1)
        return canvas.painted(face, canvas.lit(share).image_bgr.astype(np.float32))

    return paint


def _lips_as_skin(canvas: Canvas) -> Canvas:
    """Lips moved to the skin's colour in CIE L*a*b*, and four fifths of the way to its lightness."""
    share = canvas.inside(OUTER_LIPS, 0.004, hull=False)
    lab = cv2.cvtColor(canvas.image_bgr.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    skin = cv2.cvtColor(canvas.skin()[None, None] / 255, cv2.COLOR_BGR2Lab)[0, 0]
    move = skin - np.median(lab[share[..., 0] > 0.5], axis=0)
    moved = (lab + move * (0.8, 1, 1)).astype(np.float32)
    return canvas.painted(0.95 * share, np.asarray(cv2.cvtColor(moved, cv2.COLOR_Lab2BGR)) * 255)


def _lipstick(colour: Colour | None) -> Copy:
    """Flat, without the lips' relief; None: nearly the skin's own colour."""

    def paint(canvas: Canvas) -> Canvas:
        share = 0.9 * canvas.inside(OUTER_LIPS, hull=False)
        return canvas.painted(share, 0.92 * canvas.skin() if colour is None else colour)

    return paint


def _beard(*, over_lip: bool) -> Copy:
    def paint(canvas: Canvas) -> Canvas:
        around = 0.85 * canvas.inside(_BEARD, 0.015) * (1 - canvas.inside(OUTER_LIPS, hull=False))
        grown = canvas.painted(around, np.asarray(_HAIR) + canvas.grain(14))
        if not over_lip:
            return grown
        moustache = 0.8 * canvas.inside(_MOUSTACHE, hull=False)
        return grown.painted(moustache, np.asarray(_HAIR) + canvas.grain(14))

    return paint


def _glossy(canvas: Canvas) -> Canvas:
    x, y = canvas.grid()
    for point, size, strength in _GLOSS:
        at_x, at_y = canvas.face.landmarks[point, :2] / canvas.face.width_px
        spot = strength * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * size**2))
        canvas = canvas.painted(spot[..., None], (245, 248, 250))
    return canvas


def _from_the_side(canvas: Canvas) -> Canvas:
    x, _ = canvas.grid()
    middle = canvas.face.landmarks[4, 0] / canvas.face.width_px
    side = canvas.chance.choice((-1.0, 1.0))
    return canvas.lit((0.4 + 0.75 / (1 + np.exp(-9 * side * (x - middle))))[..., None])


def _glasses(share: float, *lenses: Sequence[int]) -> Copy:
    def paint(canvas: Canvas) -> Canvas:
        for lens in lenses:
            canvas = canvas.painted(share * canvas.inside(lens), (22, 20, 20))
        return canvas

    return paint


def _cloth(region: Sequence[int], colour: Colour | None, weave: str = "plain") -> Copy:
    """A cloth with pleats, knit, or checks; None: of any colour. Light and shade of the face stay."""

    def paint(canvas: Canvas) -> Canvas:
        x, y = canvas.grid()
        relief = {
            "plain": np.ones_like(x),
            "pleats": 1 + 0.06 * np.sin(2 * np.pi * 14 * y),
            "knit": 1 + 0.12 * np.sin(2 * np.pi * 26 * x) * np.sin(2 * np.pi * 30 * y),
            "checks": 1 + 0.35 * np.sign(np.sin(2 * np.pi * 7 * x) * np.sin(2 * np.pi * 7 * y)),
        }[weave]
        drawn = canvas.chance.uniform(30, 200, 3) if colour is None else np.asarray(colour)
        cloth = drawn * (relief[..., None] + canvas.grain(0.02)) * _shading(canvas)
        return canvas.painted(canvas.inside(region), np.asarray(cloth, np.float32))

    return paint


def _shading(canvas: Canvas) -> Plane:
    """Light and shade over the face, against the skin's luma: (height, width, 1)."""
    coarse = cv2.resize(canvas.image_bgr, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(coarse, cv2.COLOR_BGR2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(luma, (0, 0), canvas.face.width_px / 20)
    skin = max(float(canvas.skin() @ (0.114, 0.587, 0.299)), 8.0)
    size = canvas.image_bgr.shape[1::-1]
    return np.asarray(np.clip(cv2.resize(soft, size) / skin, 0.45, 1.6), np.float32)[..., None]


def _hand(region: Sequence[int], *, fingers: bool) -> Copy:
    """Of the person's own colour, flat or with dark lines between its fingers."""

    def paint(canvas: Canvas) -> Canvas:
        x, y = canvas.grid()
        slant = canvas.chance.uniform(-0.4, 0.4)
        across = 7 * (y * np.cos(slant) + x * np.sin(slant))
        relief = np.ones_like(x)
        if fingers:
            relief -= 0.18 * np.exp(-(((across % 1 - 0.5) / 0.08) ** 2))
        hand = canvas.skin() * (relief[..., None] + (canvas.grain(0.02) if fingers else 0))
        return canvas.painted(canvas.inside(region), hand)

    return paint


def _phone(canvas: Canvas) -> Canvas:
    """Held before the mouth, as somebody does who talks into it."""
    colours = ((25, 25, 28), (230, 230, 232), (60, 40, 35), (40, 30, 120))
    width = canvas.face.width_px
    x, y = canvas.face.landmarks[[13, 14], :2].mean(axis=0)
    tilt = float(canvas.chance.uniform(-12, 12))
    box = cv2.boxPoints(((float(x), float(y) + 0.12 * width), (0.95 * width, 0.5 * width), tilt))
    painted = canvas.image_bgr.copy()
    cv2.fillConvexPoly(painted, box.astype(np.int32), colours[canvas.chance.integers(len(colours))])
    return Canvas(painted, canvas.face, canvas.chance)


DARKER = _skin_of((0.42, 0.48, 0.60))
"""Dark brown skin reflects a fifth of the light that light skin does, as in `training.light`."""

BARE: dict[str, Copy] = {
    "as it is": lambda canvas: canvas,
    "very dark skin": _skin_of((0.28, 0.32, 0.35)),
    "lighter skin": lambda canvas: canvas.lit((1.25, 1.2, 1.15)),
    "lips as skin": _lips_as_skin,
    "nude lipstick": _lipstick((130, 150, 190)),
    "lipstick as skin": _lipstick(None),
    "dark lipstick": _lipstick((25, 20, 25)),
    "blue lipstick": _lipstick((130, 60, 50)),
    "beard": _beard(over_lip=False),
    "beard over the lip": _beard(over_lip=True),
    "glossy": _glossy,
    "light from the side": _from_the_side,
    "tinted glasses": _glasses(0.4, _RIGHT_LENS, _LEFT_LENS),
}
COVERS: dict[str, Copy] = {
    "mask, blue": _cloth(_MASK, (190, 150, 90), "pleats"),
    "mask, white": _cloth(_MASK, (215, 215, 215), "pleats"),
    "mask, black": _cloth(_MASK, (30, 28, 28)),
    "mask, checked": _cloth(_MASK, None, "checks"),
    "mask below the nose, white": _cloth(_BELOW_NOSE, (210, 210, 210), "pleats"),
    "mask below the nose, black": _cloth(_BELOW_NOSE, (30, 28, 28)),
    "scarf": _cloth(_MASK, None, "knit"),
    "hand over the mouth": _hand(_MOUTH, fingers=True),
    "hand over the mouth, flat": _hand(_MOUTH, fingers=False),
    "phone before the mouth": _phone,
    "hand over an eye, flat": _hand(_RIGHT_LENS, fingers=False),
    "sunglasses": _glasses(0.95, _RIGHT_LENS, _LEFT_LENS),
}
