"""The picture of a face laid out flat on its mesh, so that skin is compared with the same skin later.

The mesh carries each point of the skin along as the head turns and the mouth speaks; what the layout
shows at one place is one place of the skin. Faces as textures on a mesh: Blanz and Vetter, A Morphable
Model for the Synthesis of 3D Faces, SIGGRAPH 1999.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from kyc_rtc.detection.mean_face import MEAN_FACE
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    NOSE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Floats,
)

MEAN_MESH = np.array(MEAN_FACE, np.float64) / 1_000
"""Shape (468, 2), in distances of the outer eye corners; see `MEAN_FACE`."""

SIDE_PX = 56
AREAS = ("skin", "cheeks", "nose", "eyes", "lips", "inner")
"""Parts of the layout. `inner` is all of them; `skin` is without eyes and lips, `cheeks` the skin below
the eyes, nose and chin included."""

_LEFT, _TOP, _WIDE = -0.85, -0.5, 1.7
"""The square of the layout, in distances of the outer eye corners; see `MEAN_FACE`."""

_INNER = 0.72
_AROUND_EYES, _AROUND_LIPS, _AROUND_NOSE = 1.5, 1.2, 1.2
_RIDGE, _ABOVE_RIDGE = 5, 0.15
_LEAST_SHOWN = 0.25
"""Of its usual size at which a triangle is still looked at: a turned head shows its far side thin."""

Floats32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Look:
    """One layout: grey levels `picture` (56, 56) float32, and which of it faces the camera, `seen`."""

    picture: Floats32
    seen: Mask


@dataclass(frozen=True, slots=True)
class Atlas:
    """The layout of the mesh, one for everybody.

    `corners` (56, 56, 3): the landmarks of the triangle that each place lies in, `weights` theirs.
    `usual` (56, 56): twice the area of that triangle in the layout, signed. `areas`: masks by name.
    """

    corners: NDArray[np.int64]
    weights: Floats
    usual: Floats
    areas: dict[str, Mask]

    def look(self, luma: BgrImage, points: Floats) -> Look:
        """Lay out a grey picture (n, m) with the mesh at `points` (468, 2) in it; some 0.4 ms."""
        triangles = points[self.corners]
        at = np.einsum("hwkd,hwk->hwd", triangles, self.weights).astype(np.float32)
        picture = cv2.remap(
            luma, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        shown = _signed(triangles) / self.usual
        typical = max(float(np.median(shown[self.areas["skin"]])), 1e-9)
        return Look(picture.astype(np.float32), shown > _LEAST_SHOWN * typical)


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """The layout of the mean face, made once for the process."""
    mesh, places = Delaunay(MEAN_MESH), _places()
    triangle = mesh.find_simplex(places)
    fit = mesh.transform[triangle]
    first_two = np.einsum("nij,nj->ni", fit[:, :2], places - fit[:, 2])
    weights = np.column_stack([first_two, 1 - first_two.sum(axis=1)])
    corners = mesh.simplices[triangle].astype(np.int64)
    shape = (SIDE_PX, SIDE_PX)
    return Atlas(
        corners.reshape(*shape, 3),
        weights.reshape(*shape, 3),
        _signed(MEAN_MESH[corners]).reshape(shape),
        _areas(MEAN_MESH),
    )


def _places() -> Floats:
    """The places of the layout, row by row: (3136, 2)."""
    steps = np.linspace(0, _WIDE, SIDE_PX)
    across, down = np.meshgrid(_LEFT + steps, _TOP + steps)
    return np.column_stack([across.ravel(), down.ravel()])


def _areas(flat: Floats) -> dict[str, Mask]:
    inner = _within(flat, FACE_OVAL, _INNER)
    eyes = (_within(flat, LEFT_EYE, _AROUND_EYES) | _within(flat, RIGHT_EYE, _AROUND_EYES)) & inner
    lips = _within(flat, OUTER_LIPS, _AROUND_LIPS) & inner
    skin = inner & ~eyes & ~lips
    down = _places()[:, 1].reshape(SIDE_PX, SIDE_PX)
    below = down > max(flat[_RIDGE, 1] - _ABOVE_RIDGE, flat[[*LEFT_BROW, *RIGHT_BROW], 1].mean())
    nose = _within(flat, NOSE, _AROUND_NOSE) & inner
    found = (skin, skin & below, nose, eyes, lips, inner)
    return dict(zip(AREAS, found, strict=True))


def _within(flat: Floats, points: Sequence[int], size: float) -> Mask:
    """The places inside the hull of some landmarks, scaled about its centre."""
    around = flat[list(points)]
    centre = around.mean(axis=0)
    hull = (centre + (around - centre) * size - (_LEFT, _TOP)) * ((SIDE_PX - 1) / _WIDE)
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(mask, [cv2.convexHull(np.round(hull).astype(np.int32))], 1)
    return mask > 0


def _signed(triangles: Floats) -> Floats:
    """Twice the signed areas (...) of triangles (..., 3, 2)."""
    ab, ac = (triangles[..., corner, :] - triangles[..., 0, :] for corner in (1, 2))
    return np.asarray(ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0])
