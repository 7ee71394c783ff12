"""How the pixels of a face differ from those around it: detail, seam, colour, and their change."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.flicker import fine_part, log_level
from kyc_rtc.detection.moments import Ledger, Moment
from kyc_rtc.detection.regions import crop, face_oval, filled, regions
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.observation import Face, Landmarks

PAIR_EVERY_MS = 300
_PAIR_MS = (55, 140)
"""Between the two of a pair: about as long at 10 frames a second as at 30."""

_MAX_SCALE = 1.6

_LEVELS = ("fine", "middle", "coarse")
_AREAS = ("inner", "ring", "seam")
_SINGLE = (
    *(f"{level}_{area}" for level in _LEVELS for area in _AREAS),
    "chroma_gap",
    "luma_gap",
    "chroma_grain",
)
_CHANGE = ("change_inner", "change_gap", "fine_change_inner", "fine_change_gap", "flicker")
_DERIVED = ("detail_inner", "detail_gap", "soft_gap", "seam_fine", "seam_middle")

_BY_MOMENT = (
    "detail_gap",
    "soft_gap",
    "seam_middle",
    "change_gap",
    "fine_change_gap",
    "chroma_gap",
)
_MOMENTS = (Moment.TURNED, Moment.MOVING, Moment.MOUTH_OPEN)

APPEARANCE_NAMES = (
    *_SINGLE,
    *_DERIVED,
    *_CHANGE,
    *(f"{name}.{moment.value}" for name in _BY_MOMENT for moment in _MOMENTS),
    *(f"{name}.spread" for name in ("detail_gap", "seam_middle", "chroma_gap", "luma_gap")),
)


@dataclass(frozen=True, slots=True)
class _Areas:
    inner: NDArray[np.bool_]
    ring: NDArray[np.bool_]
    seam: NDArray[np.bool_]


class AppearanceMeter:
    """Measures pairs of successive frames, about three pairs a second; some 3 ms a pair."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._next_ms = 0
        self._first: tuple[int, NDArray[np.float32]] | None = None

    def update(self, now_ms: int, image: BgrImage, face: Face, moments: tuple[Moment, ...]) -> None:
        """Take a frame into account: the first or second of a pair, or one between pairs."""
        first, self._first = self._first, None
        waited_ms = now_ms - first[0] if first else 0
        if first is not None and 0 <= waited_ms < _PAIR_MS[0]:
            self._first = first
            return
        if first is None and now_ms < self._next_ms:
            return
        masks = regions(face.landmarks)
        if masks.scale > _MAX_SCALE:
            return
        picture = crop(image, face.landmarks)
        luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
        areas = _Areas(masks.inner, masks.ring, _seam(face.landmarks))
        if first is not None and _PAIR_MS[0] <= waited_ms <= _PAIR_MS[1]:
            self._enter(change_features(first[1], luma, areas.inner, areas.ring), moments)
            return
        self._next_ms = now_ms + PAIR_EVERY_MS
        self._first = (now_ms, luma)
        self._enter(_still_features(picture, luma, areas), moments)

    def _enter(self, found: dict[str, float], moments: tuple[Moment, ...]) -> None:
        for name, value in found.items():
            self._ledger.add(name, value, moments)

    def values(self) -> dict[str, float]:
        """The features of `APPEARANCE_NAMES`; NaN where too little was seen."""
        found = {name: self._ledger.median(name) for name in (*_SINGLE, *_DERIVED, *_CHANGE)}
        found["flicker"] = _log(self._ledger.deviation("flicker"), 0.02)
        for name in _BY_MOMENT:
            for moment in _MOMENTS:
                found[f"{name}.{moment.value}"] = self._ledger.median(name, moment)
        for name in ("detail_gap", "seam_middle", "chroma_gap", "luma_gap"):
            found[f"{name}.spread"] = self._ledger.deviation(name)
        return found


def _seam(landmarks: Landmarks) -> NDArray[np.bool_]:
    """The band in which a swap's mask ends: from well inside the oval to a little beyond it."""
    oval = face_oval(landmarks)
    return np.asarray(filled(oval, 1.04) & ~filled(oval, 0.86))


def _still_features(
    picture: BgrImage, luma: NDArray[np.float32], areas: _Areas
) -> dict[str, float]:
    """Energies in log units per band and area, their differences, and colour against the surround."""
    blurred = [luma, *(cv2.GaussianBlur(luma, (0, 0), sigma) for sigma in (1.0, 2.0, 4.0))]
    bands = [np.abs(sharp - soft) for sharp, soft in itertools.pairwise(blurred)]
    masks = {"inner": areas.inner, "ring": areas.ring, "seam": areas.seam}
    found = {
        f"{level}_{area}": math.log(float(band[mask].mean()) + 0.05)
        for level, band in zip(_LEVELS, bands, strict=True)
        for area, mask in masks.items()
    }
    found["detail_inner"] = found["fine_inner"] - found["coarse_inner"]
    found["detail_gap"] = found["detail_inner"] - (found["fine_ring"] - found["coarse_ring"])
    found["soft_gap"] = (found["fine_inner"] - found["middle_inner"]) - (
        found["fine_ring"] - found["middle_ring"]
    )
    for level in ("fine", "middle"):
        sides = 0.5 * (found[f"{level}_inner"] + found[f"{level}_ring"])
        found[f"seam_{level}"] = found[f"{level}_seam"] - sides
    return found | _colours(picture, areas)


def _colours(picture: BgrImage, areas: _Areas) -> dict[str, float]:
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB).astype(np.float32)
    inside, band = lab[areas.inner].mean(axis=0), lab[areas.seam].mean(axis=0)
    chroma = lab[..., 1:]
    grain = np.abs(chroma - cv2.GaussianBlur(chroma, (0, 0), 1.5))
    levels = [math.log(float(grain[mask].mean()) + 0.05) for mask in (areas.inner, areas.ring)]
    return {
        "luma_gap": float(inside[0] - band[0]),
        "chroma_gap": math.hypot(*(float(gap) for gap in inside[1:] - band[1:])),
        "chroma_grain": levels[0] - levels[1],
    }


def change_features(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    inner: NDArray[np.bool_],
    ring: NDArray[np.bool_],
) -> dict[str, float]:
    """Change between two aligned grey crops, shape (n, n), inside the face and against its ring."""
    change = after - before
    logs = [
        log_level(values, mask)
        for values in (np.abs(change), fine_part(change))
        for mask in (inner, ring)
    ]
    return {
        "change_inner": logs[0],
        "change_gap": logs[0] - logs[1],
        "fine_change_inner": logs[2],
        "fine_change_gap": logs[2] - logs[3],
        "flicker": float(change[inner].mean() - change[ring].mean()),
    }


def _log(value: float, floor: float) -> float:
    return math.log(value + floor) if value >= 0 else math.nan
