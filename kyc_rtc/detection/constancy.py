"""How much the same skin looks the same later. A face that is drawn from one picture does so too much.

Living skin, laid out on the mesh, differs between two looks in like poses: muscles pull it, folds come
and go, light and shadow follow every small turn, and the mesh slides over it. In an animated photograph,
and in a face that a net draws from one picture, grain, folds and light move with the mesh. A swapped face
is drawn from the same few learnt patterns in every frame. So all of them look more alike from one look to
the next than people do, each in other parts of the face.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.atlas import AREAS, MEAN_MESH, atlas
from kyc_rtc.detection.moments import Ledger, Moment
from kyc_rtc.detection.pairs import Pair
from kyc_rtc.vision.geometry import (
    INNER_LIPS,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_EYE,
    Floats,
    align_rigid,
)

BANDS = {"fine": (0.0, 1.0), "middle": (1.0, 3.0), "coarse": (2.0, 5.0)}
"""Two blurs, in places of the layout, between which a band of detail lies; 0 is none."""

_AGAINST = ("soon", "late")


def constancy_name(area: str, band: str, when: str) -> str:
    """The feature of one area and band: `soon`, within a second; `late`, 2 s and more apart, with a like
    expression; `drift`, the one less the other."""
    return f"same_{area}_{band}_{when}"


_PARTS = tuple(
    constancy_name(area, "middle", "late") for area in ("cheeks", "eyes", "lips", "inner")
)
LEAST, MEAN = "same_everywhere", "same_on_average"
"""The least and the mean of four parts, middle band, late. One part or another of a person may look the
same for long, such as lips that rest; only what is drawn from one picture does so everywhere."""

CONSTANCY_NAMES = (
    *(
        constancy_name(area, band, when)
        for area, band, when in itertools.product(AREAS, BANDS, (*_AGAINST, "drift"))
    ),
    LEAST,
    MEAN,
)

_ALIKE_DEG = 4.0
_ALIKE_MIMIC = 0.024
"""Mean shift of lips and lids, in distances of the outer eye corners, up to which an expression is the same.
The median between looks at people, most of whom talk, is 0.020; a drawn smile is 0.036 to 0.050 from rest."""

_MIMIC = tuple(dict.fromkeys((*OUTER_LIPS, *INNER_LIPS, *LEFT_EYE, *RIGHT_EYE)))
_SOON_MS, _LATE_MS = 1_000, 2_000
_KEPT = 32
_MIN_PLACES = 60
_HIGHEST = 0.9995

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A look at n places: `seen` (n,) and `bands` (3, n), 0 where unseen, float16 to be small.

    `mimic` (m, 2): lips and lids on a face that is upright and of mean size.
    """

    at_ms: int
    pose: Floats
    mimic: Floats32
    seen: NDArray[np.float16]
    bands: NDArray[np.float16]


class ConstancyMeter:
    """Compares the first picture of each pair with earlier ones; about 1 ms a pair.

    Keeps 32 looks, some 0.3 MB.
    """

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque(maxlen=_KEPT)
        self._ledger = Ledger()

    def update(self, now_ms: int, pair: Pair) -> None:
        """Take a pair into account; `now_ms` is about the time of its pictures."""
        look = _kept(now_ms, pair)
        alike = [o for o in self._kept if float(np.linalg.norm(look.pose - o.pose)) < _ALIKE_DEG]
        soon = [other for other in alike if 0 <= now_ms - other.at_ms <= _SOON_MS]
        late = [
            other
            for other in alike
            if now_ms - other.at_ms >= _LATE_MS and _shift(look, other) < _ALIKE_MIMIC
        ]
        for when, others in zip(_AGAINST, (soon, late), strict=True):
            if others:
                self._enter(when, likeness(look, others, _members()))
        self._kept.append(look)

    def _enter(self, when: str, found: Floats) -> None:
        for band, row in zip(BANDS, found, strict=True):
            for area, value in zip(AREAS, row, strict=True):
                self._ledger.add(constancy_name(area, band, when), float(value), (Moment.ALWAYS,))

    def values(self) -> dict[str, float]:
        """The features of `CONSTANCY_NAMES`, Fisher's z of correlations; NaN where too little was seen."""
        found: dict[str, float] = {}
        for area, band in itertools.product(AREAS, BANDS):
            soon, late = (self._ledger.median(constancy_name(area, band, w)) for w in _AGAINST)
            named = zip((*_AGAINST, "drift"), (soon, late, late - soon), strict=True)
            found |= {constancy_name(area, band, when): value for when, value in named}
        parts = np.array([found[name] for name in _PARTS])
        return found | {LEAST: float(parts.min()), MEAN: float(parts.mean())}


@lru_cache(maxsize=1)
def _members() -> Floats32:
    """1 where a place of the inner face belongs to an area: (n, areas)."""
    areas = atlas().areas
    return np.stack([areas[name][areas["inner"]] for name in AREAS], axis=1).astype(np.float32)


def _kept(now_ms: int, pair: Pair) -> _Kept:
    look = atlas().look(pair.first, pair.points)
    inner = atlas().areas["inner"]
    seen = look.seen[inner]
    bands = np.stack([band[inner] for band in split(look.picture)]) * seen
    pose = np.array([pair.pose.yaw_deg, pair.pose.pitch_deg])
    mimic = align_rigid(pair.points, MEAN_MESH)[list(_MIMIC)].astype(np.float32)
    return _Kept(now_ms, pose, mimic, seen.astype(np.float16), bands.astype(np.float16))


def _shift(look: _Kept, other: _Kept) -> float:
    return float(np.abs(look.mimic - other.mimic).mean())


def split(picture: Floats32) -> list[Floats32]:
    """The `BANDS` of a layout's log luma, each of its shape: logs, so that exposure is a constant."""
    level = np.log(picture + 6.0)
    return [_blurred(level, sharp) - _blurred(level, soft) for sharp, soft in BANDS.values()]


def _blurred(level: Floats32, sigma: float) -> Floats32:
    return np.asarray(cv2.GaussianBlur(level, (0, 0), sigma)) if sigma else level


def likeness(look: _Kept, others: list[_Kept], member: Floats32) -> Floats:
    """Fisher's z of the correlation of each band and area, median over the other looks: (3, areas).

    `member` (n, areas) is 1 where a place belongs to the area. Only places count that both show; NaN
    where too few are.
    """
    seen = np.stack([other.seen for other in others]).astype(np.float32)
    weight = member * look.seen[:, None].astype(np.float32)
    count = seen @ weight
    rows = []
    for at, own in enumerate(look.bands.astype(np.float32)):
        theirs = np.stack([other.bands[at] for other in others]).astype(np.float32)
        own_weight = own[:, None] * weight
        mean, mean_own = (theirs @ weight) / count, (seen @ own_weight) / count
        spread = (theirs**2 @ weight) / count - mean**2
        spread_own = (seen @ (own[:, None] * own_weight)) / count - mean_own**2
        product = (theirs @ own_weight) / count - mean * mean_own
        scale = np.sqrt(np.maximum(spread * spread_own, 1e-14))
        z = np.arctanh(np.clip(product / scale, -_HIGHEST, _HIGHEST))
        enough = count >= _MIN_PLACES
        rows.append(
            [
                np.median(column[known]) if known.any() else np.nan
                for column, known in zip(z.T, enough.T, strict=True)
            ]
        )
    return np.array(rows, np.float64)
