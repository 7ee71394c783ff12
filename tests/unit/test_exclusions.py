"""The figures of `tests.exclusions`: which plans an exclusion leaves, and how shares are put together."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.evaluation.chance import exclusions
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.settings import LivenessSettings
from tests.exclusions import sets_of, tables
from tests.support.exclusion_figures import (
    Estimate,
    Record,
    combined,
    plans,
    prompts_met,
    share,
    types_of,
)

SETTINGS = LivenessSettings()
BLINK, TURN, SMILE = ChallengeType.BLINK, ChallengeType.HEAD_TURN, ChallengeType.SMILE
NAMES = {excluded: " and ".join(excluded) or "nothing" for excluded in exclusions(SETTINGS)}


def record(asked: tuple[ChallengeType, ...], status: str, part: str = "photo") -> Record:
    kinds = tuple(sorted(asked))
    return Record(part, kinds, "somebody", status == "PASSED", status, status, 0.5, ("why",))


@pytest.mark.parametrize("excluded", NAMES, ids=NAMES.values())
def test_a_plan_asks_for_different_types_and_for_none_that_is_left_out(
    excluded: tuple[ChallengeType, ...],
) -> None:
    sets = Counter(types_of(plan) for plan in plans(SETTINGS, excluded))
    assert {len(types) for types in sets} == {SETTINGS.challenges}
    assert not any(types.intersection(excluded) for types in sets)
    turns = {TURN in types for types in sets}
    assert turns == {TURN not in excluded}
    assert len(sets) == {0: 6, 1: 4 if TURN in excluded else 3, 2: 1}[len(excluded)]


def test_every_set_that_an_exclusion_leaves_is_tried() -> None:
    left = {types_of(plan) for excluded in NAMES for plan in plans(SETTINGS, excluded, 300)}
    assert left == set(map(frozenset, sets_of(SETTINGS.challenges)))


STRATA = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 40), st.integers(0, 40)).map(
        lambda drawn: (drawn[0], drawn[1], drawn[1] + drawn[2] + 1)
    ),
    min_size=1,
    max_size=6,
)


@given(STRATA)
def test_a_combined_share_lies_within_its_interval(strata: list[tuple[int, int, int]]) -> None:
    total = sum(weight for weight, _, _ in strata)
    found = combined((weight / total, hits, n) for weight, hits, n in strata)
    assert found is not None
    low, high = found.interval
    assert 0 <= low <= found.value + 1e-9 <= high + 2e-9 <= 1 + 2e-9
    assert low < high
    assert found.n == sum(n for _, _, n in strata)


@given(st.integers(0, 40), st.integers(0, 40))
def test_one_stratum_has_wilsons_interval(hits: int, others: int) -> None:
    n = hits + others + 1
    found = combined([(1.0, hits, n), (0.0, 0, 0)])
    assert found is not None
    assert found.value == hits / n
    assert found.interval == pytest.approx(wilson_interval(hits, n))


def test_several_strata_are_known_better_than_one_of_them() -> None:
    widths = []
    for count in (1, 4):
        found = combined([(1 / count, 5, 10)] * count)
        assert found is not None
        widths.append(found.interval[1] - found.interval[0])
    assert widths[1] == pytest.approx(widths[0] / 2)


def test_nothing_is_said_of_a_set_that_was_never_tried() -> None:
    tried = [record((BLINK,), "PASSED")]
    assert share(tried, [(Challenge(SMILE),)], lambda _: True) is None
    assert share(tried, [(Challenge(BLINK),)], lambda _: True) is not None


def test_a_share_goes_by_how_often_each_set_is_drawn() -> None:
    drawn = [(Challenge(BLINK),)] * 3 + [(Challenge(SMILE),)]
    records = [record((BLINK,), "PASSED")] * 2 + [record((SMILE,), "FAILED")] * 4
    found = share(records, drawn, lambda one: one.status == "PASSED")
    assert found is not None
    assert (found.value, found.n) == (0.75, 6)


def test_prompts_that_are_asked_for_more_often_weigh_more() -> None:
    drawn = [(Challenge(BLINK, count=2), Challenge(SMILE)), (Challenge(BLINK), Challenge(BLINK))]
    recognised = {BLINK: (9, 10), SMILE: (1, 2), ChallengeType.NOD: (0, 5)}
    found = prompts_met(drawn, recognised)
    assert found is not None
    assert found.value == pytest.approx(0.75 * 0.9 + 0.25 * 0.5)
    assert found.n == 12


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.0, (0.0, 0.299), 9), "0 (0–.3; 9)"),
        (Estimate(0.5, (0.25, 0.75), 12), ".5 (.25–.75; 12)"),
        (Estimate(1.0, (0.7, 1.0), 9), "1 (.7–1; 9)"),
        (Estimate(0.996, (0.103, 0.999), 9), "1 (.1–1; 9)"),
    ],
)
def test_an_estimate_as_text(estimate: Estimate, text: str) -> None:
    assert str(estimate) == text


def test_the_table_has_a_row_for_each_exclusion_and_each_set() -> None:
    """A photo that passes wherever the head does not turn."""
    records = [record(asked, "FAILED" if TURN in asked else "PASSED") for asked in sets_of(3)]
    counts = {kind.value: (9, 10) for kind in ChallengeType}
    lines = [json.dumps({"recognised": counts}), *(json.dumps(asdict(r)) for r in records)]
    rows = [line.split(" | ") for line in tables(lines) if line.startswith("| ")]
    by_name = {row[0].removeprefix("| "): row for row in rows}
    passed = {name: by_name[name][5].split()[0] for name in NAMES.values()}
    assert passed == {name: "1" if TURN in excluded else "0" for excluded, name in NAMES.items()}
    assert {by_name[name][1].split()[0] for name in NAMES.values()} == {".9"}
    assert len(rows) == 1 + len(NAMES) + 1 + len(sets_of(3))
