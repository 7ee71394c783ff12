"""Skin beside the mask: what a swap does not paint is the control for what it may have painted.

Grain, change over time and light differ between scenes, cameras and codecs more than between people and
swaps. Neck, ears and the forehead's edge are filmed by the same camera in the same light as the cheeks, and
no live face swap paints them. So the same features are measured on both, and their difference counts.
The skin of a person is found by the colour of the own face: Phung et al., Skin segmentation using color
pixel classification, IEEE TPAMI 27(1), 2005.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.flicker import fine_part, log_level
from kyc_rtc.detection.moments import Ledger, Moment
from kyc_rtc.detection.pairs import PAIR_PX, Pair, flow_between, followed
from kyc_rtc.detection.regions import filled
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Floats,
)

_BANDS = {"fine": (0.0, 1.0), "middle": (1.0, 3.0)}
"""Two blurs, in pixels of the crop, between which a band of detail lies; 0 is none."""

_WHEN = ("soon", "late")
_STILL = ("grain_fine", "grain_middle", "chroma_grain", "noise")
_SHADE = ("shade_spread", "hue_spread", "shade_turned")


def _name(*parts: str) -> str:
    return "_".join(("control", *parts))


CONTROL_NAMES = (
    *(_name("same", band, when) for band, when in itertools.product(_BANDS, _WHEN)),
    *(_name("gap", band, when) for band, when in itertools.product(_BANDS, _WHEN)),
    *(_name("gap", name) for name in _STILL),
    *(_name("gap", name) for name in _SHADE),
)

_INNER, _BEYOND, _TOUCHES, _FARTHEST = 0.72, 1.08, 1.2, 1.75
"""Sizes of the face oval: what every swap paints; from where none does; where skin that belongs to the face
begins; where it ends."""

_MAX_COLOUR, _LEAST_SPREAD = 3.0, 0.05
"""Distance in deviations, of log(R/G) and log(B/G), up to which a colour is the face's; the least deviation."""

_COLOUR_BLUR, _COLOUR_FLOOR = 2.0, 8.0
"""A drawn face has less grain than the neck beside it; noise in the dark is no colour."""

_LUMA = (0.35, 1.6)
"""Shares of the face's green: a neck lies in the chin's shadow."""

_MIN_PX = 300
_ALIKE_DEG = 4.0
_SOON_MS, _LATE_MS, _KEEP_EVERY_MS = 1_000, 2_000, 1_000
_KEPT_LOOKS, _KEPT_SHADES = 8, 120
_MIN_SHADES = 10
_APART_DEG, _NEAR_DEG = 12.0, 3.0
_MIN_COUPLES = 10
_HIGHEST = 0.9995

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SkinRegions:
    """Masks (192, 192) of a pair's crop: `face`, skin that a swap paints, and `control`, which none does."""

    face: Mask
    control: Mask


@dataclass(frozen=True, slots=True)
class _Look:
    """`luma` (192, 192) uint8; `packed` (2, 4608) uint8: the bits of the two masks."""

    at_ms: int
    pose: Floats
    luma: BgrImage
    packed: NDArray[np.uint8]


class ControlMeter:
    """Compares the face with skin outside the mask on the first picture of each pair; about 4 ms a pair.

    Keeps 8 looks, some 0.4 MB.
    """

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._looks: deque[_Look] = deque(maxlen=_KEPT_LOOKS)
        self._before: _Look | None = None
        self._shades: deque[tuple[Floats, Floats]] = deque(maxlen=_KEPT_SHADES)
        self.pairs = 0
        self.found = 0

    def update(self, now_ms: int, pair: Pair) -> None:
        """Take a pair into account; `now_ms` is about the time of its pictures."""
        self.pairs += 1
        skin = skin_regions(pair)
        if skin is None:
            return
        self.found += 1
        for name, value in _still_gaps(pair, skin).items():
            self._ledger.add(name, value, (Moment.ALWAYS,))
        pose = np.array([pair.pose.yaw_deg, pair.pose.pitch_deg])
        self._shades.append((pose, _shades(pair.first_bgr, skin)))
        packed = np.stack([np.packbits(mask) for mask in (skin.face, skin.control)])
        look = _Look(now_ms, pose, pair.first, packed)
        for when, other in self._others(look):
            self._compare(when, look, skin, other)
        self._before = look
        if not self._looks or now_ms - self._looks[-1].at_ms >= _KEEP_EVERY_MS:
            self._looks.append(look)

    def _others(self, look: _Look) -> list[tuple[str, _Look]]:
        """The look just before, and the oldest one in a like pose at least 2 s ago."""
        found = []
        if self._before is not None and 0 < look.at_ms - self._before.at_ms <= _SOON_MS:
            found.append(("soon", self._before))
        late = [one for one in self._looks if look.at_ms - one.at_ms >= _LATE_MS]
        found += [("late", one) for one in late if _alike(look, one)][:1]
        return [(when, one) for when, one in found if _alike(look, one)]

    def _compare(self, when: str, look: _Look, skin: SkinRegions, other: _Look) -> None:
        flow = flow_between(look.luma, other.luma)
        masks = np.unpackbits(other.packed, axis=1).reshape(2, PAIR_PX, PAIR_PX)
        both = [
            mine & (followed(theirs, flow) > 0.5)
            for mine, theirs in zip((skin.face, skin.control), masks, strict=True)
        ]
        if min(int(mask.sum()) for mask in both) < _MIN_PX:
            return
        now, then = _level(look.luma), _level(other.luma)
        for band in _BANDS:
            first, second = _band(now, band), followed(_band(then, band), flow)
            face, control = (_likeness(first[mask], second[mask]) for mask in both)
            self._ledger.add(_name("same", band, when), control, (Moment.ALWAYS,))
            self._ledger.add(_name("gap", band, when), face - control, (Moment.ALWAYS,))

    def values(self) -> dict[str, float]:
        """The features of `CONTROL_NAMES`; NaN where too little was seen. `same`: Fisher's z of the control's
        correlation between two looks; `gap`: the face's value less the control's, the others in log units."""
        found = {name: self._ledger.median(name, least=4) for name in CONTROL_NAMES}
        return found | _shade_gaps(self._shades)


def _alike(look: _Look, other: _Look) -> bool:
    return float(np.linalg.norm(look.pose - other.pose)) < _ALIKE_DEG


def skin_regions(pair: Pair) -> SkinRegions | None:
    """The skin of the face and that outside of it, by the colour of the face's skin; None where either is
    smaller than 300 pixels: hair, a collar or the picture's edge hide it."""
    oval = pair.points[list(FACE_OVAL)]
    face = filled(oval, _INNER, PAIR_PX) & ~_features(pair.points) & _shown(pair.corners)
    if int(face.sum()) < _MIN_PX:
        return None
    blue, green, red = cv2.split(
        np.log(
            cv2.GaussianBlur(pair.first_bgr, (0, 0), _COLOUR_BLUR).astype(np.float32)
            + _COLOUR_FLOOR
        )
    )
    away = np.zeros_like(green)
    for colour in (red - green, blue - green):
        apart = np.abs(colour - np.median(colour[face]))
        away += (apart / max(1.4826 * float(np.median(apart[face])), _LEAST_SPREAD)) ** 2
    light = np.exp(green - np.median(green[face]))
    alike = (away < _MAX_COLOUR**2) & (light > _LUMA[0]) & (light < _LUMA[1])
    around = filled(oval, _FARTHEST, PAIR_PX) & ~filled(oval, _BEYOND, PAIR_PX)
    control = _joined(alike & around & _shown(pair.corners), filled(oval, _TOUCHES, PAIR_PX))
    if int(control.sum()) < _MIN_PX:
        return None
    return SkinRegions(face & alike, control)


def _features(points: Floats) -> Mask:
    """Eyes, brows and lips with a rim: they have detail that bare skin has not."""
    mask = np.zeros((PAIR_PX, PAIR_PX), np.uint8)
    for part in (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, OUTER_LIPS):
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[list(part)]).astype(np.int32)), 1)
    return cv2.dilate(mask, np.ones((7, 7), np.uint8)) > 0


def _shown(corners: Floats) -> Mask:
    """Where the crop shows the picture, and does not repeat its border."""
    mask = np.zeros((PAIR_PX, PAIR_PX), np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=1) > 0


def _joined(alike: Mask, near: Mask) -> Mask:
    """The patches of a colour that reach up to the face, without their edges."""
    solid = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(solid)
    kept = np.unique(labels[near & (solid > 0)])
    patches = np.isin(labels, kept) & (solid > 0)
    return cv2.erode(patches.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _still_gaps(pair: Pair, skin: SkinRegions) -> dict[str, float]:
    """Grain of one picture, and the noise between the two of the pair, against the control's."""
    level = _level(pair.first)
    lab = cv2.cvtColor(pair.first_bgr, cv2.COLOR_BGR2LAB)[..., 1:].astype(np.float32)
    chroma = np.abs(lab - cv2.GaussianBlur(lab, (0, 0), 1.5)).mean(axis=2)
    left = followed(pair.second, pair.flow) - pair.first.astype(np.float32)
    found = {
        "grain_fine": 100 * np.abs(_band(level, "fine")),
        "grain_middle": 100 * np.abs(_band(level, "middle")),
        "chroma_grain": chroma,
        "noise": fine_part(left),
    }
    return {
        _name("gap", name): log_level(values, skin.face) - log_level(values, skin.control)
        for name, values in found.items()
    }


def _shades(picture: BgrImage, skin: SkinRegions) -> Floats:
    """Log luma, Cr and Cb of the face less those of the control: shape (3,)."""
    colour = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb).astype(np.float64)
    face, control = (colour[mask].mean(axis=0) for mask in (skin.face, skin.control))
    return np.array([math.log((face[0] + 4) / (control[0] + 4)), *(face[1:] - control[1:])])


def _shade_gaps(seen: deque[tuple[Floats, Floats]]) -> dict[str, float]:
    """How the light and the colour of face and control part over time, and between poses at least 12 degrees
    apart over those within 3 degrees."""
    found = {_name("gap", name): math.nan for name in _SHADE}
    if len(seen) < _MIN_SHADES:
        return found
    poses, shade = (np.array(rows) for rows in zip(*seen, strict=True))
    found[_name("gap", "shade_spread")] = math.log(float(shade[:, 0].std()) + 1e-3)
    found[_name("gap", "hue_spread")] = math.log(float(shade[:, 1:].std(axis=0).mean()) + 0.05)
    first, second = np.triu_indices(len(seen), k=1)
    turned_deg = np.linalg.norm(poses[first] - poses[second], axis=1)
    differs = np.abs(shade[first, 0] - shade[second, 0])
    apart, near = differs[turned_deg > _APART_DEG], differs[turned_deg < _NEAR_DEG]
    if min(len(apart), len(near)) >= _MIN_COUPLES:
        ratio = math.log((float(apart.mean()) + 1e-3) / (float(near.mean()) + 1e-3))
        found[_name("gap", "shade_turned")] = ratio
    return found


def _level(luma: BgrImage) -> NDArray[np.float32]:
    return np.asarray(np.log(luma.astype(np.float32) + 6.0))


def _band(level: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    sharp, soft = (
        cv2.GaussianBlur(level, (0, 0), sigma) if sigma else level for sigma in _BANDS[name]
    )
    return np.asarray(sharp - soft, np.float32)


def _likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Fisher's z of the correlation of two samples (n,); NaN where one has no detail."""
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    if scale < 1e-9:
        return math.nan
    return float(np.arctanh(np.clip(float(first @ second) / scale, -_HIGHEST, _HIGHEST)))
