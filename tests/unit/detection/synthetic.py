"""A synthetic face with known motion: a mesh, pictures of it, and samples for the analysers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.evidence import Sample
from kyc_rtc.detection.thumbnail import thumbnail
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_IRIS,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from kyc_rtc.vision.observation import Blendshape, Face, FaceObservation, HeadPose
from kyc_rtc.vision.quality import FaceQuality, QualityIssue

WIDTH, HEIGHT = 320, 240
CENTRE = np.array([160.0, 120.0])
RADII = np.array([70.0, 90.0])
GOOD = FaceQuality((), None, 0.5)
DARK = FaceQuality((QualityIssue.TOO_DARK,), None, 0.5)

Mesh = NDArray[np.float64]


def _ring(centre: tuple[float, float], radii: tuple[float, float], count: int) -> Mesh:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack(
        [centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], axis=1
    )


def face_mesh() -> Mesh:
    """A mesh of shape (478, 3) on an ellipsoid, in pixels, the named points where they belong."""
    rng = np.random.default_rng(11)
    unit = rng.uniform(-0.8, 0.8, (478, 2))
    unit[list(FACE_OVAL)] = _ring((0, 0), (0.98, 0.98), len(FACE_OVAL))
    unit[list(OUTER_LIPS)] = _ring((0, 0.5), (0.3, 0.12), len(OUTER_LIPS))
    unit[list(INNER_LIPS)] = _ring((0, 0.5), (0.22, 0.04), len(INNER_LIPS))
    for eye, iris, side in ((RIGHT_EYE, RIGHT_IRIS, -1), (LEFT_EYE, LEFT_IRIS, 1)):
        ring = _ring((side * 0.4, -0.2), (0.16, 0.06), len(eye))
        unit[list(eye)] = ring[::side]
        unit[list(iris)] = _ring((side * 0.4, -0.2), (0.05, 0.04), len(iris))
        outer, inner = (33, 133) if side < 0 else (263, 362)
        unit[outer], unit[inner] = (side * 0.56, -0.2), (side * 0.24, -0.2)
    return np.column_stack([CENTRE + unit * RADII, -depth(unit)])


def depth(unit: Mesh) -> NDArray[np.float64]:
    """Height of the head above its rim, in pixels, at places in units of its radii; with a nose."""
    radius = np.clip((unit**2).sum(axis=-1), 0, 1)
    nose = np.exp(-((unit[..., 0] / 0.15) ** 2) - ((unit[..., 1] - 0.1) / 0.3) ** 2)
    return np.asarray(60.0 * np.sqrt(1 - radius) + 28.0 * nose)


def texture(seed: int = 5) -> NDArray[np.float32]:
    """A picture full of corners, of shape (240, 320)."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.normal(size=(60, 80)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)), (0, 0), 1.2)
    return np.asarray(120 + 28 * coarse + 30 * fine, np.float32)


def tilted(picture: NDArray[np.float32], yaw_deg: float) -> NDArray[np.float32]:
    """The picture as a photograph that was turned about the vertical axis, in perspective."""
    matrix = plane_homography(yaw_deg)
    return np.asarray(
        cv2.warpPerspective(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    )


def plane_homography(yaw_deg: float, focal_px: float = 500.0) -> NDArray[np.float64]:
    """Homography of a plane that faces the camera and is turned about the picture's middle."""
    yaw = np.radians(yaw_deg)
    to_plane = np.array([[1, 0, -CENTRE[0]], [0, 1, -CENTRE[1]], [0, 0, 1.0]])
    turn = np.array([[np.cos(yaw), 0, 0], [0, 1, 0], [-np.sin(yaw), 0, focal_px]])
    camera = np.array([[focal_px, 0, CENTRE[0]], [0, focal_px, CENTRE[1]], [0, 0, 1.0]])
    return np.asarray(camera @ turn @ to_plane)


def turned(picture: NDArray[np.float32], yaw_deg: float) -> NDArray[np.float32]:
    """The picture painted on a head that turns about the vertical axis; what is behind stands."""
    yaw = np.radians(yaw_deg)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    source = x.copy()
    for _ in range(6):  # where does the surface point lie that this pixel shows
        unit = np.stack([(source - CENTRE[0]) / RADII[0], (y - CENTRE[1]) / RADII[1]], axis=-1)
        height = depth(unit)
        found = CENTRE[0] + (x - CENTRE[0] - height * np.sin(yaw)) / np.cos(yaw)
        source = np.where(height > 0, 0.5 * source + 0.5 * found, x)
    return np.asarray(
        cv2.remap(picture, source.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    )


def as_luma(picture: NDArray[np.float32], sigma: float = 0.0, seed: int = 0) -> BgrImage:
    """Eight bits, with noise of `sigma` luma steps."""
    noise = sigma * np.random.default_rng(seed).normal(size=picture.shape) if sigma else 0.0
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def face(
    mesh: Mesh,
    pose: HeadPose | None = None,
    blink: tuple[float, float] = (0.1, 0.1),
) -> Face:
    """A face with this mesh; `blink` are the coefficients of the (left, right) eye."""
    (left, top), (right, bottom) = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    shapes = {Blendshape.EYE_BLINK_LEFT: blink[0], Blendshape.EYE_BLINK_RIGHT: blink[1]}
    return Face(
        mesh.astype(np.float32),
        shapes,
        pose or HeadPose(0.0, 0.0, 0.0),
        (float(left), float(top), float(right), float(bottom)),
    )


def sample(at_ms: int, luma: BgrImage, seen: Face | None, quality: FaceQuality = GOOD) -> Sample:
    """One analysed frame."""
    faces = (seen,) if seen is not None else ()
    observation = FaceObservation(at_ms, at_ms, (luma.shape[1], luma.shape[0]), faces)
    image_bgr = cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    return Sample(image_bgr, luma, thumbnail(luma), observation, quality, float(at_ms))


def blinked(mesh: Mesh, closure: float) -> Mesh:
    """The mesh with its eyelids closed by this share."""
    moved = mesh.copy()
    for eye in (RIGHT_EYE, LEFT_EYE):
        level = mesh[[eye[0]], 1].mean()
        moved[list(eye), 1] = level + (mesh[list(eye), 1] - level) * (1 - closure)
    return moved
