"""Error rates, curves and intervals. Pure functions on arrays; what cannot be computed is None.

Words as in ISO/IEC 30107-3: APCER is the share of attack presentations taken for bona fide, BPCER
the share of bona fide presentations taken for attacks, among those that got an answer; APNRR and
BPNRR are the shares that got none (non-response). Scores are higher where an attack is surer; a
presentation is taken for an attack where its score is at or above the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Interval = tuple[float, float]

_Z95 = 1.959963984540054
_BOOTSTRAP_ROUNDS = 1_000


@dataclass(frozen=True, slots=True)
class Proportion:
    """`hits` of `n`. Value and interval are None where nothing was counted."""

    hits: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.n:
            raise ValueError(f"{self.hits} of {self.n} is not a proportion")

    @property
    def value(self) -> float | None:
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's 95% interval."""
        return wilson_interval(self.hits, self.n) if self.n else None

    def fields(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"value": self.value, "interval_95": self.interval, "hits": self.hits, "n": self.n}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Error rates at a threshold."""

    threshold: float
    apcer: Proportion
    bpcer: Proportion


@dataclass(frozen=True, slots=True)
class Det:
    """The detection error tradeoff: rates of shape (n,) at each threshold of shape (n,), which rise.

    The first threshold takes everything for an attack, the last nothing.
    """

    thresholds: Floats
    apcer: Floats
    bpcer: Floats


def wilson_interval(hits: float, total: int, z: float = _Z95) -> Interval:
    """Wilson's score interval for a proportion (JASA 22, 1927); (0, 1) where nothing was counted.

    `hits` need not be whole: the sum of `total` shares, each of 0 to 1, varies no more than that of as
    many hits and misses with the same mean.
    """
    if total == 0:
        return 0.0, 1.0
    share, weight = hits / total, z * z / total
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    # Rounding must not push a bound past the share itself, which it does at 0 of 3.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def auc(bona_fide: ArrayLike, attack: ArrayLike) -> float | None:
    """Chance that an attack scores higher than a bona fide presentation, ties counting half.

    Mann and Whitney, Annals of Mathematical Statistics 18, 1947.
    """
    low, high = _scores(bona_fide), _scores(attack)
    if not low.size or not high.size:
        return None
    ranks = rankdata(np.concatenate([high, low]))[: high.size]
    wins = float(ranks.sum()) - high.size * (high.size + 1) / 2
    return wins / (low.size * high.size)


def auc_interval(bona_fide: ArrayLike, attack: ArrayLike) -> Interval | None:
    """95% interval of the AUC (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988).

    It takes presentations for independent. Where the classes do not overlap it has no variance:
    then Wilson's interval on as many trials as the smaller class has stands for it.
    """
    low, high = _scores(bona_fide), _scores(attack)
    value = auc(low, high)
    if value is None or min(low.size, high.size) < 2:
        return None
    if value in (0.0, 1.0):
        trials = min(low.size, high.size)
        return wilson_interval(round(value * trials), trials)
    ranks = rankdata(np.concatenate([high, low]))
    of_attacks = (ranks[: high.size] - rankdata(high)) / low.size
    of_bona_fide = 1.0 - (ranks[high.size :] - rankdata(low)) / high.size
    variance = of_attacks.var(ddof=1) / high.size + of_bona_fide.var(ddof=1) / low.size
    half = _Z95 * math.sqrt(float(variance))
    return max(0.0, value - half), min(1.0, value + half)


def det(bona_fide: ArrayLike, attack: ArrayLike) -> Det | None:
    """Both error rates at every threshold that makes a difference; None where a class is empty."""
    low, high = np.sort(_scores(bona_fide)), np.sort(_scores(attack))
    if not low.size or not high.size:
        return None
    thresholds = np.append(np.unique(np.concatenate([low, high])), np.inf)
    apcer = np.searchsorted(high, thresholds, side="left") / high.size
    bpcer = 1.0 - np.searchsorted(low, thresholds, side="left") / low.size
    return Det(thresholds, apcer, bpcer)


def eer(bona_fide: ArrayLike, attack: ArrayLike) -> float | None:
    """The rate at which APCER and BPCER are equal; between two thresholds, on the line that joins."""
    curve = det(bona_fide, attack)
    if curve is None:
        return None
    excess = curve.apcer - curve.bpcer  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    before = max(after - 1, 0)
    step = excess[after] - excess[before]
    share = 0.0 if step == 0 else -excess[before] / step
    return float(curve.apcer[before] + share * (curve.apcer[after] - curve.apcer[before]))


def apcer_at_bpcer(
    bona_fide: ArrayLike, attack: ArrayLike, max_bpcer: float
) -> OperatingPoint | None:
    """The lowest APCER at which BPCER is no more than `max_bpcer`.

    The threshold is found on the same bona fide presentations; the interval of APCER does not hold
    the uncertainty of that.
    """
    low, high = _scores(bona_fide), _scores(attack)
    curve = det(low, high)
    if curve is None:
        return None
    place = int(np.argmax(curve.bpcer <= max_bpcer + 1e-12))
    threshold = float(curve.thresholds[place])
    return OperatingPoint(
        # Finite, also where only the last threshold keeps the limit.
        min(threshold, float(np.nextafter(max(low.max(), high.max()), np.inf))),
        Proportion(int((high < threshold).sum()), high.size),
        Proportion(int((low >= threshold).sum()), low.size),
    )


def grouped_interval(
    statistic: Callable[[Floats, Floats], float | None],
    bona_fide: tuple[Sequence[float], Sequence[str]],
    attack: tuple[Sequence[float], Sequence[str]],
    *,
    rounds: int = _BOOTSTRAP_ROUNDS,
    seed: int = 0,
) -> Interval | None:
    """95% percentile interval of a statistic of (bona fide, attack) scores, whole groups redrawn.

    Each side is (scores, groups). Clips of one group are not independent, and a group may stand on
    both sides: it is drawn with all of its clips (Field and Welsh, JRSS B 69, 2007). None where a
    side is empty, or where fewer than two groups are on a side.
    """
    low, high = _scores(bona_fide[0]), _scores(attack[0])
    names, place = np.unique([*bona_fide[1], *attack[1]], return_inverse=True)
    of_low, of_high = place[: low.size], place[low.size :]
    if min(np.unique(of_low).size, np.unique(of_high).size) < 2:
        return None
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        times = np.bincount(rng.integers(names.size, size=names.size), minlength=names.size)
        value = statistic(np.repeat(low, times[of_low]), np.repeat(high, times[of_high]))
        if value is not None:
            values.append(value)
    if len(values) < rounds / 2:
        return None
    bounds = np.percentile(values, (2.5, 97.5))
    return float(bounds[0]), float(bounds[1])


def _scores(values: ArrayLike) -> Floats:
    scores = np.asarray(values, np.float64).ravel()
    if not np.isfinite(scores).all():
        raise ValueError("a score that is not a finite number")
    return scores
