"""The pure parts of `tests.honest_people`: what is asked, what is left to run, and the tables."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import load_settings
from tests.honest_people import part_of, sitting
from tests.support.browser_camera import Prompt
from tests.support.browser_clips import PEOPLE, Recorded, Takes
from tests.support.honest_faults import FAULTS, FaultyCamera
from tests.support.honest_record import (
    Job,
    Sitting,
    append,
    failed_otherwise,
    load,
    remaining,
    row,
    table,
)
from tests.support.sitter import Sitter, asking_for

PICTURE: BgrImage = np.tile(np.arange(120, dtype=np.uint8)[:, None, None], (1, 160, 3))
ONE_SIDED = PEOPLE[2]
"""Turns to the left, and nods."""


def made(verdict: str, *reasons: str, run: int = 1, way: str = "Chromium", **more: Any) -> Sitting:
    fields: dict[str, Any] = {
        "met": 2,
        "failed_tries": 1,
        "voided": 0,
        "seconds": 9.6,
        "frames_per_s": 17.0,
        "begun_anew": 2,
        "deepfake_score": 0.2,
        "challenges": ("nod : met",),
    }
    return Sitting(Job(1, way, run), verdict, reasons, **(fields | more))


def asked(sitter: Sitter, *challenges: Challenge) -> None:
    for challenge in challenges:
        sitter.sees(Prompt(challenge.type.value, "do it", challenge))


def sitter(takes: Takes, *, again: bool = False) -> Sitter:
    frames = [(0, PICTURE), (20_000, PICTURE)]
    return Sitter(Recorded(Path(), takes, footage=frames), takes, again=again)


LEFT = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
RIGHT = Challenge(ChallengeType.HEAD_TURN, Direction.RIGHT)
NOD = Challenge(ChallengeType.NOD)


@pytest.mark.parametrize(
    ("challenges", "lacks"),
    [((), False), ((LEFT, NOD), False), ((RIGHT,), True), ((NOD, RIGHT), True)],
    ids=["nothing", "what it shows", "the other side", "the other side later"],
)
def test_a_session_that_asks_for_what_the_recording_lacks_is_found(
    challenges: tuple[Challenge, ...], lacks: bool
) -> None:
    person = sitter(ONE_SIDED)
    asked(person, *challenges)
    assert person.lacks is lacks


@pytest.mark.parametrize(("again", "lacks"), [(False, True), (True, False)])
def test_a_take_that_was_seen_is_asked_for_again(again: bool, lacks: bool) -> None:
    person = sitter(ONE_SIDED, again=again)
    asked(person, LEFT)
    for at_ms in range(0, 3_000, 50):
        person.draw(at_ms)
    asked(person, LEFT)
    assert person.lacks is lacks


@pytest.mark.parametrize("takes", PEOPLE, ids=[str(n) for n in range(1, len(PEOPLE) + 1)])
def test_only_what_the_recording_shows_is_drawn(takes: Takes) -> None:
    environ = {f"KYC_RTC_{name}": value for name, value in asking_for(takes).items()}
    settings = load_settings(environ).liveness
    plan = Issuer(settings, random.Random(1)).plan()  # noqa: S311  # the same every time
    kinds = [challenge.type for challenge in plan]
    assert sorted(kinds) == sorted([ChallengeType.HEAD_TURN, *takes.kinds()])
    assert all(takes.shows(one) for one in plan if one.type is not ChallengeType.HEAD_TURN)


def test_every_person_is_in_exactly_one_part() -> None:
    people = range(1, 9)
    assert part_of(people, "1/1") == list(people)
    assert part_of(people, "1/3") + part_of(people, "2/3") + part_of(people, "3/3") == [
        *(1, 4, 7),
        *(2, 5, 8),
        *(3, 6),
    ]


def test_what_was_written_down_is_not_run_again(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert load(file) == []
    first, second = made("PASSED", "challenges_passed"), made("FAILED", "no_motion", run=2)
    append(file, first)
    append(file, second)
    with file.open("a", encoding="utf-8") as cut_off:
        cut_off.write('{"job": {"person"')
    assert load(file) == [first, second]
    jobs = [Job(1, "Chromium", run) for run in (1, 2, 3)] + [Job(1, "Firefox", 1)]
    assert remaining(jobs, load(file)) == [Job(1, "Chromium", 3), Job(1, "Firefox", 1)]


def test_a_row_counts_verdicts_by_reason() -> None:
    found = [
        made("PASSED", "challenges_passed", seconds=8.0),
        made("INCONCLUSIVE", "poor_quality", "no_face", frames_per_s=12.4, seconds=30.0),
        made("INCONCLUSIVE", "poor_quality", begun_anew=0),
        made("FAILED", "no_motion", failed_tries=3),
    ]
    assert row("all of them", found) == (
        "| all of them | 4 | 1 | 2: poor_quality 2, no_face 1 | 1: no_motion 1 | 6 | 10, 30 "
        "| 12–17 | 6 |"
    )


def test_a_table_has_a_row_for_each_and_one_for_all() -> None:
    found = [made("PASSED", way="Chromium"), made("PASSED", way="Firefox")]
    lines = table("way", found, lambda job: job.way).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == [
        *("way", "---", "Chromium", "Firefox", "all"),
    ]
    assert len({line.count("|") for line in lines}) == 1
    assert table("way", [], lambda job: job.way).count("\n") == 1


def test_failed_by_a_detectors_own_rule_is_counted_apart() -> None:
    own = made("FAILED", "no_motion", "deepfake_score_high")
    other = made("FAILED", "challenge_timeout")
    assert failed_otherwise([own, other, made("PASSED")]) == [other]


def test_what_the_record_says_is_taken_over() -> None:
    turn = {"challenge_type": "head_turn", "direction": "left"}
    nod = {"challenge_type": "nod", "direction": None}
    status = {
        "status": "INCONCLUSIVE",
        "reasons": [{"code": "link_lost"}],
        "frames_processed": 100,
        "deepfake_score": None,
        "challenges": [
            nod | {"passed": True, "voided": None},
            turn | {"passed": False, "voided": None},
            turn | {"passed": None, "voided": "gap"},
            turn | {"passed": None, "voided": None},
        ],
    }
    found = sitting(Job(1, "Chromium", 1), status, 10.0, 3)
    assert (found.met, found.failed_tries, found.voided, found.frames_per_s) == (1, 1, 1, 10.0)
    assert found.challenges == (
        *("nod : met", "head_turn left: failed", "head_turn left: gap", "head_turn left: open"),
    )


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_a_picture(name: str) -> None:
    picture = FAULTS[name].alter(PICTURE)
    assert picture.dtype == np.uint8
    assert sorted(picture.shape) == sorted(PICTURE.shape)


def test_a_faulty_camera_knows_when_nobody_sees_the_person() -> None:
    camera = FaultyCamera(FAULTS["none"].alter)
    camera.show(sitter(ONE_SIDED))
    camera.draw(0.0)
    camera.draw(50.0)
    assert camera.sees_anything()
    camera.draw(4_050.0)
    assert not camera.sees_anything()
    camera.draw(4_100.0)
    assert camera.sees_anything()
    camera.is_black = True
    assert not camera.draw(4_150.0).any()
    assert not camera.sees_anything()
