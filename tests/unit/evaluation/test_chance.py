"""Recordings that hear no prompt: what they show is met, and nothing else is."""

from __future__ import annotations

import random
from itertools import islice, pairwise
from pathlib import Path

import pytest

from kyc_rtc.evaluation.chance import (
    Job,
    Recording,
    _at_plan,
    _Film,
    _played,
    _Same,
    _Voids,
    challenges,
    exclusions,
)
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings
from tests.unit.liveness.fakes.actor import Actor, Pulse
from tests.unit.liveness.fakes.faces import make_face, make_observation

SETTINGS = LivenessSettings()
UNCALIBRATED = LivenessSettings(calibrating_turn=False)
LENGTH_MS = 6_000


def recorded(*pulses: Pulse) -> Recording:
    frames = Actor(pulses=list(pulses)).frames(LENGTH_MS, fps=20)
    return [make_observation(make_face(look), now_ms) for now_ms, look in frames]


def blinking(every_ms: int) -> Recording:
    return recorded(*(Pulse("shut", 1.0, at, 250) for at in range(500, LENGTH_MS - 300, every_ms)))


def met(
    recording: Recording,
    challenge: Challenge,
    tries: int = 4,
    settings: LivenessSettings = UNCALIBRATED,
) -> int:
    chance = random.Random(1)  # noqa: S311  # the same in every run
    issuer = _Same(challenge, settings, chance)
    outcomes = [_played(recording, (challenge,), issuer, chance) for _ in range(tries)]
    return sum(outcome.passed for outcome in outcomes)


@pytest.mark.parametrize(
    ("recording", "shown"),
    [
        (recorded(), set[str]()),
        (blinking(every_ms=700), {"blink 2", "blink 3"}),
        (blinking(every_ms=3_000), set[str]()),
        (recorded(Pulse("smile", 0.8, 2_000, 1_500)), {"smile 0.5 s"}),
        (recorded(Pulse("smile", 0.8, 2_000, 3_500)), {"smile 0.5 s", "smile 1.5 s"}),
        (recorded(Pulse("yaw_deg", 30.0, 2_000, 1_400)), {"head_turn left"}),
    ],
    ids=["nothing", "blinks at will", "blinks as people do", "a smile", "a long smile", "a turn"],
)
def test_what_is_shown_is_met_and_nothing_else(recording: Recording, shown: set[str]) -> None:
    found = {name: met(recording, challenge) for name, challenge in challenges(SETTINGS).items()}
    assert found == {name: 4 if name in shown else 0 for name in found}


@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("most", [0, 1, 4])
def test_who_voids_what_will_be_missed_is_met_by_what_suits(most: int, spare: bool) -> None:
    """Footage that only blinks meets a smile only once blinks were drawn in its place."""
    recording = blinking(every_ms=700)
    settings = SETTINGS.model_copy(update={"voids": most})
    plan = (Challenge(ChallengeType.SMILE, hold_ms=500),)
    outcomes = []
    for seed in range(8):
        chance = random.Random(seed)  # noqa: S311  # the same in every run
        issuer = Issuer(settings, chance)
        outcomes.append(_played(recording, plan, issuer, chance, _Voids(most, spare)))
    assert max(outcome.voids for outcome in outcomes) == most
    assert any(outcome.all_passed for outcome in outcomes) is (most > 0)
    for outcome in outcomes:
        assert outcome.planned == 1 + (outcome.voids >= 2)
        assert outcome.voids == most or outcome.all_passed


def test_everything_that_the_settings_allow_is_asked() -> None:
    few = LivenessSettings(
        min_blinks=2, max_blinks=3, min_nods=1, max_nods=1, min_hold_ms=700, max_hold_ms=700
    )
    names = [
        "head_turn left",
        "head_turn right",
        "nod",
        "blink 2",
        "blink 3",
        "smile 0.7 s",
        "mouth_open 0.7 s",
    ]
    assert list(challenges(few)) == names


def test_each_type_and_each_pair_is_left_out() -> None:
    found = exclusions(SETTINGS)
    assert found[0] == ()
    assert [len(left_out) for left_out in found] == [0] + [1] * 5 + [2] * 10
    few = LivenessSettings(challenges=1, challenge_types=("head_turn", "nod"))
    assert exclusions(few) == [(), (ChallengeType.HEAD_TURN,), (ChallengeType.NOD,)]


def test_footage_that_blinks_meets_the_plans_from_which_all_else_is_left_out() -> None:
    recording = blinking(every_ms=700)
    settings = LivenessSettings(challenges=1, challenge_types=("head_turn", "nod", "blink"))
    job = Job(Path(), settings, tries=1)
    chance = random.Random(1)  # noqa: S311  # the same in every run
    others = (ChallengeType.HEAD_TURN, ChallengeType.NOD)
    assert all(_at_plan(recording, chance, job, excluded=others).met for _ in range(4))
    assert not any(_at_plan(recording, chance, job).met for _ in range(4))


def test_footage_that_turns_to_one_side_gains_by_the_calibrating_turn() -> None:
    """What a mirrored picture is granted, an attacker has too: that is what its row measures."""
    turn = recorded(Pulse("yaw_deg", 30.0, 2_000, 1_400))
    right = challenges(SETTINGS)["head_turn right"]
    assert met(turn, right) == 0
    assert met(turn, right, settings=SETTINGS) == 4


def test_time_goes_on_where_the_recording_begins_again() -> None:
    recording = recorded()
    seen = list(islice(_Film(recording, 100), 300))
    assert seen[0].faces == recording[100].faces
    assert seen[50].faces == recording[150 - len(recording)].faces
    assert {after.captured_at_ms - before.captured_at_ms for before, after in pairwise(seen)} == {
        50
    }
