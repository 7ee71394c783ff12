"""The injection laboratory without data and browser: plan, parts, resume, rates and tables."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.evaluation.metrics import wilson_interval
from tests.injection import __main__ as command
from tests.injection.laboratory import METHODS, Tally, record
from tests.injection.plan import Instrument, Job, Method, jobs, parse_part, part_of, remaining
from tests.injection.record import MIN_FRAMES_PER_S, SLOW, Run, append, done, load, non_response
from tests.injection.table import ATTACKS, MISSING, PEOPLE, percent, report, share

ALL = jobs(list(Instrument), list(Method), 4)
JOB = Job(Instrument.REPLAY, Method.WHIP, 1)
VERDICTS = ("PASSED", "INCONCLUSIVE", "FAILED")


def made(verdict: str | None = "FAILED", job: Job = JOB, **more: Any) -> Run:
    fields: dict[str, Any] = {"reasons": ("challenge_timeout",), "score": 0.4, "attempts": 1}
    return Run(job, 0, "person 1", verdict, **({"non_response": ""} | fields | more))


def numbered(*verdicts: str, job: Job = JOB, **more: Any) -> list[Run]:
    return [made(verdict, replace(job, run=n), **more) for n, verdict in enumerate(verdicts, 1)]


def test_every_method_has_a_client() -> None:
    assert set(METHODS) == set(Method)


def test_a_plan_has_every_cell_as_often_as_asked() -> None:
    cells = Counter((job.instrument, job.method) for job in ALL)
    assert cells == {(one, other): 4 for one in Instrument for other in Method}
    assert len(set(ALL)) == len(ALL)
    assert [job.run for job in ALL] == sorted(job.run for job in ALL)


@given(st.integers(1, 7), st.integers(1, 12))
def test_parts_are_all_of_the_plan_and_share_nothing(count: int, runs: int) -> None:
    plan = jobs(list(Instrument), list(Method), runs)
    parts = [list(part_of(plan, number, count)) for number in range(1, count + 1)]
    together = [job for part in parts for job in part]
    assert Counter(together) == Counter(plan)
    for part in parts:
        films = Counter((job.run, job.instrument) for job in part)
        assert set(films.values()) <= {len(Method)}  # all methods of a film are in one part


@given(st.integers(1, 6))
def test_every_part_has_every_instrument_as_often(count: int) -> None:
    plan = jobs(list(Instrument), list(Method), count)
    for number in range(1, count + 1):
        shares = Counter(job.instrument for job in part_of(plan, number, count))
        assert shares == dict.fromkeys(Instrument, len(Method))


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "1/0", "a/b", ""])
def test_a_part_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # its own text, or that of `int`
        parse_part(text)


def test_a_part_is_read() -> None:
    assert parse_part("2/3") == (2, 3)


@pytest.mark.parametrize(
    ("verdict", "rate", "why"),
    [
        ("PASSED", MIN_FRAMES_PER_S, ""),
        ("PASSED", MIN_FRAMES_PER_S - 0.1, SLOW),
        ("FAILED", 0.0, SLOW),
        (None, 20.0, "no verdict"),
    ],
)
def test_what_counts_as_a_response(verdict: str | None, rate: float, why: str) -> None:
    assert non_response(verdict, rate) == why


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file, run = tmp_path / "runs.jsonl", made(met=2, seconds=12.5)
    assert load([file]) == {}
    append(file, run)
    assert load([file]) == {JOB: run}


@given(cut=st.integers(0, 10_000), verdicts=st.lists(st.sampled_from(VERDICTS), min_size=1))
def test_an_interrupted_laboratory_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int, verdicts: list[str]
) -> None:
    file, runs = tmp_path_factory.mktemp("cut") / "runs.jsonl", numbered(*verdicts)
    for run in runs:
        append(file, run)
    whole = file.read_bytes()
    file.write_bytes(whole[: cut % (len(whole) + 1)])
    plan = [run.job for run in runs]
    todo = remaining(plan, done(load([file]), again=False))
    kept = len(plan) - len(todo)
    assert todo == plan[kept:]
    assert kept >= file.read_bytes().count(b"\n")
    for run in runs[kept:]:
        append(file, run)
    assert load([file]) == {run.job: run for run in runs}


def test_the_later_run_of_a_job_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    append(first, made(None, non_response="no verdict"))
    append(second, made("FAILED"))
    assert load([first, second])[JOB].verdict == "FAILED"


def test_only_without_a_response_a_job_is_run_again() -> None:
    answered, slow = numbered("FAILED", "PASSED")
    runs = {answered.job: answered, slow.job: replace(slow, non_response=SLOW)}
    assert done(runs, again=False) == {answered.job, slow.job}
    assert done(runs, again=True) == {answered.job}


@given(st.lists(st.tuples(st.sampled_from(VERDICTS), st.booleans())))
def test_apcer_counts_what_passed_of_what_responded(drawn: list[tuple[str, bool]]) -> None:
    runs = [made(verdict, non_response=SLOW if slow else "") for verdict, slow in drawn]
    counted = [verdict for verdict, slow in drawn if not slow]
    apcer = share(runs, "PASSED")
    assert (apcer.hits, apcer.n) == (counted.count("PASSED"), len(counted))
    if counted:
        bound = wilson_interval(apcer.hits, apcer.n)[1]
        assert percent(apcer) == f"{apcer.hits / apcer.n:.0%} ({bound:.0%})"


def test_nothing_is_said_of_no_trial() -> None:
    assert percent(share([], "PASSED")) == "–"


def cells_of(runs: list[Run], head: str) -> list[str]:
    """The only row of the table with this head."""
    lines = list(report(runs))
    (row,) = "\n".join(lines).partition(head)[2].partition("\n\n")[0].strip().splitlines()
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_a_row_of_an_attack_has_the_bpcer_of_people_who_go_the_same_way() -> None:
    attacks = numbered("PASSED", *["FAILED"] * 8, "INCONCLUSIVE")
    person = Job(Instrument.BONA_FIDE, Method.WHIP, 1)
    people = numbered("PASSED", "PASSED", "FAILED", "INCONCLUSIVE", job=person)
    elsewhere = numbered("FAILED", job=replace(person, method=Method.UPLOADS))
    row = cells_of([*attacks, *people, *elsewhere], ATTACKS)
    assert row[:6] == [
        "replay",
        "WHIP",
        "10",
        "1",
        "1: challenge_timeout 1",
        "8: challenge_timeout 8",
    ]
    assert row[6:8] == ["10% (40%)", "25% (70%)"]


def test_people_who_did_not_pass_stand_beside_those_who_failed() -> None:
    person = Job(Instrument.BONA_FIDE, Method.UPLOADS, 1)
    row = cells_of(numbered("PASSED", "INCONCLUSIVE", "FAILED", job=person, begun_anew=2), PEOPLE)
    assert row[:3] == ["uploads", "3", "1"]
    assert row[5:7] == ["33% (79%)", "67% (94%)"]
    assert row[8] == "6"


def test_runs_without_a_response_are_named_and_count_nowhere() -> None:
    slow = numbered("PASSED", "PASSED", non_response=SLOW)
    broken = made(None, replace(JOB, run=3), non_response="RuntimeError: no Chromium here")
    runs = [*slow, broken]
    assert cells_of(runs, ATTACKS)[2:7] == ["0", "0", "0", "0", "–"]
    named = ["replay", "WHIP", "3", "3", f"{SLOW} (2), RuntimeError: no Chromium here (1)"]
    assert cells_of(runs, MISSING) == named


def test_the_most_frequent_reason_is_named() -> None:
    reasons = [("a", "b"), ("b",), ("c",)]
    runs = [made("FAILED", replace(JOB, run=n), reasons=r) for n, r in enumerate(reasons, 1)]
    assert cells_of(runs, ATTACKS)[5] == "3: b 2"


def status(**more: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "status": "FAILED",
        "state": "failed",
        "frames_processed": 150,
        "deepfake_score": 0.7,
        "reasons": [{"code": "face_swap"}],
        "challenges": [{"passed": True}, {"passed": None}, {"passed": False}],
    }
    return fields | more


def test_attempts_add_up_and_the_last_one_decides() -> None:
    tally = Tally()
    tally.add(status(), 10.0)
    tally.add(status(status="PASSED", state="passed", reasons=[]), 5.0)
    found = record(JOB, "swap 1", 3, tally, 2)
    assert (found.verdict, found.attempts, found.met, found.begun_anew) == ("PASSED", 2, 1, 2)
    assert (found.seconds, found.frames_per_s, found.non_response) == (15.0, 20.0, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "active", "state": "challenging"},
        {"status": "INCONCLUSIVE", "state": "interrupted"},
        {"status": "INCONCLUSIVE", "state": "expired"},
    ],
    ids=lambda fields: fields["state"],
)
def test_an_end_without_a_verdict_is_no_response(fields: dict[str, str]) -> None:
    tally = Tally()
    tally.add(status(**fields), 10.0)
    assert record(JOB, "person 1", 0, tally, 0).non_response == "no verdict"


def test_without_data_it_says_that_it_skips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["injection", "--data", str(tmp_path)])
    command.main()
    assert capsys.readouterr().out.startswith("skipped: no face videos")
