"""Honest people before real browsers, counted: the tables of honest people in docs/detection.md.

    python -m tests.honest_people --data FOLDER [--faults] [--runs N] [--only PATTERN] [--part K/N]
                                  [--fps N] [--out FILE]

Every recorded person takes the check in each way, with the server's own detectors: they do what the
page asks, so PASSED is right. The server draws only types that the recording shows, and all of these,
as many as two or three; one nod, two blinks, a short hold. Where it asks for the side of a head turn
that is missing, the session is begun anew, and counted. With `--faults` each device fault happens to
each person once, in Chromium: there FAILED is wrong.

FILE gets a JSON line of each check as soon as it is over, and what stands in it is not run again.
Several processes may share it, each with its part of the people. The rate of analysed frames is given,
since a busy machine lowers it: below 12 a second, or nine tenths of a slower camera's, the figures say
nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.support.browser import AT_A_CHALLENGE
from tests.support.browser_camera import PERIOD_MS
from tests.support.browser_clips import PEOPLE, Footage, Recorded, Takes, read_footage
from tests.support.browser_server import LiveServer, serving
from tests.support.browser_tab import Tab
from tests.support.browser_ways import WAYS, Browsers
from tests.support.honest_faults import FAULTS, FaultyCamera
from tests.support.honest_record import (
    Job,
    Sitting,
    append,
    failed_otherwise,
    load,
    remaining,
    table,
)
from tests.support.sitter import Sitter, asking_for

DRAWS = 24
"""How often a session is begun anew at most."""

RESULT_LIMIT_S = 150.0
ANSWERING_S = 0.6
"""From a prompt on the page to the fault: while the person moves."""

POLL_S = 0.2
AT_THE_END = "document.body.dataset.step === 'result'"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person's checks take place: their footage, and a server that asks what it shows."""

    folder: Path
    takes: Takes
    footage: Footage
    server: LiveServer
    traces: Path | None

    def keep(self, job: Job, trace: Mapping[str, Any]) -> None:
        """Leave the record and the messages of a check that was not passed, for whoever asks why."""
        if self.traces is not None and trace["status"]["status"] != "PASSED":
            name = f"{job.person} {job.way} {job.run}.json"
            (self.traces / name).write_text(json.dumps(trace), "utf-8")

    def sitter(self, seen: Callable[[], bool] = lambda: True, *, again: bool = False) -> Sitter:
        person = Recorded(self.folder, self.takes, seen=seen, footage=self.footage)
        return Sitter(person, self.takes, again=again)


@dataclass(slots=True)
class Check:
    """One session under way. `happens`: once, while the first challenge is answered."""

    tab: Tab
    sitter: Sitter
    session_id: str
    happens: Callable[[], Awaitable[None]] | None = None


FAULTY = {"LIVENESS__QUALITY_TIME_LIMIT_MS": "15000"}
"""Some faults nobody mends: waiting 45 s for it gains nothing."""


async def outcome(job: Job, browsers: Browsers, place: Place) -> Sitting:
    """Take the check until a session asked for nothing but what the recording shows. Raises
    `RuntimeError` where none does."""
    for begun_anew in range(DRAWS):
        begin = begin_with_fault if job.way in FAULTS else begin_plainly
        check = await begin(job.way, browsers, place)
        began_s = time.monotonic()
        ended = await _over(check, began_s + RESULT_LIMIT_S)
        seconds = time.monotonic() - began_s
        tab = check.tab
        messages = await tab.messages()
        await tab.close()
        if ended:
            status = place.server.status(check.session_id)
            place.keep(job, {"status": status, "messages": messages, "problems": tab.problems})
            return sitting(job, status, seconds, begun_anew)
        place.server.complete(check.session_id)  # or it would keep its place among the live ones
    raise RuntimeError(f"no session in {DRAWS} asked only for what {place.takes.clip} shows")


async def begin_plainly(name: str, browsers: Browsers, place: Place) -> Check:
    """In one of the `WAYS`."""
    way, session, sitter = WAYS[name], place.server.start_session(), place.sitter()
    tab = await browsers.open(way.browser, sitter)
    await way.begin(tab, place.server, session)
    return Check(tab, sitter, session["session_id"])


async def begin_with_fault(name: str, browsers: Browsers, place: Place) -> Check:
    """In Chromium, over WebRTC, with one of the `FAULTS`."""
    fault, session = FAULTS[name], place.server.start_session()
    camera = FaultyCamera(fault.alter)
    sitter = place.sitter(camera.sees_anything, again=fault.again)
    camera.show(sitter)
    tab = await browsers.open_chromium(camera)
    await fault.begin(tab, camera, session["join_url"])
    return Check(tab, sitter, session["session_id"], partial(fault.happens, tab, camera))


async def _over(check: Check, deadline_s: float) -> bool:
    """Wait for the result; False as soon as something was asked that the recording lacks. Without a
    result within the limit, the record says that there is no verdict."""
    while not await check.tab.evaluate(AT_THE_END):
        if check.sitter.lacks:
            return False
        if time.monotonic() > deadline_s:
            break
        if check.happens is not None and await check.tab.evaluate(AT_A_CHALLENGE):
            await asyncio.sleep(ANSWERING_S)
            await check.happens()
            check.happens = None
        await asyncio.sleep(POLL_S)  # polling a page, bounded by the deadline
    return not check.sitter.lacks


def sitting(job: Job, status: Mapping[str, Any], seconds: float, begun_anew: int) -> Sitting:
    """What the record of a session says."""
    challenges = status["challenges"]
    return Sitting(
        job,
        verdict=status["status"],
        reasons=tuple(reason["code"] for reason in status["reasons"]),
        met=sum(one["passed"] is True for one in challenges),
        failed_tries=sum(one["passed"] is False for one in challenges),
        voided=sum(one["voided"] is not None for one in challenges),
        seconds=round(seconds, 1),
        frames_per_s=round(status["frames_processed"] / seconds, 1),
        begun_anew=begun_anew,
        deepfake_score=status["deepfake_score"],
        challenges=tuple(map(_described, challenges)),
    )


def _described(challenge: Mapping[str, Any]) -> str:
    end = {True: "met", False: "failed", None: challenge["voided"] or "open"}[challenge["passed"]]
    return f"{challenge['challenge_type']} {challenge['direction'] or ''}: {end}"


async def run(jobs: Sequence[Job], given: argparse.Namespace, settings: dict[str, str]) -> None:
    """Run the jobs, person by person, and write down what comes of each."""
    for number, of_one in groupby(jobs, lambda job: job.person):
        takes = PEOPLE[number - 1]
        async with AsyncExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(serving(data, asking_for(takes) | settings))
            place = Place(given.data, takes, read_footage(given.data, takes), server, given.traces)
            browsers = Browsers(stack, 1_000 / given.fps)
            for job in of_one:
                found = await outcome(job, browsers, place)
                append(given.out, found)
                print(found, file=sys.stderr, flush=True)


def part_of(people: Sequence[int], text: str) -> list[int]:
    """The share of the people that `K/N` names, counted from 1. Raises `ValueError` for another text."""
    number, _, count = text.partition("/")
    return list(people[int(number) - 1 :: int(count)])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.honest_people", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of face videos")
    parser.add_argument("--faults", action="store_true", help="device faults, in Chromium")
    parser.add_argument("--runs", type=int, default=3, help="how often each is tried")
    parser.add_argument(
        "--only", default="", help="ways, or faults, in which this pattern is found"
    )
    parser.add_argument("--part", default="1/1", help="K/N: every N-th person, from the K-th on")
    parser.add_argument("--fps", type=float, default=1_000 / PERIOD_MS, help="of the camera")
    parser.add_argument("--out", type=Path, default=Path("honest_people.jsonl"), help="JSON lines")
    parser.add_argument(
        "--traces", type=Path, help="folder for what led to each verdict but PASSED"
    )
    given = parser.parse_args()
    people = part_of(range(1, len(PEOPLE) + 1), given.part)
    ways = [way for way in (FAULTS if given.faults else WAYS) if re.search(given.only, way)]
    runs = 1 if given.faults else given.runs
    jobs = [
        Job(person, way, number)
        for person in people
        for way in ways
        for number in range(1, runs + 1)
    ]
    settings = FAULTY if given.faults else {}
    asyncio.run(run(remaining(jobs, load(given.out)), given, settings))
    done = {one.job: one for one in load(given.out)}
    found = [done[job] for job in jobs if job in done]
    print(table("what happens" if given.faults else "way", by_way(found), lambda job: job.way))
    print(table("person", found, lambda job: str(job.person)))
    print(f"FAILED by no detector's own rule: {len(failed_otherwise(found))}")


def by_way(found: Sequence[Sitting]) -> list[Sitting]:
    """In the order of the ways, and of the faults."""
    order = [*WAYS, *FAULTS]
    return sorted(found, key=lambda one: order.index(one.job.way))


if __name__ == "__main__":
    main()
