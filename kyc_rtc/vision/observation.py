"""What was seen in one frame: values and the observer's protocol, free of any library's types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage

Landmarks = NDArray[np.float32]
"""Face mesh: shape (478, 3), dtype float32. x and y in pixels of the frame, z in the same scale,
negative towards the camera. Points 468 to 477 are the irises."""


class Blendshape(StrEnum):
    """The expression coefficients that the product reads; each 0 (absent) to 1 (full)."""

    EYE_BLINK_LEFT = "eyeBlinkLeft"
    EYE_BLINK_RIGHT = "eyeBlinkRight"
    EYE_LOOK_DOWN_LEFT = "eyeLookDownLeft"
    EYE_LOOK_DOWN_RIGHT = "eyeLookDownRight"
    EYE_SQUINT_LEFT = "eyeSquintLeft"
    EYE_SQUINT_RIGHT = "eyeSquintRight"
    JAW_OPEN = "jawOpen"
    MOUTH_CLOSE = "mouthClose"
    MOUTH_FUNNEL = "mouthFunnel"
    MOUTH_PUCKER = "mouthPucker"
    MOUTH_SMILE_LEFT = "mouthSmileLeft"
    MOUTH_SMILE_RIGHT = "mouthSmileRight"
    MOUTH_STRETCH_LEFT = "mouthStretchLeft"
    MOUTH_STRETCH_RIGHT = "mouthStretchRight"
    BROW_INNER_UP = "browInnerUp"
    CHEEK_SQUINT_LEFT = "cheekSquintLeft"
    CHEEK_SQUINT_RIGHT = "cheekSquintRight"


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Rotation of the head against the camera, in degrees.

    `yaw_deg` positive towards the person's own left, `pitch_deg` positive downwards (chin to the
    chest), `roll_deg` positive towards the person's own left shoulder.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    `box_xyxy` in pixels (left, top, right, bottom), the bounds of the mesh; it may reach beyond the
    picture. `blendshapes` maps a `Blendshape` to 0..1.
    """

    landmarks: Landmarks
    blendshapes: dict[Blendshape, float]
    pose: HeadPose
    box_xyxy: tuple[float, float, float, float]

    @property
    def width_px(self) -> float:
        return self.box_xyxy[2] - self.box_xyxy[0]

    @property
    def height_px(self) -> float:
        return self.box_xyxy[3] - self.box_xyxy[1]

    @property
    def centre_xy(self) -> tuple[float, float]:
        left, top, right, bottom = self.box_xyxy
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """What was seen in one frame. `faces` stands in order of size, the largest first.

    `captured_at_ms` is media time, `image_size` is (width, height) in pixels.
    """

    captured_at_ms: int
    sequence: int
    image_size: tuple[int, int]
    faces: tuple[Face, ...]

    @property
    def face(self) -> Face | None:
        """The largest face, or None."""
        return self.faces[0] if self.faces else None


class FaceObserver(Protocol):
    """Finds faces in the frames of one video, in order. Not thread-safe; `close` frees it."""

    def observe(self, image_bgr: BgrImage, captured_at_ms: int, sequence: int) -> FaceObservation:
        """Observe one frame; `captured_at_ms` must rise."""

    def close(self) -> None:
        """Free the observer's memory and threads. Idempotent."""
