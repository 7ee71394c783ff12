"""An animated portrait: a photograph that blinks, turns, nods, smiles and opens its mouth.

Unless another is given, the photograph is scikit-image's `astronaut` (NASA, public domain), which
ships with that package, so the tests have a face where no video of a person is at hand. MediaPipe
finds its landmarks once; they become a surface in three dimensions, which `render` deforms, rotates
about the neck, projects with perspective and draws triangle by triangle, from the back to the front.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from skimage import data

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import FACE_OVAL, Floats
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from tests.support.portrait_actions import Expression
from tests.support.portrait_mesh import Mesh, build_mesh
from tests.support.portrait_paint import paint_lids, paint_mouth

__all__ = ["AnimatedPortrait", "Expression"]

Floats32 = NDArray[np.float32]

_NO_SECOND_MAP = np.empty(0, np.int16)
_FACE_SHARE = 0.40  # width of the face, of the picture's shorter side: as before a webcam
_FACE_CENTRE = (0.5, 0.53)  # of the picture's width and height
_CAMERA_DISTANCE = 6.0  # from the camera to the face, in widths of the face
_SUBPIXEL_BITS = 4
# Triangles squeezed below this share of their area (eyes all but closed, a cheek seen edge-on) are
# drawn first, to fill gaps only: one pixel of their rim would show as a dotted line.
_SLIVER = 0.15
# The surface is flatter than a head (see `_flattened`): it turns further to look as far turned.
_YAW_GAIN = 1.3


class AnimatedPortrait:
    """Renders the portrait with any expression; the mesh is found once, at construction.

    `size` is (width, height) in pixels. `photo` must show a face from the front which smiles with
    parted lips, and some of what is around it. Raises `RuntimeError` where MediaPipe, with the model
    at `model_path`, sees no face in the photograph.
    """

    def __init__(
        self, model_path: Path, size: tuple[int, int] = (640, 480), photo: BgrImage | None = None
    ) -> None:
        photo = _astronaut() if photo is None else photo
        self._smiling = _reframe(photo, _find_landmarks(photo, model_path), size)
        landmarks = _find_landmarks(self._smiling, model_path)
        self._mesh = build_mesh(landmarks, size)
        self._mouth = paint_mouth(self._smiling, landmarks)
        self._lids = paint_lids(self._smiling, landmarks)
        self._rasteriser = _Rasteriser(self._mesh, size)

    def render(self, expression: Expression) -> BgrImage:
        """The portrait with this expression: (height, width, 3) BGR, uint8."""
        points_xyz = _turned(_deformed(self._mesh, expression), self._mesh, expression)
        map_x, map_y = self._rasteriser.inverse_map(points_xyz)
        texture, edge = self._texture(expression), cv2.BORDER_REPLICATE
        picture = cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=edge)
        return _enlarged(np.asarray(picture, dtype=np.uint8), expression.nearness)

    def _texture(self, expression: Expression) -> BgrImage:
        """The photograph with the paint that this expression asks for."""
        texture = self._smiling.copy()
        teeth = _share(expression.smile * (1 - expression.mouth_open))
        self._mouth.blend_into(texture, 1 - teeth)
        for lid in self._lids:  # the eye shows until the lids are half closed
            lid.blend_into(texture, _share(2 * expression.blink - 0.7))
        return texture


def _enlarged(picture: BgrImage, log_ratio: float) -> BgrImage:
    """The picture about its middle, as a photograph grows that comes nearer: without perspective."""
    if log_ratio == 0.0:
        return picture
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.0, float(np.exp(log_ratio)))
    mode = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=mode), np.uint8)


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


class _Rasteriser:
    """Draws the mesh's triangles and answers, per pixel, where in the photograph it comes from."""

    def __init__(self, mesh: Mesh, size: tuple[int, int]) -> None:
        width, height = size
        self._triangles = mesh.triangles
        self._source_xy = mesh.points_xyz[mesh.triangles, :2]
        self._source_area = _signed_area(self._source_xy)
        moving = mesh.turn_weight + np.abs(mesh.open_xy).sum(axis=1) > 0  # eyes and lips turn too
        self._moving = moving[mesh.triangles].any(axis=1)
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        self._pixels = np.dstack([x, y, np.ones_like(x)]).astype(np.float32)
        self._still = np.zeros((height, width, 2), np.int16)
        _draw(self._still, self._source_xy, np.flatnonzero(~self._moving))

    def inverse_map(self, points_xyz: Floats) -> tuple[Floats32, Floats32]:
        """x and y in the photograph, each (height, width), for the mesh with its points moved."""
        corners = points_xyz[self._triangles]
        corners_xy = np.ascontiguousarray(corners[:, :, :2])
        table = _affine_table(corners_xy, self._source_xy)
        area = _signed_area(corners_xy)
        drawn = np.flatnonzero(self._moving & (area > 0))
        sliver = area < _SLIVER * self._source_area
        order = drawn[np.lexsort((-corners[drawn, :, 2].mean(axis=1), ~sliver[drawn]))]
        index = self._still.copy()
        _draw(index, corners_xy, order)
        # A remap with the triangle's number as the x coordinate is a fast look-up per pixel.
        rows = np.asarray(cv2.remap(table, index, _NO_SECOND_MAP, cv2.INTER_NEAREST))
        map_x, map_y = (np.einsum("ijk,ijk->ij", part, self._pixels) for part in np.dsplit(rows, 2))
        return map_x, map_y


def _signed_area(corners_xy: Floats) -> Floats:
    """Area of (n, 3, 2) triangles in pixels²; positive where they face the viewer."""
    a, b = corners_xy[:, 1] - corners_xy[:, 0], corners_xy[:, 2] - corners_xy[:, 0]
    return np.asarray((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2)


def _draw(index: NDArray[np.int16], corners_xy: Floats, order: NDArray[np.intp]) -> None:
    """Fill `index` (height, width, 2) with the numbers of the triangles, in the given order."""
    fixed_point = np.rint(corners_xy * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for number in order.tolist():
        cv2.fillConvexPoly(index, fixed_point[number], (number, 0), cv2.LINE_8, _SUBPIXEL_BITS)


def _affine_table(from_xy: Floats, to_xy: Floats) -> Floats32:
    """(1, n, 6): per triangle the rows of the affine map that takes (x, y, 1) to the source."""
    edges = from_xy[:, 1:] - from_xy[:, :1]
    areas = 2 * _signed_area(from_xy)
    safe = np.where(np.abs(areas) < 1e-6, 1.0, areas)
    inverse = np.empty_like(edges)
    inverse[:, 0, 0], inverse[:, 1, 1] = edges[:, 1, 1] / safe, edges[:, 0, 0] / safe
    inverse[:, 0, 1], inverse[:, 1, 0] = -edges[:, 0, 1] / safe, -edges[:, 1, 0] / safe
    linear = inverse @ (to_xy[:, 1:] - to_xy[:, :1])
    offset = to_xy[:, 0] - np.einsum("ni,nij->nj", from_xy[:, 0], linear)
    rows = np.concatenate([linear, offset[:, None]], axis=1).transpose(0, 2, 1)
    return rows.reshape(1, -1, 6).astype(np.float32)


def _deformed(mesh: Mesh, expression: Expression) -> Floats:
    """The mesh's points with face and jaw moved and the head straight, (n, 3) pixels."""
    points = mesh.points_xyz.copy()
    points[:, :2] += (
        (1 - expression.smile) * mesh.relax_xy
        + expression.mouth_open * mesh.open_xy
        + expression.blink * mesh.blink_xy
    )
    return points


def _turned(points_xyz: Floats, mesh: Mesh, expression: Expression) -> Floats:
    """The points rotated about the top of the neck and projected: x, y in the picture, depth."""
    distance = _CAMERA_DISTANCE * mesh.face_width_px
    centre = mesh.pivot_xyz[:2]
    # The photograph is already a projection: lift its points off the picture's plane first.
    lifted = points_xyz - mesh.pivot_xyz
    lifted[:, :2] += (points_xyz[:, :2] - centre) * points_xyz[:, 2:] / distance
    angles_deg = [expression.pitch_deg, -_YAW_GAIN * expression.yaw_deg]
    rotated = Rotation.from_euler("xy", angles_deg, degrees=True).apply(lifted)
    moved = lifted + mesh.turn_weight[:, None] * (rotated - lifted) + mesh.pivot_xyz
    moved[:, :2] = centre + (moved[:, :2] - centre) / (1 + moved[:, 2:] / distance)
    return np.asarray(moved)


def _astronaut() -> BgrImage:
    photo_rgb = data.astronaut()  # type: ignore[no-untyped-call]  # scikit-image has no types
    return np.ascontiguousarray(photo_rgb[..., ::-1])


def _reframe(photo_bgr: BgrImage, landmarks_xyz: Floats, size: tuple[int, int]) -> BgrImage:
    """The photograph cropped and enlarged to `size`, with the face where a webcam shows it."""
    oval = landmarks_xyz[list(FACE_OVAL), :2]
    scale = _FACE_SHARE * min(size) / np.ptp(oval[:, 0])
    middle = (oval.min(axis=0) + oval.max(axis=0)) / 2
    offset = np.array(size) * _FACE_CENTRE - scale * middle
    matrix = np.column_stack([scale * np.eye(2), offset])
    mode = cv2.BORDER_REPLICATE
    picture = cv2.warpAffine(photo_bgr, matrix, size, flags=cv2.INTER_CUBIC, borderMode=mode)
    return np.asarray(picture, dtype=np.uint8)


def _find_landmarks(picture_bgr: BgrImage, model_path: Path) -> Floats:
    """MediaPipe's (478, 3) landmarks in pixels of the picture, z in the same unit."""
    with MediaPipeObserver(model_path, max_faces=1) as observer:
        face = observer.observe(picture_bgr, captured_at_ms=0, sequence=0).face
    if face is None:
        raise RuntimeError("no face found in the portrait's photograph")
    return face.landmarks.astype(np.float64)
