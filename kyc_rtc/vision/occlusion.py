"""Which parts of a face are covered: mouth, nose, eyes. From one picture and its mesh.

The idea: a face brings its own colour reference, and a cover is one thing. Forehead, bridge of the nose
and cheeks give the skin. What has another colour than skin, or the skin's colour where lips should be,
covers something only if it goes on beyond the part: a mask, a scarf, a hand or a phone before the mouth
is the same above and below the lips, at their corners and on the chin, and a mask over the nose the same
as at the mouth. Lips of whatever colour, a moustache, a beard around lips, a glossy nose and a nose in
light from the side end where the part ends. Each eye holds something both dark and bright.

What it finds: masks (surgical, white, black, patterned), scarves and phones over mouth or nose, a hand or
a flat patch of skin colour over the mouth, a flat one over one eye, dark sunglasses. What it cannot see: a
printed or worn mask with a face of its own (that is an attack, not a cover), a hand over forehead or
cheek, fingers over an eye, a cover whose parts differ in colour, a cover in a picture without colour, or a
black mask below the nose in light so dim that skin has no colour either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import OUTER_LIPS
from kyc_rtc.vision.observation import Face

_WIDTH_PX = 96
"""The width to which the face is brought: enough for medians, and cheap."""

_NOISE_FLOOR = 8
"""Added to each channel before ratios, so that noise in the dark does not look like colour."""

# fmt: off
_SKIN = (
    (108, 151, 337, 336, 9, 107),             # forehead above the brows
    (168, 193, 417, 6, 122, 351, 197),        # bridge of the nose, which masks and lenses leave free
    (117, 118, 101, 50, 123),                 # upper cheek, right
    (346, 347, 330, 280, 352),                # upper cheek, left
    (111, 117, 118, 119, 120, 231, 229, 228),  # below the eye, right
    (340, 346, 347, 348, 349, 451, 449, 448),  # below the eye, left
)
_CHIN = (18, 83, 313, 182, 406, 201, 421, 200, 199, 208, 428)
_PHILTRUM = (164, 37, 267, 2, 97, 326, 167, 393)
_AROUND_MOUTH = (
    _PHILTRUM,
    (17, 84, 314, 18, 83, 313, 182, 406),     # below the lips
    (57, 186, 92, 214, 212, 43),              # next to the corner, right
    (287, 410, 322, 434, 432, 273),           # next to the corner, left
    _CHIN,
)
_AT_PHILTRUM, _OF_AROUND = 0, 3
_NOSE_TIP = (45, 4, 275, 281, 5, 51)
_RIGHT_EYE_REGION = (130, 25, 110, 24, 23, 22, 26, 112, 243, 190, 56, 28, 27, 29, 30, 247)
_LEFT_EYE_REGION = (359, 255, 339, 254, 253, 252, 256, 341, 463, 414, 286, 258, 257, 259, 260, 467)
# fmt: on


class FacePart(StrEnum):
    """A part that can be covered."""

    MOUTH = "mouth"
    NOSE = "nose"
    EYES = "eyes"


@dataclass(frozen=True, slots=True)
class OcclusionThresholds:
    """Limits. Those of lips, noses and eyes are from 1,732 frames of 137 bona fide recordings; "seen" is
    what those frames reach. Those of what goes on around a part are from `python -m tests.covers`: one
    picture of each of 157 people, bare in 20 ways and covered in 24 ("bare" and "cover").

    Colours are differences of log(R/G) and log(B/G) against the face's own skin, luma is a ratio to
    the skin's luma, but for `min_colour_luma` and `min_lit_skin`: 0 to 255.
    """

    # Lips are redder than skin: seen down to -0.02. A mask is less red: -0.3 for white or black.
    min_lip_redness: float = -0.05
    # A chin has the colour of the skin above it: within 0.17 in 95% of 43 bona fide faces.
    max_chin_colour: float = 0.18
    # Mouth and chin as far from skin as this are neither, however red: bare lips above a chin or beard
    # reach it in 3%, and then do not go on around the mouth.
    min_foreign_colour: float = 0.4
    # The colour of the mouth against the third nearest of five regions around it: cover within 0.04 in
    # 98%; bare beyond 0.05 in 98%, lips in the skin's colour apart.
    max_cover_colour: float = 0.1
    # Below it, in a dim picture (skin below `min_lit_skin`), black has no colour to tell hair in shade from
    # cloth: a bearded man in the dark has lips of luma 2 to 14 and skin of 46 to 74 (n = 14 pictures).
    min_colour_luma: float = 16.0
    min_lit_skin: float = 80.0
    # A hand is as red as skin (seen above 0.05 in 95%), as bright and as flat; lips are not.
    max_flat_redness: float = 0.05
    min_flat_luma: float = 0.8
    max_flat_deviation: float = 0.1
    # Four of the five regions go on in a hand: colour within 0.02 and log of luma within 0.08 in 98%,
    # flat white masks within 0.26; flat lips in the skin's colour have a median of 0.11 and 0.17.
    max_hand_colour: float = 0.05
    max_hand_luma: float = 0.25
    # The tip of the nose: seen colour distances up to 0.18 in 99.5%, luma 0.85 to 1.4 in 99%.
    max_nose_colour: float = 0.24
    min_nose_luma: float = 0.7
    max_nose_luma: float = 1.6
    # What covers the nose goes on to the mouth: log of luma within 0.47 in 98%, and `max_cover_colour`.
    max_cover_luma: float = 0.6
    # The bright end (90th percentile) of the brighter eye region: seen down to 0.5. Dark lenses: 0.2.
    min_eye_bright: float = 0.45
    # An eye region that is flat while the other is not (lids, lashes, brow): a hand.
    max_hidden_eye_deviation: float = 0.05
    min_open_eye_deviation: float = 0.12
    # Beyond it, the far side of the face is too narrow to be judged.
    max_yaw_deg: float = 30.0


@dataclass(frozen=True, slots=True)
class _Patch:
    """Medians over a region: log(R/G), log(B/G), luma; its bright end and its spread in luma."""

    red: float
    blue: float
    luma: float
    bright: float
    deviation: float


def covered_parts(
    image_bgr: BgrImage, face: Face, thresholds: OcclusionThresholds | None = None
) -> frozenset[FacePart]:
    """The covered parts of `face` in `image_bgr`, shape (height, width, 3), uint8.

    Empty where the face lies outside the picture or is turned too far to tell.
    """
    limits = thresholds or OcclusionThresholds()
    picture = _Picture.of(image_bgr, face)
    if picture is None or abs(face.pose.yaw_deg) > limits.max_yaw_deg:
        return frozenset()
    skin = _skin(picture)
    if skin is None:
        return frozenset()
    mouth = _Mouth.of(picture)
    nose, right_eye, left_eye = map(picture.patch, (_NOSE_TIP, _RIGHT_EYE_REGION, _LEFT_EYE_REGION))
    found = {
        FacePart.MOUTH: mouth is not None and _mouth_covered(mouth, skin, limits),
        FacePart.NOSE: mouth is not None and _nose_covered(nose, mouth, skin, limits),
        FacePart.EYES: _eyes_covered(right_eye, left_eye, skin, limits),
    }
    return frozenset(part for part, covered in found.items() if covered)


def _skin(picture: _Picture) -> _Patch | None:
    patches = [patch for region in _SKIN if (patch := picture.patch(region)) is not None]
    if len(patches) < 3:
        return None
    return _Patch(
        red=float(np.median([patch.red for patch in patches])),
        blue=float(np.median([patch.blue for patch in patches])),
        luma=max(float(np.median([patch.luma for patch in patches])), 1.0),
        bright=float(np.median([patch.bright for patch in patches])),
        deviation=float(np.median([patch.deviation for patch in patches])),
    )


@dataclass(frozen=True, slots=True)
class _Mouth:
    """The mouth and what lies around it; `chin` is the last of the five `around`."""

    lips: _Patch
    chin: _Patch
    around: tuple[_Patch, ...]

    @classmethod
    def of(cls, picture: _Picture) -> _Mouth | None:
        lips = picture.patch(OUTER_LIPS)
        around = tuple(p for p in map(picture.patch, _AROUND_MOUTH) if p is not None)
        if lips is None or len(around) < len(_AROUND_MOUTH):
            return None
        return cls(lips, chin=around[-1], around=around)

    def goes_on(self, regions: int, max_colour: float, max_luma: float = math.inf) -> bool:
        """Whether so many regions around have the colour, and the luma, of the mouth."""
        colours = sorted(_colour_distance(self.lips, patch) for patch in self.around)
        lumas = sorted(_luma_distance(self.lips, patch) for patch in self.around)
        return colours[regions - 1] < max_colour and lumas[regions - 1] < max_luma


def _mouth_covered(mouth: _Mouth, skin: _Patch, limits: OcclusionThresholds) -> bool:
    """What covers a mouth reaches beyond it: lips in another colour above a bare chin are painted."""
    redness = mouth.lips.red - skin.red
    chin = _colour_distance(mouth.chin, skin)
    not_lips = redness < limits.min_lip_redness and chin > limits.max_chin_colour
    coloured = mouth.lips.luma >= limits.min_colour_luma or skin.luma >= limits.min_lit_skin
    not_skin = min(chin, _colour_distance(mouth.lips, skin)) > limits.min_foreign_colour
    flat_skin = (
        redness < limits.max_flat_redness
        and mouth.lips.luma / skin.luma > limits.min_flat_luma
        and mouth.lips.deviation / skin.luma < limits.max_flat_deviation
    )
    foreign = coloured and (not_lips or not_skin)
    return (foreign and mouth.goes_on(3, limits.max_cover_colour)) or (
        flat_skin and mouth.goes_on(4, limits.max_hand_colour, limits.max_hand_luma)
    )


def _nose_covered(
    nose: _Patch | None, mouth: _Mouth, skin: _Patch, limits: OcclusionThresholds
) -> bool:
    if nose is None:
        return False
    not_skin = (
        _colour_distance(nose, skin) > limits.max_nose_colour
        or not limits.min_nose_luma <= nose.luma / skin.luma <= limits.max_nose_luma
    )
    # Not the lips: on a mask they can be painted.
    goes_on = [
        _colour_distance(nose, patch) < limits.max_cover_colour
        and _luma_distance(nose, patch) < limits.max_cover_luma
        for patch in mouth.around
    ]
    return not_skin and goes_on[_AT_PHILTRUM] and sum(goes_on) >= _OF_AROUND


def _colour_distance(patch: _Patch, skin: _Patch) -> float:
    return float(np.hypot(patch.red - skin.red, patch.blue - skin.blue))


def _luma_distance(one: _Patch, other: _Patch) -> float:
    """Logarithm of the ratio of their lumas, without its sign."""
    return abs(math.log(max(one.luma, 1.0) / max(other.luma, 1.0)))


def _eyes_covered(
    right: _Patch | None, left: _Patch | None, skin: _Patch, limits: OcclusionThresholds
) -> bool:
    if right is None or left is None:
        return False
    dark_lenses = max(right.bright, left.bright) / skin.luma < limits.min_eye_bright
    flat, lively = sorted((right, left), key=lambda patch: patch.deviation)
    hand = (
        flat.deviation / skin.luma < limits.max_hidden_eye_deviation
        and lively.deviation / skin.luma > limits.min_open_eye_deviation
        and flat.bright / skin.luma > limits.min_flat_luma
    )
    return dark_lenses or hand


@dataclass(frozen=True, slots=True)
class _Picture:
    """The face's own pixels (blue, green, red, luma) at a fixed width; the mesh in their coordinates."""

    channels: NDArray[np.uint8]
    points: NDArray[np.float32]

    @classmethod
    def of(cls, image_bgr: BgrImage, face: Face) -> _Picture | None:
        height, width = image_bgr.shape[:2]
        left, top = max(int(face.box_xyxy[0]), 0), max(int(face.box_xyxy[1]), 0)
        right = min(int(np.ceil(face.box_xyxy[2])), width)
        bottom = min(int(np.ceil(face.box_xyxy[3])), height)
        if right - left < 8 or bottom - top < 8:
            return None
        scale = _WIDTH_PX / face.width_px
        size = max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1)
        bgr = np.asarray(
            cv2.resize(
                image_bgr[top:bottom, left:right],
                size,
                interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
            ),
            np.uint8,
        )
        luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        channels = np.dstack([bgr, luma])
        points = (face.landmarks[:, :2] - np.array([left, top], np.float32)) * scale
        return cls(channels, points.astype(np.float32))

    def patch(self, region: tuple[int, ...]) -> _Patch | None:
        """The patch inside the hull of these points; None where next to nothing is in sight."""
        hull = cv2.convexHull(self.points[list(region)]).astype(np.int32)
        x, y, width, height = cv2.boundingRect(hull)
        left, top = max(x, 0), max(y, 0)
        seen = self.channels[top : max(y + height, 0), left : max(x + width, 0)]
        if seen.size == 0:
            return None
        mask = np.zeros(seen.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, hull - np.array([left, top], np.int32), (1,))
        ordered = np.sort(seen[mask > 0], axis=0).astype(np.float64)
        count = len(ordered)
        if count < 6:
            return None
        blue, green, red = ordered[count // 2, :3] + _NOISE_FLOOR
        return _Patch(
            red=float(np.log(red / green)),
            blue=float(np.log(blue / green)),
            luma=float(ordered[count // 2, 3]),
            bright=float(ordered[int(0.9 * count), 3]),
            deviation=float(ordered[:, 3].std()),
        )
