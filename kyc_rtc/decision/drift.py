"""Score drift: how far the scores of a week have moved from those of the calibration set.

The population stability index is that of N. Siddiqi, "Credit Risk Scorecards" (Wiley, 2006), chapter
on monitoring: the sum over bins of (actual - expected) ln(actual / expected), both as shares. By
custom, below 0.1 nothing moved, from 0.25 on the population is another one. How much of it chance
alone brings follows from its chi-square limit (B. Yurdakul, "Statistical Properties of Population
Stability Index", dissertation, Western Michigan University, 2018).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from scipy.special import chdtri

MIN_SESSIONS: Final = 50
"""Fewer say too little of a week."""

_EMPTY: Final = 0.5
_CHANCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """Histogram of the calibration set's scores: bin `i` is [edges[i], edges[i + 1]).

    Scores below the first and above the last edge belong to the outer bins.

    Raises:
        ValueError: fewer than two bins, edges that do not rise, or counts that are none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1 or len(self.counts) < 2:
            raise ValueError("at least two bins, and one edge more than counts")
        rising = all(low < high for low, high in pairwise(self.edges))
        if not rising or not all(map(math.isfinite, self.edges)):
            raise ValueError("edges are finite and rise")
        _check(self.counts)

    @property
    def inner_edges(self) -> tuple[float, ...]:
        """Those that part one bin from the next."""
        return self.edges[1:-1]


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of `n` scores. `psi` is None below `MIN_SESSIONS`, and so is `by_chance`: what the
    index exceeds in one week of twenty although nothing has changed."""

    n: int
    psi: float | None
    by_chance: float | None


def population_stability_index(
    expected_counts: Sequence[int], actual_counts: Sequence[int]
) -> float:
    """The index of two histograms with the same bins: 0 where their shares agree, else above.

    A bin that one side leaves empty counts there as half a score, so that the index stays finite; one
    that both leave empty says nothing.

    Raises:
        ValueError: another number of bins, a negative count, or a side without scores.
    """
    expected_n, actual_n = _check(expected_counts), _check(actual_counts)
    index = 0.0
    for expected, actual in _bins(expected_counts, actual_counts):
        share = max(expected, _EMPTY) / expected_n
        other = max(actual, _EMPTY) / actual_n
        index += (other - share) * math.log(other / share)
    return index


def stability_by_chance(
    expected_counts: Sequence[int], actual_counts: Sequence[int], quantile: float = _CHANCE
) -> float:
    """What the index stays below with probability `quantile` where both sides are draws from one
    distribution: (1/n + 1/m) times the chi-square quantile with bins - 1 degrees of freedom.

    Raises:
        ValueError: as `population_stability_index`.
    """
    expected_n, actual_n = _check(expected_counts), _check(actual_counts)
    freedom = len(_bins(expected_counts, actual_counts)) - 1
    if freedom == 0:
        return 0.0
    return float(chdtri(freedom, 1 - quantile)) * (1 / expected_n + 1 / actual_n)


def drift(reference: ReferenceScores, counts: Sequence[int]) -> Drift:
    """The drift of a histogram that has the reference's bins.

    Raises:
        ValueError: it has others.
    """
    n = sum(counts)
    if n < MIN_SESSIONS:
        return Drift(n, None, None)
    expected = reference.counts
    return Drift(
        n, population_stability_index(expected, counts), stability_by_chance(expected, counts)
    )


def parse_reference(text: str) -> ReferenceScores:
    """The histogram from its JSON, {"edges": [...], "counts": [...]}.

    Raises:
        ValueError: it is not such JSON.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("an object with edges and counts")
    edges, counts = found.get("edges"), found.get("counts")
    if not isinstance(edges, list) or not isinstance(counts, list):
        raise ValueError("edges and counts are lists")
    if not all(type(edge) in (int, float) for edge in edges):
        raise ValueError("edges are numbers")
    if not all(type(count) is int for count in counts):
        raise ValueError("counts are whole numbers")
    return ReferenceScores(tuple(map(float, edges)), tuple(counts))


def iso_week(unix_ms: int) -> str:
    """The week of ISO 8601 in UTC, such as 2026-W07. `unix_ms`: milliseconds since the Unix epoch."""
    year, week, _ = datetime.fromtimestamp(unix_ms / 1000, UTC).isocalendar()
    return f"{year}-W{week:02d}"


def _bins(expected: Sequence[int], actual: Sequence[int]) -> list[tuple[int, int]]:
    """The bins that have something on either side."""
    return [pair for pair in zip(expected, actual, strict=True) if any(pair)]


def _check(counts: Sequence[int]) -> int:
    """The sum of the counts."""
    if any(count < 0 for count in counts) or sum(counts) == 0:
        raise ValueError("counts are not negative, and not all zero")
    return sum(counts)
