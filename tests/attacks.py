"""Attacks of our own making through a real browser, counted: the table in docs/detection.md.

    python -m tests.attacks --data FOLDER [--runs N] [--only PATTERN]

starts servers as they are shipped, holds each attack N times before headless Chromium's camera, each
time another person or seed, and prints a Markdown table. What answers nothing meets a server that
does not wait for long. After the attacks comes the worst case, recordings that are asked for nothing
but what they show, and at last people, recorded, who are asked likewise and do it: there PASSED is
right. Last it says how many of the plans that the server draws each recording could answer. The rate
of analysed frames is reported, since a busy machine lowers it, and with it what can be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from playwright.async_api import Browser, async_playwright

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.model_store import ModelStore
from tests.support.browser import AT_A_CHALLENGE, ApplicantPage, chromium_path, launch
from tests.support.browser_attacks import (
    STILLS,
    BentPhoto,
    Freezing,
    Loop,
    StillPhoto,
    WavedPhoto,
)
from tests.support.browser_camera import SENTENCES, Person
from tests.support.browser_clips import PEOPLE, Recorded, Takes
from tests.support.browser_people import Obedient
from tests.support.browser_recapture import Recaptured, Setup, laptop, monitor, phone
from tests.support.browser_server import FEW, IMPATIENT, LiveServer, serving

DRAWS = 12
"""How often a session is begun anew until it asks for a turn to the side that a recording shows."""

WORST = "asked for what it shows"

RESULT_LIMIT_S = 200.0
"""Whoever fails at everything as late as may be needs some two minutes."""

AT_THE_END = "document.body.dataset.step === 'result'"

Screen = Callable[[np.random.Generator], Setup]
Make = Callable[["Material", int], Person]


@dataclass(frozen=True, slots=True)
class Material:
    """What attacks are made of; `number` is the run's, and changes person and seed."""

    model: Path
    folder: Path

    def photo(self, number: int) -> BgrImage | None:
        """Another person's in every run; None, in the first, is the portrait's own."""
        return STILLS[(number - 1) % len(STILLS)].picture(self.folder) if number else None

    def animated_photo(self, number: int) -> Obedient:
        return Obedient(self.model, number + 1, self.photo(number))

    def recorded(self, number: int) -> Recorded:
        return Recorded(self.folder, _takes(number))


def _takes(number: int) -> Takes:
    return PEOPLE[number % len(PEOPLE)]


@dataclass(frozen=True, slots=True)
class Trial:
    """A row: what stands before the camera in run `number`, and the server's settings for it.

    `takes` says, for a recording, which one is played, so that nothing else is asked for.
    """

    name: str
    make: Make
    settings: dict[str, str]
    takes: Callable[[int], Takes] | None = None


def _filmed(screen: Screen, play: Make) -> Make:
    def make(material: Material, number: int) -> Person:
        setup = screen(np.random.default_rng(number))
        return Recaptured(play(material, number), setup, seed=number)

    return make


def _trials() -> list[Trial]:
    """Every row of the table; what answers nothing meets a server that does not wait for long."""
    recorded, animated_photo = Material.recorded, Material.animated_photo
    screens: tuple[Screen, ...] = (monitor, phone, laptop)
    filmed = {f"recording on a filmed {one.__name__}": _filmed(one, recorded) for one in screens}
    return [
        Trial("photo", lambda m, n: StillPhoto(m.model, m.photo(n)), IMPATIENT),
        Trial("photo moved by hand", lambda m, n: WavedPhoto(m.model, m.photo(n)), IMPATIENT),
        Trial("photo bent", lambda m, n: BentPhoto(m.model, m.photo(n), n), IMPATIENT),
        Trial("loop of 2.5 s of a recording", lambda m, n: Loop(m.recorded(n)), IMPATIENT),
        Trial(
            "frozen after the first answer", lambda m, n: Freezing(m.animated_photo(n)), IMPATIENT
        ),
        Trial("animated photo", animated_photo, {}),
        Trial("animated photo on a filmed monitor", _filmed(monitor, animated_photo), {}),
        Trial("recording fed in as the camera", recorded, {}),
        *(Trial(name, play, {}) for name, play in filmed.items()),
        *(Trial(f"{name}, {WORST}", play, FEW, _takes) for name, play in filmed.items()),
        *(_control(number) for number in range(len(PEOPLE))),
    ]


def _control(number: int) -> Trial:
    """The same person's recording in every run."""
    name = f"*person {number + 1}, recorded, doing what is asked*"
    return Trial(name, lambda m, _: m.recorded(number), FEW, lambda _: _takes(number))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run; `met` counts the challenges that were passed, `kbps` is what was sent."""

    verdict: str
    deepfake_score: float | None
    reasons: tuple[str, ...]
    met: int
    frames_per_s: float
    kbps: float


async def attempt(
    browser: Browser, server: LiveServer, person: Person, takes: Takes | None
) -> Outcome:
    """Hold the person before the camera until there is a verdict."""
    tab, session_id = await _begun(browser, server, person, takes)
    try:
        await tab.step("result", RESULT_LIMIT_S)
    except TimeoutError as error:  # counted as `no_verdict`
        print(error, file=sys.stderr)
    status, frames = server.status(session_id), await tab.messages("frame")
    results = await tab.messages("challenge_result")
    rates = [stats["bitrate_kbps"] for stats in await tab.sent("stats")]
    await tab.page.context.close()
    return Outcome(
        verdict=status["status"],
        deepfake_score=status["deepfake_score"],
        reasons=tuple(reason["code"] for reason in status["reasons"]) or ("no_verdict",),
        met=sum(bool(result["passed"]) for result in results),
        frames_per_s=frames[-1]["analysed_fps"] if frames else 0.0,
        kbps=median(rates) if rates else 0.0,
    )


async def _begun(
    browser: Browser, server: LiveServer, person: Person, takes: Takes | None
) -> tuple[ApplicantPage, str]:
    """A session under way: with a recording, one that asks for what it shows, and for all of it."""
    for _ in range(DRAWS):
        session = server.start_session()
        tab = await ApplicantPage.open(browser, person)
        await tab.follow(session["join_url"])
        if takes is None:
            return tab, session["session_id"]
        await tab.until(f"{AT_A_CHALLENGE} || {AT_THE_END}", RESULT_LIMIT_S)
        asked = SENTENCES.get(await tab.text("#prompt-text"))
        if asked is not None and takes.shows(asked):
            for kind in takes.kinds():
                server.send_challenge(session["session_id"], kind)
        if asked is None or takes.shows(asked):
            return tab, session["session_id"]
        await tab.page.context.close()
    raise RuntimeError(f"no session in {DRAWS} asked for a side that the clip {takes} shows")


async def run_all(trials: Sequence[Trial], material: Material, runs: int) -> None:
    """Run the trials one after the other; print each row as soon as it is known."""
    path = chromium_path()
    if path is None:
        raise SystemExit("no Chromium here: install the system's package `chromium`")
    print(HEAD)
    with ExitStack() as stack:
        servers: dict[str, LiveServer] = {}
        for trial in trials:
            key = str(trial.settings)
            if key not in servers:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                servers[key] = stack.enter_context(serving(folder, trial.settings))
            outcomes = [
                await run(path, servers[key], trial, material, number) for number in range(runs)
            ]
            print(row(trial.name, outcomes), flush=True)


async def run(
    chromium: str, server: LiveServer, trial: Trial, material: Material, number: int
) -> Outcome:
    """One run of a trial, in a browser of its own."""
    async with async_playwright() as playwright:
        browser = await launch(playwright, chromium)
        takes = trial.takes(number) if trial.takes else None
        outcome = await attempt(browser, server, trial.make(material, number), takes)
        await browser.close()
    print(trial.name, outcome, file=sys.stderr, flush=True)
    return outcome


def answerable(takes: Takes, plans: int = 10_000) -> float:
    """The share of plans, as the server draws them, for which the recording has every take."""
    issuer = Issuer(LivenessSettings(), random.Random(1))  # noqa: S311  # the same in every run
    return sum(all(map(takes.shows, issuer.plan())) for _ in range(plans)) / plans


HEAD = """\
| before the camera | FAILED | INCONCLUSIVE | PASSED | score | met | frames/s | kbit/s | reasons (runs) |
|---|---|---|---|---|---|---|---|---|"""


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """One line of the table."""
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    reasons = Counter(code for outcome in outcomes for code in outcome.reasons)
    cells = [
        name,
        *(str(verdicts[verdict]) for verdict in ("FAILED", "INCONCLUSIVE", "PASSED")),
        _range([o.deepfake_score for o in outcomes if o.deepfake_score is not None], 2),
        _range([outcome.met for outcome in outcomes], 0),
        _range([outcome.frames_per_s for outcome in outcomes], 0),
        _range([outcome.kbps for outcome in outcomes], 0),
        ", ".join(f"{code} ({count})" for code, count in reasons.most_common()),
    ]
    return f"| {' | '.join(cells)} |"


def _range(values: Iterable[float], digits: int) -> str:
    texts = list(dict.fromkeys(f"{v:.{digits}f}" for v in sorted(values)))
    return "–".join([texts[0], texts[-1]] if len(texts) > 1 else texts)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of face videos")
    parser.add_argument("--runs", type=int, default=3, help="how often each is tried")
    parser.add_argument("--only", default="", help="rows in whose name this pattern is found")
    given = parser.parse_args()
    trials = [trial for trial in _trials() if re.search(given.only, trial.name)]
    material = Material(ModelStore(None).path("face_landmarker"), given.data)
    asyncio.run(run_all(trials, material, given.runs))
    shares = ", ".join(f"{answerable(takes):.0%}" for takes in PEOPLE)
    print(f"\nPlans that persons 1 to {len(PEOPLE)} have every take for: {shares}.")


if __name__ == "__main__":
    main()
