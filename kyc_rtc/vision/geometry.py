"""Geometry of the face mesh: named points, openness of eyes and mouth, alignment, crops.

Pure functions of `Landmarks`. The indices are those of MediaPipe's canonical face mesh (478 points;
468 without the irises). LEFT and RIGHT are the person's own sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import HeadPose, Landmarks

Floats = NDArray[np.float64]
"""Points of shape (n, 2) or (n, 3), or a matrix; dtype float64."""

# fmt: off
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 64, 294, 48, 278)
OUTER_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)
INNER_LIPS = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
BONY = (
    33, 133, 362, 263, 168, 6, 197, 195, 4, 2, 98, 327,
    8, 9, 151, 10, 109, 338, 54, 284, 127, 356, 234, 454,
)
# fmt: on
"""Contours in drawing order. BONY are points that expressions move little: eye corners, the ridge
and base of the nose, the forehead, the temples and the cheekbones before the ears."""

_EYE_CORNERS = (33, 133, 362, 263)
_RIGHT_EAR_POINTS = (33, 160, 158, 133, 153, 144)
_LEFT_EAR_POINTS = (263, 387, 385, 362, 380, 373)

_MEAN_BONY = np.array(
    [
        (-0.500, 0.000, 0.000), (-0.197, 0.012, -0.060), (0.197, 0.012, -0.060),
        (0.500, 0.000, 0.000), (0.000, -0.057, -0.246), (0.000, 0.030, -0.305),
        (0.000, 0.104, -0.369), (0.000, 0.169, -0.439), (0.000, 0.326, -0.546),
        (0.000, 0.490, -0.357), (-0.188, 0.474, -0.263), (0.188, 0.474, -0.263),
        (0.000, -0.160, -0.242), (0.000, -0.260, -0.247), (0.000, -0.434, -0.198),
        (0.000, -0.599, -0.141), (-0.210, -0.592, -0.124), (0.210, -0.592, -0.124),
        (-0.669, -0.380, 0.202), (0.669, -0.380, 0.202), (-0.798, 0.090, 0.559),
        (0.798, 0.090, 0.559), (-0.793, 0.259, 0.596), (0.793, 0.259, 0.596),
    ]
)  # fmt: skip
"""The mean of BONY over 123 recordings of people who faced the camera, made symmetric: x to the
person's left, y down, z away from the camera, origin between the outer eye corners, which stand one
unit apart."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """A rotation, a uniform scale and a shift: `scale * rotation @ point + shift`."""

    scale: float
    rotation: Floats
    shift: Floats

    def apply(self, points: ArrayLike) -> Floats:
        """Move points of shape (n, d)."""
        return self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.shift


def fit_similarity(points: ArrayLike, reference: ArrayLike) -> Similarity:
    """The similarity that brings `points` closest to `reference`, both (n, d), in least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE TPAMI 13(4), 1991. Never a reflection.

    Raises:
        ValueError: the shapes differ, or all points coincide.
    """
    source, target = np.asarray(points, np.float64), np.asarray(reference, np.float64)
    if source.shape != target.shape or source.ndim != 2:
        raise ValueError(f"two equal sets of points are needed, not {source.shape}, {target.shape}")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    spread = float(((source - source_mean) ** 2).sum())
    if spread <= 1e-12:
        raise ValueError("all points coincide")
    u, singular, vt = np.linalg.svd((target - target_mean).T @ (source - source_mean))
    signs = np.ones(len(singular))
    signs[-1] = np.sign(np.linalg.det(u @ vt)) or 1.0
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum()) / spread
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


def align_rigid(points: ArrayLike, reference: ArrayLike) -> Floats:
    """`points` (n, d) moved, turned and scaled as close to `reference` as `fit_similarity` can."""
    return fit_similarity(points, reference).apply(points)


def pose_free_shape(landmarks: Landmarks) -> Floats:
    """The mesh without its place, size and head pose: shape (len(landmarks), 3).

    Fitted by its BONY points to the mean face; the unit is the distance of the outer eye corners,
    x points to the person's left, y down, z away from the camera.
    """
    return fit_similarity(landmarks[list(BONY)], _MEAN_BONY).apply(landmarks)


def eye_openness(landmarks: Landmarks) -> tuple[float, float]:
    """Eye aspect ratio of the person's (left, right) eye: about 0.3 when open, 0.1 when closed.

    Soukupová and Čech, "Real-time eye blink detection using facial landmarks", CVWW 2016; measured
    in three dimensions, so that a turned head does not seem to open its eyes.
    """
    return _aspect(landmarks[list(_LEFT_EAR_POINTS)]), _aspect(landmarks[list(_RIGHT_EAR_POINTS)])


def _aspect(eye: Landmarks) -> float:
    heights = np.linalg.norm(eye[1:3] - eye[[5, 4]], axis=1).sum()
    return float(heights / (2 * max(float(np.linalg.norm(eye[0] - eye[3])), 1e-6)))


def mouth_openness(landmarks: Landmarks) -> float:
    """Gap of the inner lips over the distance of the outer eye corners: 0 when closed.

    The eye corners are the unit because a smile changes the mouth's width.
    """
    upper, lower = landmarks[[82, 13, 312]], landmarks[[87, 14, 317]]
    gap = float(np.linalg.norm(upper - lower, axis=1).mean())
    return gap / max(float(np.linalg.norm(landmarks[33] - landmarks[263])), 1e-6)


def eye_span_px(landmarks: Landmarks, pose: HeadPose) -> float:
    """Distance of the outer eye corners in pixels, as if the head faced the camera.

    Pitch and roll do not shorten the line between the eyes, yaw does, by its cosine; beyond 60 degrees of
    yaw no more is made up for. For one head and one lens it is inverse to the distance from the camera.
    """
    shortened = max(float(np.cos(np.radians(pose.yaw_deg))), 0.5)
    return float(np.linalg.norm(landmarks[33, :2] - landmarks[263, :2])) / shortened


def pose_from_matrix(matrix: ArrayLike) -> HeadPose:
    """Head pose from MediaPipe's facial transformation matrix, shape (4, 4) (or its 3x3 part).

    Its axes: x to the person's left (the right of the picture), y up, z towards the camera. The
    rotation is read as R_y(yaw) R_x(pitch) R_z(-roll), after removing the scale.
    """
    rotation = np.asarray(matrix, np.float64)[:3, :3]
    rotation = rotation / np.maximum(np.linalg.norm(rotation, axis=0), 1e-12)
    forward = rotation[:, 2]
    return HeadPose(
        yaw_deg=float(np.degrees(np.arctan2(forward[0], forward[2]))),
        pitch_deg=float(np.degrees(np.arcsin(np.clip(-forward[1], -1, 1)))),
        roll_deg=float(np.degrees(-np.arctan2(rotation[1, 0], rotation[1, 1]))),
    )


def eye_centres(landmarks: Landmarks) -> Floats:
    """Midpoints of the corners of the (right, left) eye: shape (2, 2), pixels; blinks leave them."""
    corners = np.asarray(landmarks[list(_EYE_CORNERS), :2], np.float64)
    return np.stack([corners[:2].mean(axis=0), corners[2:].mean(axis=0)])


def alignment(landmarks: Landmarks, size: int, eye_distance: float) -> Similarity:
    """The similarity from the frame to the crop that `aligned_crop` makes."""
    half = eye_distance * size / 2
    target = np.array([(size / 2 - half, 0.4 * size), (size / 2 + half, 0.4 * size)])
    return fit_similarity(eye_centres(landmarks), target)


def aligned_crop(
    image: BgrImage, landmarks: Landmarks, size: int, *, eye_distance: float = 0.3
) -> BgrImage:
    """The face upright in a square of `size` pixels, colour or grey as `image`.

    The eye centres come to lie `eye_distance * size` apart, level, centred, at 0.4 of the height.
    What lies outside the picture repeats its border.
    """
    fit = alignment(landmarks, size, eye_distance)
    shrunk, factor = _shrunk(image, fit.scale)
    matrix = np.column_stack([fit.scale / factor * fit.rotation, fit.shift])
    warped = cv2.warpAffine(
        shrunk, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _shrunk(image: BgrImage, scale: float) -> tuple[BgrImage, float]:
    """Halve the picture as often as needed for linear sampling at `scale` not to alias."""
    factor = 1.0
    while scale / factor < 0.5 and min(image.shape[:2]) > 16:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        factor /= 2
    return image, factor
