"""How the pixels of a face move between two pictures, compared with the mesh and with the head.

Skin keeps its look as it moves: the later picture, warped back along the flow, equals the earlier one up to
noise. The texture of a face that a net draws anew in every frame swims. The texture of an animated
photograph does not change at all. A face that is put over another moves apart from hair and ears.
Flow as evidence of manipulation: Amerini et al., Deepfake Video Detection through Optical Flow Based CNN,
ICCV workshops 2019.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.flicker import fine_part, log_level
from kyc_rtc.detection.moments import Ledger, Moment
from kyc_rtc.detection.pairs import PAIR_PX, Pair, followed
from kyc_rtc.detection.regions import filled
from kyc_rtc.vision.geometry import FACE_OVAL, Floats

_MEASURED = (
    "explained_inner",
    "explained_gap",
    "left_inner",
    "left_gap",
    "left_seam",
    "left_fine_inner",
    "left_fine_gap",
    "pace",
    "bend_inner",
    "bend_share",
    "mesh_apart",
    "mesh_apart_share",
    "mesh_shift",
    "surround_apart",
    "surround_share",
    "uneven_inner",
    "uneven_seam",
    "uneven_ring",
)
_SHADE = ("shade_spread", "shade_turned", "shade_turned_over_still")
FLOW_NAMES = (*_MEASURED, *(f"{name}.high" for name in _MEASURED), *_SHADE)

_HIGH = 0.85
_EVERY_PIXEL = 7
_MIN_INNER_PX = 200

_SKIN = (
    101, 36, 50, 205, 118, 117, 330, 266, 280, 425, 347, 346, 151, 9, 108, 337, 69, 299, 197, 195,
    5, 200, 199,
)  # fmt: skip
"""Landmarks on skin that a turn of 25 degrees does not hide: cheeks, forehead, nose, chin."""

_KEPT = 120
_MIN_SHADES = 12
_APART_DEG, _NEAR_DEG = 12.0, 3.0
_MIN_COUPLES = 10

Mask = NDArray[np.bool_]
Floats32 = NDArray[np.float32]


class FlowMeter:
    """Gathers the features of pairs; about 3 ms a pair. Memory is bounded."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._shades: deque[tuple[Floats, Floats]] = deque(maxlen=_KEPT)

    def update(self, pair: Pair) -> None:
        """Take one pair into account."""
        for name, value in flow_features(pair).items():
            self._ledger.add(name, value, (Moment.ALWAYS,))
        pose = np.array([pair.pose.yaw_deg, pair.pose.pitch_deg])
        self._shades.append((pose, shades(pair.first, pair.points)))

    def values(self) -> dict[str, float]:
        """The features of `FLOW_NAMES`; NaN where too little was seen."""
        found = {name: self._ledger.median(name, least=4) for name in _MEASURED}
        for name in _MEASURED:
            found[f"{name}.high"] = self._ledger.quantile(name, _HIGH, least=4)
        return found | shade_features(self._shades)


@dataclass(frozen=True, slots=True)
class _Areas:
    inner: Mask
    ring: Mask
    seam: Mask

    @classmethod
    def of(cls, points: Floats) -> _Areas:
        oval = points[list(FACE_OVAL)]
        inner, ring_from, ring_to, seam_to, seam_from = (
            filled(oval, size, PAIR_PX) for size in (0.8, 1.08, 1.35, 1.06, 0.86)
        )
        return cls(inner, ring_to & ~ring_from, seam_to & ~seam_from)


def flow_features(pair: Pair) -> dict[str, float]:
    """The features of one pair, in log units of luma steps or of crop pixels; {} for a tiny face.

    `explained`: how much of the change the flow explains. `left`: what it leaves, all and the fine part.
    `bend`: motion of the inner face beyond an affine map. `mesh_apart`: between the pixels' affine
    motion and the mesh's. `surround`: between the surround and the inner face's motion carried on.
    `uneven`: gradient of the flow. `_gap`, `_seam`: against the surround; `_share`: over the pace.
    """
    areas = _Areas.of(pair.points)
    if int(areas.inner.sum()) < _MIN_INNER_PX:
        return {}
    return _changes(pair, areas) | _motions(pair, areas)


def _changes(pair: Pair, areas: _Areas) -> dict[str, float]:
    before = pair.first.astype(np.float32)
    change = np.abs(pair.second.astype(np.float32) - before)
    left = followed(pair.second, pair.flow) - before
    size, fine = np.abs(left), fine_part(left)
    inner, ring, seam = (log_level(size, mask) for mask in (areas.inner, areas.ring, areas.seam))
    fine_inner, fine_ring = (log_level(fine, mask) for mask in (areas.inner, areas.ring))
    explained = log_level(change, areas.inner) - inner
    return {
        "explained_inner": explained,
        "explained_gap": explained - (log_level(change, areas.ring) - ring),
        "left_inner": inner,
        "left_gap": inner - ring,
        "left_seam": seam - 0.5 * (inner + ring),
        "left_fine_inner": fine_inner,
        "left_fine_gap": fine_inner - fine_ring,
    }


def _motions(pair: Pair, areas: _Areas) -> dict[str, float]:
    inside, motion = _sampled(pair.flow, areas.inner)
    around, motion_around = _sampled(pair.flow, areas.ring)
    own = _affine(inside, motion)
    column, row = np.clip(pair.points, 0, PAIR_PX - 1).astype(int).T
    within = areas.inner[row, column]
    moved = (pair.points_after - pair.points)[within]
    mesh = _affine(_homogeneous(pair.points[within]), moved)
    pace = _mean_norm(motion)
    bend = _mean_norm(inside @ own - motion)
    apart = _mean_norm(inside @ mesh - motion)
    surround = _mean_norm(around @ own - motion_around)
    shift = pair.flow[row, column][within].mean(axis=0) - moved.mean(axis=0)
    slopes = [np.gradient(pair.flow[..., axis]) for axis in (0, 1)]
    uneven = np.sqrt(sum(slope**2 for slope in itertools.chain(*slopes)))
    inner, ring, seam = (
        _log(float(uneven[mask].mean()), 0.01) for mask in (areas.inner, areas.ring, areas.seam)
    )
    return {
        "pace": _log(pace, 0.05),
        "bend_inner": _log(bend, 0.05),
        "bend_share": _log(bend, 0.05) - _log(pace, 0.1),
        "mesh_apart": _log(apart, 0.05),
        "mesh_apart_share": _log(apart, 0.05) - _log(pace, 0.1),
        "mesh_shift": _log(float(np.linalg.norm(shift)), 0.03),
        "surround_apart": _log(surround, 0.05) - _log(bend, 0.05),
        "surround_share": _log(surround, 0.05) - _log(pace, 0.1),
        "uneven_inner": inner,
        "uneven_seam": seam - inner,
        "uneven_ring": ring,
    }


def _sampled(flow: Floats32, mask: Mask) -> tuple[Floats, Floats]:
    """Every seventh pixel under the mask, homogeneous (n, 3), and its flow (n, 2)."""
    rows, columns = (at[::_EVERY_PIXEL] for at in np.nonzero(mask))
    return _homogeneous(np.column_stack([columns, rows])), flow[rows, columns].astype(np.float64)


def _homogeneous(points: Floats | NDArray[np.intp]) -> Floats:
    return np.column_stack([points, np.ones(len(points))]).astype(np.float64)


def _affine(points: Floats, motion: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(points, motion, rcond=None)[0], np.float64)


def _mean_norm(vectors: Floats) -> float:
    return float(np.linalg.norm(vectors, axis=1).mean())


def _log(value: float, floor: float) -> float:
    return math.log(value + floor)


def shades(luma: Floats32 | NDArray[np.uint8], points: Floats) -> Floats:
    """Log luma of the skin at `_SKIN`, less its mean, so that exposure does not count: shape (23,)."""
    soft = cv2.blur(luma, (5, 5))
    column, row = np.clip(np.round(points[list(_SKIN)]), 0, PAIR_PX - 1).astype(int).T
    found = np.log(soft[row, column].astype(np.float64) + 4.0)
    return np.asarray(found - found.mean())


def shade_features(seen: deque[tuple[Floats, Floats]]) -> dict[str, float]:
    """How light and shadow on the skin change as the head turns. On a photograph they move with the face.

    In log units: the spread over time, and the difference between poses at least 12 degrees apart, by
    itself and over that of poses within 3 degrees. NaN where too little was seen.
    """
    found = dict.fromkeys(_SHADE, math.nan)
    if len(seen) < _MIN_SHADES:
        return found
    poses, shade = (np.array(rows) for rows in zip(*seen, strict=True))
    found["shade_spread"] = _log(float(shade.std(axis=0).mean()), 1e-3)
    first, second = np.triu_indices(len(seen), k=1)
    turned_deg = np.linalg.norm(poses[first] - poses[second], axis=1)
    differs = np.abs(shade[first] - shade[second]).mean(axis=1)
    apart, near = differs[turned_deg > _APART_DEG], differs[turned_deg < _NEAR_DEG]
    if min(len(apart), len(near)) >= _MIN_COUPLES:
        found["shade_turned"] = _log(float(apart.mean()), 1e-3)
        found["shade_turned_over_still"] = found["shade_turned"] - _log(float(near.mean()), 1e-3)
    return found
