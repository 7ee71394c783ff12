"""Late answers and dark links, counted: the table of outcomes in docs/detection.md.

    python -m tests.outcomes --data FOLDER [--runs N] [--only PATTERN]

The first rows are a client over real WebRTC, the animated portrait, that answers every challenge late
and hides meanwhile that nobody is there; PASSED is wrong. Two controls answer soon, and PASSED is
right: they show that the client can pass. The portrait is judged without the detectors.

The last rows are recorded people before headless Chromium with the page as it is shipped, the detectors
on, whose link goes dark while they answer: once, or again and again. FAILED is wrong. The server draws
only types that the recording shows; where it asks for the side that is missing, the run is begun anew.
Every run has a server and a database of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession
from playwright.async_api import async_playwright

from kyc_rtc.vision.model_store import ModelStore
from tests.support.browser import AT_A_CHALLENGE, ApplicantPage, chromium_path, launch
from tests.support.browser_clips import PEOPLE, Recorded, Takes
from tests.support.browser_server import FEW, LiveServer, serving
from tests.support.late_client import Cover, Habit, LateClient
from tests.support.weak_link import WeakLink

VERDICT_LIMIT_S = 420.0
RESULT_LIMIT_S = 240.0
ANSWERING_S = 0.6
"""From a prompt on the page to the outage: while the person moves."""

CALM = PEOPLE[1:6]
"""Those whose calm footage may come again: the others resemble themselves too much then, with or
without an outage, and are found to be drawn."""

BOTH_SIDES = (PEOPLE[1],)
"""Of those, who turns the head to either side."""

IN_A_HURRY = {"LIMITS__DRAIN_S": "1"}
"""Runs that are begun anew leave a live session behind."""

DRAWS = 24
"""How often a run is begun anew at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run; `voids` are those of the attempt that counts, `attempts` all of them."""

    status: str
    reasons: tuple[str, ...]
    voids: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Outages:
    """How long the link is dark, and for how long it is well in between; once without a pause."""

    length_s: float
    pause_s: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """`run` gets the run's number; `wrong` are verdicts that must not come."""

    name: str
    run: Callable[[int], Awaitable[Outcome]]
    wrong: frozenset[str]


def rows(model: Path, data: Path | None) -> list[Row]:
    """Every row of the table; those with recorded people only where their recordings are."""
    late = [
        Habit(Cover.NOTHING_SENT, 60.0),
        Habit(Cover.STANDING_STILL, 60.0),
        Habit(Cover.BLACK, 40.0),
        Habit(Cover.DARK, 40.0),
        Habit(Cover.BLURRED, 40.0),
        Habit(Cover.HUNG_UP, 50.0),
        Habit(Cover.ANOTHER_CLIENT, 0.5),
    ]
    controls = [Habit(Cover.NOTHING_SENT, 0.0), Habit(Cover.NOTHING_SENT, 0.5)]
    made = [_late_row(habit, model, "PASSED") for habit in late]
    made += [_late_row(habit, model, "FAILED") for habit in controls]
    if data is not None:
        made += [
            _dark_row(f"link dark for {length_s} s", data, CALM, Outages(length_s))
            for length_s in (2, 5, 10)
        ]
        made.append(_dark_row("link dark for 2 s every 7 s", data, BOTH_SIDES, Outages(2, 5)))
        made.append(_dark_row("*no outage*", data, CALM, None))
    return made


def _late_row(habit: Habit, model: Path, wrong: str) -> Row:
    async def run(_number: int) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"DETECTION__WEIGHTS_DIR": folder} | IN_A_HURRY
            with serving(Path(folder), settings) as server:
                async with ClientSession() as http:
                    client = LateClient(http, server.url, model, habit)
                    await client.run(VERDICT_LIMIT_S)
                    session_id = client.call.session_id
                return _outcome(server, session_id)

    name = f"{habit.cover.value}, then the answer after {habit.late_s:g} s"
    return Row(name if habit.late_s else "*the answer at once*", run, frozenset({wrong}))


def _dark_row(name: str, data: Path, people: Sequence[Takes], outages: Outages | None) -> Row:
    async def run(number: int) -> Outcome:
        takes = people[number % len(people)]
        for _ in range(DRAWS):
            with (
                tempfile.TemporaryDirectory() as folder,
                serving(Path(folder), drawing_only(takes)) as server,
            ):
                link = WeakLink()
                person = Recorded(data, takes, seen=lambda link=link: not link.down)  # type: ignore[misc]
                session_id = await _before_a_dark_link(server, person, link, outages)
                if not person.lacks.is_set():
                    return _outcome(server, session_id)
        raise RuntimeError(f"no session in {DRAWS} asked only for what {takes.clip} shows")

    return Row(name, run, frozenset({"FAILED"}))


def drawing_only(takes: Takes) -> dict[str, str]:
    """Settings: two challenges, and none that the recording does not show."""
    kinds = ", ".join(f'"{kind}"' for kind in ("head_turn", *takes.kinds()))
    return (
        FEW
        | {
            "LIVENESS__CHALLENGES": "2",
            "LIVENESS__CHALLENGE_TYPES": f"[{kinds}]",
        }
        | IN_A_HURRY
    )


async def _before_a_dark_link(
    server: LiveServer, person: Recorded, link: WeakLink, outages: Outages | None
) -> str:
    """The id of the session; it has ended, unless something was asked that the person lacks."""
    path = chromium_path()
    if path is None:
        raise SystemExit("no Chromium here: install the system's package `chromium`")
    started = server.start_session()
    async with async_playwright() as playwright:
        browser = await launch(playwright, path)
        tab = await ApplicantPage.open(browser, person)
        await link.attach(tab.page)
        await tab.follow(started["join_url"])
        work = asyncio.create_task(_go_dark(tab, link, outages))
        ends = [
            asyncio.create_task(tab.step("result", RESULT_LIMIT_S)),
            asyncio.create_task(person.lacks.wait()),
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, *ends):
            task.cancel()
        await asyncio.gather(work, *ends, return_exceptions=True)
        await browser.close()
        link.close()
    if outages is not None and not link.dropped and not person.lacks.is_set():
        raise RuntimeError("the verdict came before the link was dark")
    return str(started["session_id"])


async def _go_dark(tab: ApplicantPage, link: WeakLink, outages: Outages | None) -> None:
    """The first time while the first challenge is answered; then after each pause."""
    await tab.until(AT_A_CHALLENGE, RESULT_LIMIT_S)
    await asyncio.sleep(ANSWERING_S)
    while outages is not None:
        async with link.outage():
            await asyncio.sleep(outages.length_s)
        if outages.pause_s is None:
            return
        await asyncio.sleep(outages.pause_s)


def _outcome(server: LiveServer, session_id: str) -> Outcome:
    status = server.status(session_id)
    voided = status["connection"]["voided"]
    codes = tuple(reason["code"] for reason in status["reasons"])
    return Outcome(
        status["status"],
        codes or ("no_verdict",),
        sum(voided.values()),
        len(status["attempts"]),
    )


HEAD = """\
| what happens | n | PASSED | FAILED | INCONCLUSIVE | none | challenges voided | attempts | reasons (runs) |
|---|---|---|---|---|---|---|---|---|"""


def line(row: Row, outcomes: Sequence[Outcome]) -> str:
    """One row of the table."""
    statuses = Counter(outcome.status for outcome in outcomes)
    reasons = Counter(code for outcome in outcomes for code in outcome.reasons)
    counted = [statuses.pop(status, 0) for status in ("PASSED", "FAILED", "INCONCLUSIVE")]
    cells = [
        row.name,
        str(len(outcomes)),
        *map(str, counted),
        str(sum(statuses.values())),
        _span([outcome.voids for outcome in outcomes]),
        _span([outcome.attempts for outcome in outcomes]),
        ", ".join(f"{code} ({count})" for code, count in reasons.most_common()),
    ]
    return f"| {' | '.join(cells)} |"


def _span(counts: Sequence[int]) -> str:
    least, most = min(counts), max(counts)
    return f"{least}–{most}" if least < most else f"{least}"


async def measure(chosen: Sequence[Row], runs: int) -> int:
    """Print the table, row by row; how many verdicts came that must not."""
    print(HEAD)
    wrong = 0
    for row in chosen:
        outcomes = []
        for number in range(runs):
            outcomes.append(await row.run(number))
            print(row.name, outcomes[-1], file=sys.stderr, flush=True)
        print(line(row, outcomes), flush=True)
        wrong += sum(outcome.status in row.wrong for outcome in outcomes)
    return wrong


def main() -> int:
    """The command line; the exit status is 1 where a verdict was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.outcomes", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of face videos")
    parser.add_argument("--runs", type=int, default=5, help="how often each is tried")
    parser.add_argument("--only", default="", help="rows in whose name this pattern is found")
    given = parser.parse_args()
    model = ModelStore(None).path("face_landmarker")
    chosen = [row for row in rows(model, given.data) if re.search(given.only, row.name)]
    wrong = asyncio.run(measure(chosen, given.runs))
    print(f"\n{wrong} verdicts that must not come.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
