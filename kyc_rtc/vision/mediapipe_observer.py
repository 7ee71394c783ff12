"""The face observer on MediaPipe Tasks' FaceLandmarker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from kyc_rtc.errors import ModelError
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import pose_from_matrix
from kyc_rtc.vision.observation import Blendshape, Face, FaceObservation, Landmarks

_WANTED = {shape.value: shape for shape in Blendshape}


class MediaPipeObserver:
    """A `FaceObserver`: 478 landmarks, blendshapes and head pose of up to `max_faces` faces.

    Any thread may call it, one at a time. Frames that repeat or go back in media time are observed
    all the same: MediaPipe gets a clock of its own that always rises.

    Raises:
        ModelError: the file at `model_path` is missing or is not a FaceLandmarker model.
    """

    def __init__(self, model_path: Path, max_faces: int = 2) -> None:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model_path)),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=max_faces,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        try:
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        except (OSError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"{model_path} cannot be loaded as a face landmarker: {error}",
                hint="fetch it with `python -m kyc_rtc models fetch`",
            ) from error
        self._last_captured_at_ms: int | None = None
        self._clock_ms = 0

    def __enter__(self) -> MediaPipeObserver:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def observe(self, image_bgr: BgrImage, captured_at_ms: int, sequence: int) -> FaceObservation:
        """Observe one frame of shape (height, width, 3), uint8.

        Raises:
            RuntimeError: the observer is closed.
        """
        if self._landmarker is None:
            raise RuntimeError("the observer is closed")
        image_rgb = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=image_rgb)
        result = self._landmarker.detect_for_video(image, self._tick(captured_at_ms))
        height, width = image_bgr.shape[:2]
        return FaceObservation(
            captured_at_ms, sequence, (width, height), _faces(result, width, height)
        )

    def close(self) -> None:
        """Free the model. Idempotent; afterwards `observe` raises `RuntimeError`."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            landmarker.close()

    def _tick(self, captured_at_ms: int) -> int:
        """Advance by the media time that passed since the last frame, by 1 ms at least."""
        last = self._last_captured_at_ms
        self._last_captured_at_ms = captured_at_ms
        self._clock_ms += max(captured_at_ms - last, 1) if last is not None else 1
        return self._clock_ms


def _faces(result: Any, width: int, height: int) -> tuple[Face, ...]:
    faces = [
        _face(mesh, blendshapes, matrix, width, height)
        for mesh, blendshapes, matrix in zip(
            result.face_landmarks,
            result.face_blendshapes,
            result.facial_transformation_matrixes,
            strict=True,
        )
    ]
    return tuple(sorted(faces, key=lambda face: face.width_px * face.height_px, reverse=True))


def _face(mesh: Sequence[Any], blendshapes: Sequence[Any], matrix: Any, w: int, h: int) -> Face:
    # z is in units of the picture's width, like x.
    landmarks: Landmarks = np.array([(p.x * w, p.y * h, p.z * w) for p in mesh], np.float32)
    left, top = landmarks[:, :2].min(axis=0)
    right, bottom = landmarks[:, :2].max(axis=0)
    return Face(
        landmarks=landmarks,
        blendshapes={
            _WANTED[shape.category_name]: float(shape.score)
            for shape in blendshapes
            if shape.category_name in _WANTED
        },
        pose=pose_from_matrix(matrix),
        box_xyxy=(float(left), float(top), float(right), float(bottom)),
    )
