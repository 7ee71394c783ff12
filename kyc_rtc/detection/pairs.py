"""Two pictures of a face a tenth of a second apart, cut out alike, and the flow between them.

The landmarks of the first one cut out both. So errors of the mesh from frame to frame do not look like a
change of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import Floats, aligned_crop, alignment
from kyc_rtc.vision.observation import Face, HeadPose, Landmarks

PAIR_PX, PAIR_EYES = 192, 0.22
"""Side of the crop and the distance of the eyes in shares of it: face, hair and a rim of background."""

PAIR_EVERY_MS = 400
_APART_MS = (55, 140)
"""Between the two: about as long at 10 frames a second as at 30."""

_MAX_SCALE = 1.9
"""Crop pixels for each pixel of the frame; a smaller face has no detail to follow."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two successive crops of one face.

    `first_bgr` (192, 192, 3), `first` and `second` in grey (192, 192), all uint8. `flow` (192, 192, 2)
    float32: where each pixel of `first` went, in pixels of the crop. `points` and `points_after`
    (468, 2): the mesh in crop pixels. `corners` (4, 2): those of the camera's picture, in crop pixels; beyond
    them the crop repeats the border. `pose` is the head's in the first.
    """

    first_bgr: BgrImage
    first: BgrImage
    second: BgrImage
    flow: NDArray[np.float32]
    points: Floats
    points_after: Floats
    corners: Floats
    pose: HeadPose


@dataclass(frozen=True, slots=True)
class _First:
    at_ms: int
    face: Face
    crop_bgr: BgrImage


class PairCutter:
    """Cuts two or three pairs a second out of the frames of one stream; some 3 ms a pair."""

    def __init__(self) -> None:
        self._first: _First | None = None
        self._next_ms = 0

    def reset(self) -> None:
        """A frame could not be judged: what follows it is not a neighbour of what came before."""
        self._first = None

    def update(self, now_ms: int, image: BgrImage, luma: BgrImage, face: Face) -> Pair | None:
        """Take a judgeable frame into account: the second of a pair gives the pair."""
        first = self._first
        waited_ms = now_ms - first.at_ms if first else 0
        if first is not None and 0 <= waited_ms < _APART_MS[0]:
            return None
        self._first = None
        if first is not None and _APART_MS[0] <= waited_ms <= _APART_MS[1]:
            return _pair(first, luma, face)
        if (
            now_ms >= self._next_ms
            and alignment(face.landmarks, PAIR_PX, PAIR_EYES).scale <= _MAX_SCALE
        ):
            self._next_ms = now_ms + PAIR_EVERY_MS
            self._first = _First(now_ms, face, cut(image, face.landmarks))
        return None


def cut(image: BgrImage, landmarks: Landmarks) -> BgrImage:
    """The crop of a picture in colour or grey by these landmarks, side 192."""
    return aligned_crop(image, landmarks, PAIR_PX, eye_distance=PAIR_EYES)


def flow_between(first: BgrImage, second: BgrImage) -> NDArray[np.float32]:
    """Dense flow (n, n, 2) between grey crops: inverse search on patches (Kroeger et al., 2016)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    search.setFinestScale(1)
    nowhere = np.zeros((*first.shape, 2), np.float32)
    return np.asarray(search.calc(first, second, nowhere), np.float32)


def followed(picture: BgrImage, flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """The later `picture` (n, n) put back along the flow to where it came from."""
    height, width = picture.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        picture,
        x + flow[..., 0],
        y + flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved.astype(np.float32)


def _pair(first: _First, luma: BgrImage, face: Face) -> Pair:
    fit = alignment(first.face.landmarks, PAIR_PX, PAIR_EYES)
    before = np.asarray(cv2.cvtColor(first.crop_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    after = cut(luma, first.face.landmarks)
    height, width = luma.shape
    return Pair(
        first.crop_bgr,
        before,
        after,
        flow_between(before, after),
        fit.apply(first.face.landmarks[:468, :2]),
        fit.apply(face.landmarks[:468, :2]),
        fit.apply(np.array([(0, 0), (width, 0), (width, height), (0, height)])),
        first.face.pose,
    )
