"""Does enhancement help the face observer? Measured on darkened and noised copies of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.errors import MediaError
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.enhance import Enhancer
from kyc_rtc.vision.face_quality import assess_face
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import FaceObservation, Landmarks

_FRAMES = 10
_STEP = 3
_FRAME_MS = 100
_GAMMA = 2.2
_FOUND_WITHIN = 0.3
"""A face counts as found if its mesh lies this close to that of the clean frame, on average, in
distances of the outer eye corners."""


@dataclass(frozen=True, slots=True)
class Level:
    """A degradation: `light` is the share of the scene's light that is left; `noise_sigma` in luma
    steps, added after; `jpeg` the quality of the compression, 0 for none."""

    light: float
    noise_sigma: float
    jpeg: int = 0

    @property
    def label(self) -> str:
        jpeg = f", JPEG {self.jpeg}" if self.jpeg else ""
        return f"light {self.light:g}, noise {self.noise_sigma:g}{jpeg}"


LEVELS = (
    Level(1.0, 0.0),
    Level(0.03, 6.0),
    Level(0.01, 6.0),
    Level(0.004, 6.0),
    Level(0.004, 6.0, 50),
    Level(1.0, 20.0),
    Level(1.0, 30.0),
    Level(1.0, 40.0),
    Level(1.0, 70.0),
    Level(1.0, 40.0, 50),
)


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    found: int = 0
    error: float = 0.0
    cpu_ms: float = 0.0

    def as_dict(self) -> dict[str, float]:
        return {
            "frames": self.frames,
            "found": round(self.found / max(self.frames, 1), 4),
            "mesh_error": round(self.error / max(self.found, 1), 4),
            "enhance_cpu_ms": round(self.cpu_ms / max(self.frames, 1), 3),
        }


def measure(clips: list[Path], model_path: Path) -> dict[str, Any]:
    """Find faces in degraded copies of `clips`, with and without enhancement.

    Answers for each level, under "off" and "on": `frames`, `found` (share), `mesh_error` (mean, in
    distances of the outer eye corners), `enhance_cpu_ms` (mean).

    Raises:
        MediaError: a clip cannot be read.
        ModelError: there is no model at `model_path`.
    """
    tallies = {(level, on): _Tally() for level in LEVELS for on in (False, True)}
    for clip in clips:
        frames = list(_read(clip))
        reference = [seen.face for seen in _observe(frames, model_path, None, _Tally())]
        kept = [i for i, face in enumerate(reference) if face is not None]
        meshes = [face.landmarks for face in reference if face is not None]
        for (level, on), tally in tallies.items():
            noise = np.random.default_rng(0)
            degraded = [_degrade(frames[i], level, noise) for i in kept]
            seen = _observe(degraded, model_path, Enhancer() if on else None, tally)
            _count(seen, meshes, tally)
    return {
        level.label: {"off": tallies[level, False].as_dict(), "on": tallies[level, True].as_dict()}
        for level in LEVELS
    }


def _read(clip: Path) -> Iterator[BgrImage]:
    capture = cv2.VideoCapture(str(clip))
    try:
        if not capture.isOpened():
            raise MediaError(f"{clip} cannot be read")
        for index in range(_FRAMES * _STEP):
            more, image_bgr = capture.read()
            if not more:
                return
            if index % _STEP == 0:
                yield np.asarray(image_bgr, np.uint8)
    finally:
        capture.release()


def _degrade(image_bgr: BgrImage, level: Level, random: np.random.Generator) -> BgrImage:
    linear = (np.arange(256) / 255) ** _GAMMA * level.light
    table = (linear ** (1 / _GAMMA) * 255).astype(np.float32)
    noise = random.normal(0.0, level.noise_sigma, image_bgr.shape).astype(np.float32)
    degraded = np.asarray(np.clip(np.rint(table[image_bgr] + noise), 0, 255), np.uint8)
    if level.jpeg:
        _, packed = cv2.imencode(".jpg", degraded, [cv2.IMWRITE_JPEG_QUALITY, level.jpeg])
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return degraded


def _observe(
    frames: list[BgrImage], model_path: Path, enhancer: Enhancer | None, tally: _Tally
) -> list[FaceObservation]:
    clock, quality, seen = SystemClock(), None, []
    with MediaPipeObserver(model_path, max_faces=1) as observer:
        for index, frame in enumerate(frames):
            started_ms = clock.cpu_ms()
            image_bgr = enhancer.apply(frame, quality) if enhancer else frame
            tally.cpu_ms += clock.cpu_ms() - started_ms
            observation = observer.observe(image_bgr, index * _FRAME_MS, index)
            quality = assess_face(observation, frame).image
            seen.append(observation)
    return seen


def _count(seen: list[FaceObservation], meshes: list[Landmarks], tally: _Tally) -> None:
    for observation, mesh in zip(seen, meshes, strict=True):
        tally.frames += 1
        if observation.face is None:
            continue
        eyes = float(np.linalg.norm(mesh[33, :2] - mesh[263, :2]))
        offsets = np.linalg.norm(observation.face.landmarks[:, :2] - mesh[:, :2], axis=1)
        error = float(offsets.mean()) / max(eyes, 1.0)
        if error < _FOUND_WITHIN:
            tally.found += 1
            tally.error += error
