"""Attacks of our own making, drawn into bona fide frames before the codec, as a real attack is.

`self_blend` follows the idea of Shiohara and Yamasaki (Detecting Deepfakes with Self-Blended Images,
CVPR 2022): a face blended with a changed copy of itself shows the traces of blending and nothing of a
person or a tool. The other kinds imitate what live tools do: another face warped over the mesh, a
face that a net of low resolution has drawn anew, a photograph whose mesh is animated, a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import (
    BONY,
    FACE_OVAL,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    NOSE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    fit_similarity,
)
from kyc_rtc.vision.observation import Landmarks

Edit = Callable[[BgrImage, Landmarks], BgrImage]
"""Draws an attack into one frame, given its face's landmarks. Keeps the state of its clip."""

Floats = NDArray[np.float64]

MESH = tuple(
    dict.fromkeys(
        (
            *FACE_OVAL,
            *LEFT_EYE,
            *RIGHT_EYE,
            *LEFT_BROW,
            *RIGHT_BROW,
            *NOSE,
            *OUTER_LIPS,
            *INNER_LIPS,
            *BONY,
        )
    )
)
"""The landmarks that carry a warp: dense enough for an expression, cheap enough for a video."""


@dataclass(frozen=True, slots=True)
class Donor:
    """A face to draw from: its picture and landmarks."""

    image_bgr: BgrImage
    landmarks: Landmarks


def warp_mesh(image: BgrImage, source: Floats, target: Floats, size: tuple[int, int]) -> BgrImage:
    """Warp `image` so that the points `source` (n, 2) come to lie at `target`; size (width, height).

    Affine within each triangle of a Delaunay mesh of the target; outside the mesh it is unmoved.
    """
    width, height = size
    map_xy = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
    triangles = Delaunay(target).simplices
    label = np.full((height, width), -1, np.int16)
    for number, corners in enumerate(np.round(target[triangles]).astype(np.int32)):
        cv2.fillConvexPoly(label, corners, number)
    corners = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    try:
        affine = np.linalg.solve(corners, source[triangles])
    except np.linalg.LinAlgError:
        affine = np.linalg.pinv(corners) @ source[triangles]
    inside = label >= 0
    points = np.concatenate([map_xy[inside], np.ones((int(inside.sum()), 1), np.float32)], axis=1)
    map_xy[inside] = np.einsum("ni,nij->nj", points, affine[label[inside]])
    return np.asarray(
        cv2.remap(
            image, map_xy[..., 0], map_xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def face_mask(landmarks: Landmarks, shape: tuple[int, ...], grow: float, soft: float) -> Floats:
    """Mask of the face, shape (height, width, 1), 0..1: hull of the mesh, scaled and softened.

    `grow` scales about the centre, `soft` is the blur's sigma in face widths.
    """
    points = landmarks[list(MESH), :2].astype(np.float64)
    centre, width = points.mean(axis=0), float(np.ptp(points[:, 0]))
    hull = cv2.convexHull(np.round(centre + (points - centre) * grow).astype(np.int32))
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillConvexPoly(mask, hull, 1.0)
    sigma = max(soft * width, 0.8)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma)[..., None], np.float64)


def _blend(below: BgrImage, above: BgrImage, mask: Floats) -> BgrImage:
    mixed = below * (1.0 - mask) + above * mask
    return np.asarray(np.clip(np.round(mixed), 0, 255), np.uint8)


def _matched_colours(image: BgrImage, like: BgrImage, mask: Floats, share: float) -> BgrImage:
    """Mean and deviation of each LAB channel under the mask brought `share` of the way to `like`."""
    inside = mask[..., 0] > 0.5
    if not inside.any():
        return image
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    goal = cv2.cvtColor(like, cv2.COLOR_BGR2LAB).astype(np.float32)
    for channel in range(3):
        have, want = lab[..., channel][inside], goal[..., channel][inside]
        gain = 1.0 + share * (want.std() / max(have.std(), 1.0) - 1.0)
        lab[..., channel] = (lab[..., channel] - have.mean()) * gain + have.mean()
        lab[..., channel] += share * (want.mean() - have.mean())
    return np.asarray(
        cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR), np.uint8
    )


def _drawn_anew(image: BgrImage, landmarks: Landmarks, net_px: int, smooth: float) -> BgrImage:
    """The picture as a net of `net_px` pixels across the face would give it back: soft, noiseless."""
    width = max(float(np.ptp(landmarks[:, 0])), 8.0)
    scale = min(1.0, net_px / width)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if smooth > 0:
        small = cv2.bilateralFilter(small, 5, 10 + 25 * smooth, 3)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)


class SelfBlend:
    """A face blended with a changed copy of itself; what is changed stays for the whole clip."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._grow, self._soft = rng.uniform(0.75, 1.05), rng.uniform(0.01, 0.09)
        self._gain = rng.uniform(0.95, 1.05, 3)
        self._offset = rng.uniform(-5, 5, 3)
        self._net_px = int(rng.choice([0, 0, 64, 96, 128, 160]))
        self._smooth = rng.uniform(0, 1)
        self._shift = rng.normal(0, 0.012, 2)
        self._scale = rng.uniform(0.97, 1.03, 2)
        self._sharpen = rng.uniform(0, 0.8) if self._net_px == 0 else 0.0
        self._share = rng.uniform(0.6, 1.0)

    def __call__(self, image: BgrImage, landmarks: Landmarks) -> BgrImage:
        height, width = image.shape[:2]
        centre = landmarks[list(MESH), :2].mean(axis=0)
        face_px = float(np.ptp(landmarks[:, 0]))
        self._shift = 0.9 * self._shift + self._rng.normal(0, 0.004, 2)
        matrix = np.array(
            [
                [self._scale[0], 0, centre[0] * (1 - self._scale[0]) + self._shift[0] * face_px],
                [0, self._scale[1], centre[1] * (1 - self._scale[1]) + self._shift[1] * face_px],
            ]
        )
        copy = np.asarray(
            cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
        if self._net_px:
            copy = _drawn_anew(copy, landmarks, self._net_px, self._smooth)
        elif self._sharpen > 0:
            soft = cv2.GaussianBlur(copy, (0, 0), 2)
            copy = np.asarray(
                cv2.addWeighted(copy, 1 + self._sharpen, soft, -self._sharpen, 0), np.uint8
            )
        copy = np.clip(copy * self._gain + self._offset, 0, 255).astype(np.uint8)
        mask = face_mask(landmarks, image.shape, self._grow, self._soft) * self._share
        return _blend(image, copy, mask)


class MeshSwap:
    """Another face warped over this one's mesh, coloured to match, drawn by a low-resolution net."""

    def __init__(self, donor: Donor, rng: np.random.Generator) -> None:
        self._donor, self._rng = donor, rng
        self._grow, self._soft = rng.uniform(0.8, 0.98), rng.uniform(0.02, 0.08)
        self._colour = rng.uniform(0.7, 1.0)
        self._net_px = int(rng.choice([64, 96, 128, 128, 192]))
        self._smooth = rng.uniform(0, 1)
        self._keep = rng.uniform(0.0, 0.35)
        self._jitter = rng.uniform(0.0, 0.004)

    def __call__(self, image: BgrImage, landmarks: Landmarks) -> BgrImage:
        target = landmarks[list(MESH), :2].astype(np.float64)
        target += self._rng.normal(0, self._jitter * np.ptp(target[:, 0]), target.shape)
        source = self._donor.landmarks[list(MESH), :2].astype(np.float64)
        size = (image.shape[1], image.shape[0])
        worn = warp_mesh(self._donor.image_bgr, source, target, size)
        mask = face_mask(landmarks, image.shape, self._grow, self._soft)
        worn = _matched_colours(worn, image, mask, self._colour)
        worn = _drawn_anew(worn, landmarks, self._net_px, self._smooth)
        # A net copies expression, light and mouth of the frame that it redraws: so does this mix.
        again = _drawn_anew(image, landmarks, self._net_px, self._smooth)
        worn = np.asarray(cv2.addWeighted(worn, 1 - self._keep, again, self._keep, 0), np.uint8)
        return _blend(image, worn, mask)


class Redrawn:
    """The person's own face, drawn anew by a low-resolution net: what any swap does to the pixels."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._net_px = int(rng.choice([64, 96, 128, 160]))
        self._smooth = rng.uniform(0.2, 1)
        self._grow, self._soft = rng.uniform(0.8, 1.0), rng.uniform(0.02, 0.09)
        self._noise = rng.uniform(0, 0.006)

    def __call__(self, image: BgrImage, landmarks: Landmarks) -> BgrImage:
        source = landmarks[list(MESH), :2].astype(np.float64)
        target = source + self._rng.normal(0, self._noise * np.ptp(source[:, 0]), source.shape)
        worn = warp_mesh(image, source, target, (image.shape[1], image.shape[0]))
        worn = _drawn_anew(worn, landmarks, self._net_px, self._smooth)
        return _blend(image, worn, face_mask(landmarks, image.shape, self._grow, self._soft))


class AnimatedPhoto:
    """A photograph whose mesh follows somebody's movements: the first frame, for the whole clip."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._still: Donor | None = None
        self._net_px = int(rng.choice([96, 128, 192, 256]))
        self._smooth = rng.uniform(0, 1)
        self._damp = rng.uniform(0.4, 1.0)

    def __call__(self, image: BgrImage, landmarks: Landmarks) -> BgrImage:
        if self._still is None:
            self._still = Donor(image.copy(), landmarks.copy())
        source = self._still.landmarks[list(MESH), :2].astype(np.float64)
        moved = landmarks[list(MESH), :2].astype(np.float64)
        target = source + self._damp * (moved - source)
        return _drawn_anew(
            _posed(self._still, source, target), landmarks, self._net_px, self._smooth
        )


class TurnedPhoto:
    """A photograph that is turned in depth by a program: the first frame, with somebody's expressions.

    Head turns and nods come as pulses of their own, between which the head sways a little.
    """

    def __init__(self, rng: np.random.Generator, fps: float) -> None:
        self._still: Donor | None = None
        self._damp = rng.uniform(0.5, 1.0)
        self._net_px = int(rng.choice([128, 192, 256, 400]))
        self._smooth = rng.uniform(0, 0.6)
        self._angles_deg = iter(_program(rng, fps))

    def __call__(self, image: BgrImage, landmarks: Landmarks) -> BgrImage:
        if self._still is None:
            self._still = Donor(image.copy(), landmarks.copy())
        rest = self._still.landmarks.astype(np.float64)
        acted = fit_similarity(landmarks[list(BONY)], rest[list(BONY)]).apply(landmarks)
        shape = rest + self._damp * (acted - rest)
        yaw_deg, pitch_deg = next(self._angles_deg)
        turn = Rotation.from_euler("xy", [pitch_deg, -yaw_deg], degrees=True)
        pivot = rest[list(BONY)].mean(axis=0) + np.array([0, 0, 0.4 * np.ptp(rest[:, 0])])
        turned = turn.apply(shape - pivot) + pivot
        chosen = list(MESH)
        posed = _posed(self._still, rest[chosen, :2], turned[chosen, :2])
        return _drawn_anew(posed, landmarks, self._net_px, self._smooth)


def _program(rng: np.random.Generator, fps: float) -> Iterator[Floats]:
    """Yaw and pitch in degrees, frame by frame, without end."""
    hertz, phase = rng.uniform(0.1, 0.7, (2, 3)), rng.uniform(0, 2 * np.pi, (2, 3))
    swing = np.array([1.2, 0.8])
    start_s, length_s, peak = rng.uniform(0.5, 1.5), rng.uniform(0.8, 1.8), rng.uniform(-28, 28)
    axis = 0
    for number in count():
        at_s = number / fps
        if at_s > start_s + length_s:
            start_s, length_s = at_s + rng.uniform(0.4, 2.0), rng.uniform(0.8, 1.8)
            axis = int(rng.integers(2))
            peak = rng.uniform(10, 28) * rng.choice([-1, 1]) if axis == 0 else rng.uniform(8, 20)
        angles = swing * np.sin(2 * np.pi * hertz * at_s + phase).mean(axis=1)
        along = np.clip((at_s - start_s) / length_s, 0, 1)
        angles[axis] += peak * np.sin(np.pi * along) ** 2
        yield angles


def _posed(still: Donor, source: Floats, target: Floats) -> BgrImage:
    """The still picture with its mesh moved and its frame where it was."""
    height, width = still.image_bgr.shape[:2]
    frame = [(x, y) for x in (0, width / 2, width - 1) for y in (0, height / 2, height - 1)]
    edge = np.array([point for point in frame if point != (width / 2, height / 2)])
    return warp_mesh(
        still.image_bgr, np.vstack([source, edge]), np.vstack([target, edge]), (width, height)
    )


class Recapture:
    """A screen or print filmed again: pixel grid against the camera's, glare, flatter colours."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        angle, period = rng.uniform(-0.12, 0.12), rng.uniform(2.0, 3.6)
        depth = rng.uniform(0.0, 0.10)
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        phases = (0.0, 2.1, 4.2)  # red, green and blue stand side by side in a pixel
        grid = [np.sin(2 * np.pi * u / period + phase) for phase in phases]
        rows = np.sin(2 * np.pi * v / (period * rng.uniform(0.9, 1.1)))
        self._grid = 1.0 + depth * (np.dstack(grid) + 0.5 * rows[..., None])
        glare = np.exp(-((x / width - rng.uniform()) ** 2 + (y / height - rng.uniform()) ** 2) * 8)
        self._glare = (glare * rng.uniform(0, 40))[..., None]
        self._gamma, self._contrast = rng.uniform(0.8, 1.3), rng.uniform(0.65, 0.95)
        self._tint = rng.uniform(0.88, 1.12, 3)
        self._blur = rng.uniform(0.4, 1.4)
        points = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        bent = points + rng.normal(0, 0.03, points.shape).astype(np.float32) * (width, height)
        self._tilt = cv2.getPerspectiveTransform(points, bent.astype(np.float32))

    def __call__(self, image: BgrImage, _landmarks: Landmarks) -> BgrImage:
        shown = 255 * (image / 255.0) ** self._gamma * self._contrast * self._tint
        shown = np.clip(shown * self._grid + self._glare + 12, 0, 255).astype(np.uint8)
        size = (image.shape[1], image.shape[0])
        filmed = cv2.warpPerspective(shown, self._tilt, size, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.GaussianBlur(filmed, (0, 0), self._blur), np.uint8)
