"""Faces and observations made by hand, for tests that need no model."""

from __future__ import annotations

import numpy as np

from kyc_rtc.vision.geometry import BONY, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from kyc_rtc.vision.observation import Face, FaceObservation, HeadPose, Landmarks

# The nose's tip is not a place for the mesh's other points: they lie on the oval.
_CENTRES = {RIGHT_EYE: (-0.35, 0.0), LEFT_EYE: (0.35, 0.0), OUTER_LIPS: (0.0, 0.8)}


def mesh(centre_xy: tuple[float, float], width_px: float) -> Landmarks:
    """A plain mesh, shape (478, 3): the bounds are `width_px` wide and 1.2 times as high."""
    angle = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.stack([np.cos(angle) / 2, np.sin(angle) * 0.6, np.zeros(478)], axis=1)
    unit = 0.55
    for group, (x, y) in _CENTRES.items():
        turn = np.linspace(np.pi, 3 * np.pi, len(group), endpoint=False)
        points[list(group)] = np.stack(
            [x * unit + 0.08 * np.cos(turn), y * unit + 0.04 * np.sin(turn), 0 * turn], axis=1
        )
    points[list(BONY)[:4]] = [(-0.27, 0, 0), (-0.11, 0, 0), (0.11, 0, 0), (0.27, 0, 0)]
    points[9], points[17] = (0, -0.15, 0), (0, 0.5, 0)
    scaled = points * width_px + [*centre_xy, 0]
    return scaled.astype(np.float32)


def face(
    centre_xy: tuple[float, float] = (320, 240),
    width_px: float = 200,
    pose: HeadPose | None = None,
) -> Face:
    """A face there, looking at the camera unless `pose` says otherwise."""
    landmarks = mesh(centre_xy, width_px)
    left, top = landmarks[:, :2].min(axis=0).tolist()
    right, bottom = landmarks[:, :2].max(axis=0).tolist()
    return Face(landmarks, {}, pose or HeadPose(0, 0, 0), (left, top, right, bottom))


def observation(
    *faces: Face, captured_at_ms: int = 0, image_size: tuple[int, int] = (640, 480)
) -> FaceObservation:
    """What an observer would say of them, the largest first."""
    by_size = sorted(faces, key=lambda face: face.width_px, reverse=True)
    return FaceObservation(captured_at_ms, captured_at_ms, image_size, tuple(by_size))
