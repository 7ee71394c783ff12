"""One picture from the middle of each bona fide recording, with its face: what light and orientation
are fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.observation import Face
from training.people import folds, read_items

_LONG_SIDE_PX = 640


@dataclass(frozen=True, slots=True)
class Picture:
    """`half`, 0 or 1: no person is in both. `face` is None where the observer finds none."""

    image_bgr: BgrImage
    face: Face | None
    half: int


def pictures(manifest: Path, model: Path) -> Iterator[Picture]:
    """Of every bona fide recording that may be learnt from, in the manifest's order."""
    items = read_items(manifest)
    for item, half in zip(items, folds(items, 2), strict=True):
        if not (item.bona_fide and item.is_video and item.use == "any"):
            continue
        image_bgr = _middle(item.path)
        if image_bgr is not None:
            with MediaPipeObserver(model) as observer:
                yield Picture(image_bgr, observer.observe(image_bgr, 0, 0).face, half)


def _middle(path: Path) -> BgrImage | None:
    capture = cv2.VideoCapture(str(path))
    try:
        capture.set(cv2.CAP_PROP_POS_FRAMES, capture.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
        more, image = capture.read()
    finally:
        capture.release()
    if not more:
        return None
    scale = min(_LONG_SIDE_PX / max(image.shape[:2]), 1.0)
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
