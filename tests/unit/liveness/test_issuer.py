"""The issuer: plans that keep the rules, and that cannot be foreseen."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.liveness.catalogue import HELD, ChallengeType, Direction
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import SHORTEST_HOLD_MS, LivenessSettings
from tests.unit.liveness.fakes.chance import DRAWN, seeded_issuer


@settings(deadline=None)
@given(
    seed=st.integers(),
    challenges=st.integers(1, 5),
    blinks=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    nods=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    holds_ms=st.tuples(*[st.integers(SHORTEST_HOLD_MS, 3_000)] * 2),
)
def test_a_plan_keeps_the_rules(
    seed: int,
    challenges: int,
    blinks: tuple[int, int],
    nods: tuple[int, int],
    holds_ms: tuple[int, int],
) -> None:
    limits = LivenessSettings(
        challenges=challenges,
        min_blinks=min(blinks),
        max_blinks=max(blinks),
        min_nods=min(nods),
        max_nods=max(nods),
        min_hold_ms=min(holds_ms),
        max_hold_ms=max(holds_ms),
    )
    plan = seeded_issuer(limits, seed).plan()
    kinds = [challenge.type for challenge in plan]
    assert len(kinds) == challenges == len(set(kinds))
    assert ChallengeType.HEAD_TURN in kinds
    for challenge in plan:
        if challenge.type in HELD:
            assert min(holds_ms) <= challenge.hold_ms <= max(holds_ms)
        if challenge.type is ChallengeType.BLINK:
            assert min(blinks) <= challenge.count <= max(blinks)
        elif challenge.type is ChallengeType.NOD:
            assert min(nods) <= challenge.count <= max(nods)
        else:
            assert challenge.count == 1


def test_every_order_direction_and_count_comes_up() -> None:
    issuer = seeded_issuer(seed=7)
    plans = [issuer.plan() for _ in range(3_000)]
    orders = Counter(tuple(challenge.type for challenge in plan) for plan in plans)
    assert len(orders) == 36  # six pairs in addition to the head turn, in six orders each
    assert max(orders.values()) < 5 * min(orders.values())
    drawn = {challenge for plan in plans for challenge in plan}
    assert {one.direction for one in drawn} == {None, *Direction}
    assert {one.count for one in drawn if one.type is ChallengeType.BLINK} == {2, 3}
    assert {one.count for one in drawn if one.type is ChallengeType.NOD} == {2}


def test_an_open_mouth_is_asked_for_more_often_and_not_always() -> None:
    issuer = seeded_issuer(seed=3)
    plans = [{challenge.type for challenge in issuer.plan()} for _ in range(3_000)]
    share = sum(ChallengeType.MOUTH_OPEN in plan for plan in plans) / len(plans)
    assert share == pytest.approx(2 / 3, abs=0.03)


@pytest.mark.parametrize("kind", ChallengeType)
def test_an_agent_gets_what_is_ordered(kind: ChallengeType) -> None:
    issuer = seeded_issuer()
    assert {issuer.draw(kind).type for _ in range(20)} == {kind}


def test_what_is_drawn_in_place_of_a_void_may_be_anything() -> None:
    issuer = seeded_issuer(seed=5)
    drawn = Counter(issuer.redraw() for _ in range(5_000))
    kinds = Counter[ChallengeType]()
    for challenge, number in drawn.items():
        kinds[challenge.type] += number
    assert set(kinds) == DRAWN
    assert all(number == pytest.approx(1_000, abs=120) for number in kinds.values())
    assert {one.direction for one in drawn} == {None, *Direction}
    assert {one.count for one in drawn if one.type is ChallengeType.BLINK} == {2, 3}
    assert len({one.hold_ms for one in drawn if one.type is ChallengeType.SMILE}) > 500


def test_only_what_the_settings_name_is_drawn() -> None:
    limits = LivenessSettings(challenges=2, challenge_types=("nod", "head_turn", "smile"))
    issuer = seeded_issuer(limits, seed=11)
    planned = {one.type for _ in range(300) for one in issuer.plan()}
    redrawn = {issuer.redraw().type for _ in range(300)}
    assert planned == redrawn == {ChallengeType.NOD, ChallengeType.HEAD_TURN, ChallengeType.SMILE}


def test_pauses_differ_within_bounds() -> None:
    issuer = seeded_issuer()
    pauses_ms = {issuer.pause_ms() for _ in range(200)}
    assert len(pauses_ms) > 50
    assert min(pauses_ms) >= 700
    assert max(pauses_ms) <= 1_300


def test_the_default_source_is_the_operating_systems() -> None:
    plans = {Issuer(LivenessSettings(challenges=5)).plan() for _ in range(20)}
    assert len(plans) > 1
