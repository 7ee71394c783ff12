"""Moments: what a face does while it is measured. Attacks break at some moments and not at others."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from enum import StrEnum

import numpy as np

from kyc_rtc.vision.geometry import eye_openness, mouth_openness
from kyc_rtc.vision.observation import Face

TURNED_DEG, FAR_TURNED_DEG = 12.0, 25.0
_MOUTH_OPEN = 0.12
_EYES_CLOSED = 0.16
_FAST_DEG_PER_S, _FAST_WIDTHS_PER_S = 25.0, 0.35
_KEPT = 300


class Moment(StrEnum):
    """What the face does. A frame belongs to ALWAYS and to any of the others."""

    ALWAYS = "always"
    TURNED = "turned"
    FAR_TURNED = "far_turned"
    MOVING = "moving"
    MOUTH_OPEN = "mouth_open"
    BLINKING = "blinking"


def moments_of(face: Face, before: Face | None, step_ms: float) -> tuple[Moment, ...]:
    """The moments that a frame belongs to; `before` is the face `step_ms` earlier, if there was one."""
    turned_deg = abs(face.pose.yaw_deg)
    found = {
        Moment.ALWAYS: True,
        Moment.TURNED: turned_deg >= TURNED_DEG,
        Moment.FAR_TURNED: turned_deg >= FAR_TURNED_DEG,
        Moment.MOVING: before is not None and step_ms > 0 and _fast(face, before, step_ms / 1000),
        Moment.MOUTH_OPEN: mouth_openness(face.landmarks) > _MOUTH_OPEN,
        Moment.BLINKING: max(eye_openness(face.landmarks)) < _EYES_CLOSED,
    }
    return tuple(moment for moment, holds in found.items() if holds)


def _fast(face: Face, before: Face, step_s: float) -> bool:
    turned = math.hypot(
        face.pose.yaw_deg - before.pose.yaw_deg, face.pose.pitch_deg - before.pose.pitch_deg
    )
    moved = math.dist(face.centre_xy, before.centre_xy) / max(face.width_px, 1.0)
    return turned / step_s > _FAST_DEG_PER_S or moved / step_s > _FAST_WIDTHS_PER_S


class Ledger:
    """Values by feature and moment, the latest 300 of each, and their summaries."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Moment], deque[float]] = defaultdict(
            lambda: deque(maxlen=_KEPT)
        )

    def add(self, name: str, value: float, moments: tuple[Moment, ...]) -> None:
        """Enter one value; what is not finite is left out."""
        if math.isfinite(value):
            for moment in moments:
                self._values[name, moment].append(value)

    def count(self, name: str, moment: Moment = Moment.ALWAYS) -> int:
        return len(self._values.get((name, moment), ()))

    def median(self, name: str, moment: Moment = Moment.ALWAYS, least: int = 3) -> float:
        """NaN from fewer than `least` values."""
        return self.quantile(name, 0.5, moment, least)

    def quantile(
        self, name: str, share: float, moment: Moment = Moment.ALWAYS, least: int = 3
    ) -> float:
        values = self._values.get((name, moment), ())
        return float(np.quantile(values, share)) if len(values) >= least else math.nan

    def mean(self, name: str, moment: Moment = Moment.ALWAYS, least: int = 3) -> float:
        values = self._values.get((name, moment), ())
        return float(np.mean(values)) if len(values) >= least else math.nan

    def deviation(self, name: str, moment: Moment = Moment.ALWAYS, least: int = 6) -> float:
        values = self._values.get((name, moment), ())
        return float(np.std(values)) if len(values) >= least else math.nan
