"""Error rates and intervals against values known by hand, and properties that must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kyc_rtc.evaluation.metrics import (
    Proportion,
    apcer_at_bpcer,
    auc,
    auc_interval,
    det,
    eer,
    grouped_interval,
    wilson_interval,
)

SCORES = st.lists(st.integers(0, 12).map(lambda n: n / 12), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("bona_fide", "attack"), [([], []), ([0.5], []), ([], [0.5]), ([0.1, 0.2], [])]
)
def test_an_empty_class_gives_none(bona_fide: list[float], attack: list[float]) -> None:
    assert auc(bona_fide, attack) is None
    assert auc_interval(bona_fide, attack) is None
    assert det(bona_fide, attack) is None
    assert eer(bona_fide, attack) is None
    assert apcer_at_bpcer(bona_fide, attack, 0.05) is None
    groups = [""] * len(bona_fide), [""] * len(attack)
    assert grouped_interval(auc, (bona_fide, groups[0]), (attack, groups[1])) is None


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(hits: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_a_proportion_of_nothing_is_none() -> None:
    assert Proportion(0, 0).fields() == {"value": None, "interval_95": None, "hits": 0, "n": 0}
    with pytest.raises(ValueError, match="not a proportion"):
        Proportion(2, 1)


@pytest.mark.parametrize(
    ("bona_fide", "attack", "area", "equal"),
    [
        ([0.1, 0.2], [0.8, 0.9], 1.0, 0.0),
        ([0.8, 0.9], [0.1, 0.2], 0.0, 1.0),
        ([0.5, 0.5], [0.5, 0.5], 0.5, 0.5),
        ([0.1, 0.4, 0.35, 0.8][:2], [0.35, 0.8], 0.75, 0.5),
        ([0.1, 0.2, 0.3, 0.6], [0.5, 0.7, 0.8, 0.9], 15 / 16, 0.25),
    ],
)
def test_auc_and_eer_by_hand(
    bona_fide: list[float], attack: list[float], area: float, equal: float
) -> None:
    assert auc(bona_fide, attack) == pytest.approx(area)
    assert eer(bona_fide, attack) == pytest.approx(equal)


@given(SCORES, SCORES)
@example([0.1] * 3, [0.0] * 3)
def test_auc_is_the_share_of_pairs_and_turns_round(low: list[float], high: list[float]) -> None:
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in high for b in low]
    area = auc(low, high)
    assert area == pytest.approx(np.mean(wins))
    assert auc(high, low) == pytest.approx(1 - np.mean(wins))
    interval = auc_interval(low, high)
    if interval is not None and area is not None:
        assert 0 <= interval[0] <= area <= interval[1] <= 1


def test_delong_as_by_its_definition() -> None:
    low, high = np.array([0.1, 0.5, 0.35, 0.2, 0.6]), np.array([0.4, 0.8, 0.55, 0.9])
    wins = (high[:, None] > low[None, :]).astype(float)
    variance = wins.mean(axis=1).var(ddof=1) / 4 + wins.mean(axis=0).var(ddof=1) / 5
    half = 1.959964 * np.sqrt(variance)
    interval = auc_interval(low, high)
    assert interval == pytest.approx((wins.mean() - half, min(1.0, wins.mean() + half)), abs=1e-6)


def test_delong_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = 0.7602  # normal classes one standard deviation apart: Phi(1 / sqrt(2))
    covered = 0
    for _ in range(400):
        interval = auc_interval(rng.normal(0, 1, 40), rng.normal(1, 1, 40))
        assert interval is not None
        covered += interval[0] <= truth <= interval[1]
    assert 0.91 <= covered / 400 <= 0.98


def test_classes_apart_still_have_an_interval() -> None:
    assert auc_interval([0.1] * 4, [0.9] * 30) == wilson_interval(4, 4)
    assert auc_interval([0.9] * 4, [0.1] * 30) == wilson_interval(0, 4)
    assert auc_interval([0.1], [0.9, 0.8]) is None  # one clip has no variance


@given(SCORES, SCORES)
def test_the_curve_falls_and_the_eer_lies_on_it(low: list[float], high: list[float]) -> None:
    curve, equal = det(low, high), eer(low, high)
    assert curve is not None
    assert equal is not None
    assert (np.diff(curve.apcer) >= 0).all()
    assert (np.diff(curve.bpcer) <= 0).all()
    assert (curve.apcer[0], curve.bpcer[0]) == (0, 1)
    assert (curve.apcer[-1], curve.bpcer[-1]) == (1, 0)
    assert min(np.maximum(curve.apcer, curve.bpcer)) >= equal - 1e-9


@given(SCORES, SCORES, st.sampled_from([0.0, 0.02, 0.05, 0.3, 1.0]))
def test_an_operating_point_is_the_best_that_keeps_the_limit(
    low: list[float], high: list[float], limit: float
) -> None:
    point = apcer_at_bpcer(low, high, limit)
    assert point is not None
    assert point.bpcer.value is not None
    assert point.bpcer.value <= limit + 1e-9
    assert point.apcer.hits == sum(score < point.threshold for score in high)
    assert point.bpcer.hits == sum(score >= point.threshold for score in low)
    for threshold in {*low, *high}:
        if sum(score >= threshold for score in low) / len(low) <= limit:
            assert sum(score < threshold for score in high) >= point.apcer.hits


def test_an_operating_point_by_hand() -> None:
    low = [n / 100 for n in range(40)]  # 0.00 to 0.39
    point = apcer_at_bpcer(low, [0.1, 0.37, 0.38, 0.9], 0.05)
    assert point is not None
    assert (point.bpcer.hits, point.apcer.hits) == (2, 1 + 1)
    assert point.threshold == 0.38


def test_groups_drawn_whole_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    centres = rng.normal([[[0.0]], [[1.0]]], 1, (2, 8, 1))
    low, high = (side.repeat(10, axis=1).ravel() for side in centres)
    alone = [str(n) for n in range(80)]
    grouped = [str(n // 10) for n in range(80)]
    narrow = grouped_interval(auc, (low, alone), (high, [f"a{n}" for n in alone]), rounds=300)
    wide = grouped_interval(auc, (low, grouped), (high, [f"a{n}" for n in grouped]), rounds=300)
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 1.8 * (narrow[1] - narrow[0])
    again = grouped_interval(auc, (low, grouped), (high, [f"a{n}" for n in grouped]), rounds=300)
    assert wide == again


def test_one_group_alone_tells_nothing() -> None:
    assert grouped_interval(auc, ([0.1, 0.2], ["a", "a"]), ([0.8, 0.9], ["b", "c"])) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        auc([0.1, bad], [0.5])
