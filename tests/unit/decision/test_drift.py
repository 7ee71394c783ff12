"""The population stability index: known answers, laws, and what chance brings."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.decision.drift import (
    MIN_SESSIONS,
    ReferenceScores,
    drift,
    iso_week,
    parse_reference,
    population_stability_index,
    stability_by_chance,
)

Histogram = list[int]
LN2, LN3 = math.log(2), math.log(3)


@st.composite
def histograms(draw: st.DrawFn) -> tuple[Histogram, Histogram]:
    """Two with the same bins, each with something in it."""
    bins = draw(st.integers(1, 12))
    counts = st.lists(st.integers(0, 10_000), min_size=bins, max_size=bins).filter(any)
    return draw(counts), draw(counts)


@pytest.mark.parametrize(
    ("expected", "actual", "index"),
    [
        ([1], [99], 0.0),
        ([50, 50], [7, 7], 0.0),
        ([10, 20, 70], [1, 2, 7], 0.0),
        ([50, 50], [60, 40], 0.1 * math.log(1.5)),
        ([1, 3], [3, 1], LN3),
        ([1, 1, 2], [2, 1, 1], 0.5 * LN2),
        ([2, 1, 1], [1, 1, 2], 0.5 * LN2),
        ([0, 1, 3], [0, 3, 1], LN3),  # empty on both sides: says nothing
        ([100, 100], [200, 0], 0.5 * LN2 + (0.5 - 0.0025) * math.log(200)),  # 0 counts as a half
        ([200, 0], [100, 100], 0.5 * LN2 + (0.5 - 0.0025) * math.log(200)),
    ],
)
def test_known_answers(expected: Histogram, actual: Histogram, index: float) -> None:
    assert population_stability_index(expected, actual) == pytest.approx(index, abs=1e-12)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [([], []), ([1, 2], [1]), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([-1, 2], [1, 2])],
)
def test_what_is_not_a_pair_of_histograms_is_refused(
    expected: Histogram, actual: Histogram
) -> None:
    for function in (population_stability_index, stability_by_chance):
        with pytest.raises(ValueError, match=r"negative|zip"):
            function(expected, actual)


@given(histograms())
def test_the_index_is_finite_never_negative_and_the_same_both_ways(
    pair: tuple[Histogram, Histogram],
) -> None:
    expected, actual = pair
    index = population_stability_index(expected, actual)
    assert 0.0 <= index < math.inf
    assert index == pytest.approx(population_stability_index(actual, expected), abs=1e-9)


@given(histograms(), st.randoms(use_true_random=False))
def test_the_order_of_the_bins_tells_nothing(
    pair: tuple[Histogram, Histogram], chance: np.random.Generator
) -> None:
    bins = list(zip(*pair, strict=True))
    chance.shuffle(bins)
    shuffled = [list(side) for side in zip(*bins, strict=True)]
    assert population_stability_index(*shuffled) == pytest.approx(
        population_stability_index(*pair), abs=1e-9
    )


@given(histograms(), st.integers(1, 50))
def test_equal_shares_have_no_drift(pair: tuple[Histogram, Histogram], times: int) -> None:
    counts = [count + 1 for count in pair[0]]
    larger = [count * times for count in counts]
    assert population_stability_index(counts, larger) == pytest.approx(0.0, abs=1e-12)


@given(st.integers(1, 98))
def test_the_farther_the_larger(share: int) -> None:
    near, far = sorted((share, share + 1), key=lambda s: abs(s - 50))
    nearer = population_stability_index([50, 50], [near, 100 - near])
    assert nearer <= population_stability_index([50, 50], [far, 100 - far]) + 1e-12


@pytest.mark.parametrize(
    ("expected", "actual", "limit"),
    [
        ([7], [9], 0.0),
        ([100, 100], [25, 25], 3.841459 * (1 / 200 + 1 / 50)),
        ([100, 0, 100], [25, 0, 25], 3.841459 * (1 / 200 + 1 / 50)),
        ([100] * 10, [10] * 10, 16.918978 * (1 / 1_000 + 1 / 100)),
    ],
)
def test_what_chance_brings(expected: Histogram, actual: Histogram, limit: float) -> None:
    assert stability_by_chance(expected, actual) == pytest.approx(limit, rel=1e-6)


def test_chance_exceeds_it_in_about_one_week_of_twenty() -> None:
    generator = np.random.default_rng(8)
    shares = np.full(10, 0.1)
    draws = 2_000
    above = 0
    for _ in range(draws):
        expected = generator.multinomial(1_000, shares).tolist()
        actual = generator.multinomial(200, shares).tolist()
        index = population_stability_index(expected, actual)
        above += index > stability_by_chance(expected, actual)
    assert 0.03 < above / draws < 0.08


@pytest.mark.parametrize("n", [0, 1, MIN_SESSIONS - 1])
def test_few_sessions_have_no_index(n: int) -> None:
    found = drift(ReferenceScores((0.0, 0.5, 1.0), (80, 20)), (n, 0))
    assert (found.n, found.psi, found.by_chance) == (n, None, None)


def test_fifty_sessions_have_one() -> None:
    reference = ReferenceScores((0.0, 0.5, 1.0), (1, 3))
    found = drift(reference, (39, 13))
    assert found.n == 52
    assert found.psi == pytest.approx(LN3)
    assert found.by_chance == pytest.approx(3.841459 * (1 / 4 + 1 / 52))
    with pytest.raises(ValueError, match="zip"):
        drift(reference, (30, 30, 30))


def test_the_reference_is_read() -> None:
    text = json.dumps({"edges": [0, 0.5, 1], "counts": [9, 1], "made_by": "anything"})
    reference = parse_reference(text)
    assert reference == ReferenceScores((0.0, 0.5, 1.0), (9, 1))
    assert reference.inner_edges == (0.5,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"edges": [0, 1], "counts": [1]}',
        '{"edges": [0, 1], "counts": [1, 2]}',
        '{"edges": [0, 0.5, 0.5], "counts": [1, 2]}',
        '{"edges": [0, 0.5, NaN], "counts": [1, 2]}',
        '{"edges": [0, 0.5, Infinity], "counts": [1, 2]}',
        '{"edges": [0, 0.5, "1"], "counts": [1, 2]}',
        '{"edges": [0, 0.5, 1], "counts": [1.5, 2]}',
        '{"edges": [0, 0.5, 1], "counts": [true, 2]}',
        '{"edges": [0, 0.5, 1], "counts": [-1, 2]}',
        '{"edges": [0, 0.5, 1], "counts": [0, 0]}',
        '{"edges": 0, "counts": 1}',
    ],
)
def test_what_is_not_a_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("day", "week"),
    [
        ((1970, 1, 1), "1970-W01"),
        ((2024, 12, 30), "2025-W01"),  # a Monday
        ((2024, 12, 29), "2024-W52"),
        ((2021, 1, 3), "2020-W53"),
        ((2026, 11, 22), "2026-W47"),
    ],
)
def test_weeks_have_the_names_of_iso_8601(day: tuple[int, int, int], week: str) -> None:
    assert iso_week(int(datetime(*day, 23, 59, 59, tzinfo=UTC).timestamp() * 1_000)) == week
