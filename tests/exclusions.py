"""What exclusions of challenges do to people and to attacks, counted: a table in docs/detection.md.

    python -m tests.exclusions --data FOLDER --records FILE [--only PART …] [--runs N] [--jobs N]

Each type of challenge is left out, and each pair. `people`: the judges on actions labelled by hand,
combined over the prompts that are drawn. The other parts are whole checks, as shipped, through VP8, on the
time of the pictures: nothing waits, and every run gives the same. `person`: recorded people who do what
is asked, of plans of two that their recording can answer, and one of each action; `replay`: a recording of everything that the person
shows, in random order, which hears no prompt; `photo`: an animated photograph that obeys every prompt, of
another person in every run, and `sparing`: the same, whose face never moves by itself. Results are
appended to FILE, and the tables are of all that it holds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kyc_rtc.evaluation.challenges import evaluate_challenges
from kyc_rtc.evaluation.chance import exclusions
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.settings import LivenessSettings, Settings
from kyc_rtc.vision.model_store import ModelStore
from tests.support.browser_attacks import STILLS
from tests.support.browser_camera import Person, Prompt
from tests.support.browser_clips import PEOPLE, Recorded, Takes
from tests.support.browser_people import Obedient, Sparing
from tests.support.exclusion_figures import (
    Record,
    answerable,
    cell,
    plans,
    prompts_met,
    share,
)
from tests.support.offline_check import Checked, analysed, checked

LABELS = Path(__file__).parent / "data" / "challenge_labels.tsv"
LENGTH_MS = 100_000
"""Longer than who fails at everything as late as may be."""
REPLAYED_PLANS = 5
"""Plans, of each exclusion, that are put to one film: what is seen in it is the same each time."""
ONE_OF_EACH = LivenessSettings(
    challenges=2,
    min_nods=1,
    max_nods=1,
    min_blinks=1,
    max_blinks=1,
    min_hold_ms=250,
    max_hold_ms=250,
)
"""What the recorded people show: nobody shows three types, several times each."""
PARTS = ("people", "person", "replay", "photo", "sparing")

Excluded = tuple[ChallengeType, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker does: all exclusions, with subject `number`, in run `run`."""

    part: str
    number: int
    run: int
    model: Path
    folder: Path

    @property
    def subject(self) -> str:
        return f"{self.part} {self.number} {self.run}"

    def chance(self, excluded: Excluded = ()) -> random.Random:
        """The same in every run of the command."""
        name = f"{self.subject} {','.join(excluded)}"
        return random.Random(zlib.crc32(name.encode()))  # noqa: S311


class Unprompted:
    """A film of somebody who does all that their clip shows, in random order, with pauses; no prompt is heard."""

    def __init__(self, recorded: Recorded, takes: Takes, chance: random.Random) -> None:
        self._recorded, self._chance = recorded, chance
        self._actions = [Challenge(kind, side) for kind, side in takes.answers]
        self._next_ms = 1_000.0

    def draw(self, at_ms: float) -> BgrImage:
        if at_ms >= self._next_ms:
            self._next_ms = at_ms + self._chance.uniform(4_000, 6_000)
            self._recorded.sees(Prompt("", "", self._chance.choice(self._actions)))
        return self._recorded.draw(at_ms)


class _Fitting(Issuer):
    """Draws plans until one comes that a recording can answer."""

    def __init__(self, issuer: Issuer, chance: random.Random, takes: Takes) -> None:
        super().__init__(issuer.settings, chance, issuer.excluded)
        self._takes = takes

    def plan(self) -> tuple[Challenge, ...]:
        drawn = iter(super().plan, ())
        return next(plan for plan in drawn if all(map(self._takes.shows, plan)))


def run_job(job: Job) -> list[Record]:
    """The checks of one subject under every exclusion."""
    match job.part:
        case "person":
            return list(_person(job))
        case "replay":
            return list(_replay(job))
        case _:
            return list(_animated(job))


def _person(job: Job) -> Iterator[Record]:
    takes = PEOPLE[job.number]
    for excluded in exclusions(ONE_OF_EACH):
        if answerable(takes, plans(ONE_OF_EACH, excluded)) > 0:
            chance = job.chance(excluded)
            issuer = _Fitting(Issuer(ONE_OF_EACH, chance, excluded), chance, takes)
            yield _record(job, excluded, _obeyed(job, Recorded(job.folder, takes), issuer))


def _animated(job: Job) -> Iterator[Record]:
    liveness = Settings().liveness
    make = Sparing if job.part == "sparing" else Obedient
    photo = STILLS[job.number - 1].picture(job.folder) if job.number else None
    for excluded in exclusions(liveness):
        chance = job.chance(excluded)
        person = make(job.model, chance.randrange(1_000_000), photo)
        issuer = Issuer(liveness, chance, excluded)
        yield _record(job, excluded, _obeyed(job, person, issuer))


def _obeyed(job: Job, person: Person, issuer: Issuer) -> Checked:
    def tell(challenge: Challenge) -> None:
        person.sees(Prompt("", "", challenge))

    settings = Settings(liveness=issuer.settings)
    return checked(analysed(person.draw, job.model, LENGTH_MS), issuer, settings, tell)


def _replay(job: Job) -> Iterator[Record]:
    """Nothing that is asked changes the film, so that it is analysed once."""
    settings, takes = Settings(), PEOPLE[job.number]
    film = Unprompted(Recorded(job.folder, takes), takes, job.chance())
    source, seen = analysed(film.draw, job.model, LENGTH_MS), list[FrameResult]()
    for excluded in exclusions(settings.liveness):
        issuer = Issuer(settings.liveness, job.chance(excluded), excluded)
        for _ in range(REPLAYED_PLANS):
            yield _record(job, excluded, checked(_kept(seen, source), issuer, settings))


def _kept(seen: list[FrameResult], source: Iterator[FrameResult]) -> Iterator[FrameResult]:
    """From the first one on, however often; what is new is kept."""
    yield from tuple(seen)
    for one in source:
        seen.append(one)
        yield one


def _record(job: Job, excluded: Excluded, found: Checked) -> Record:
    verdict = found.verdict
    return Record(
        part=job.part,
        excluded=",".join(excluded),
        subject=job.subject,
        met=found.met,
        status=verdict.status.value,
        unlearnt=found.without_experts.status.value,
        score=verdict.deepfake_score,
        reasons=tuple(reason.value for reason in verdict.reasons),
    )


def jobs(parts: Sequence[str], runs: int, model: Path, folder: Path) -> list[Job]:
    """Every subject of these parts, `runs` times; what obeys nobody's chance, a person, once."""
    subjects = {"person": len(PEOPLE), "replay": len(PEOPLE)}
    return [
        Job(part, number, run, model, folder)
        for part in parts
        if part != "people"
        for run in range(1 if part == "person" else runs)
        for number in range(subjects.get(part, len(STILLS) + 1))
    ]


def recognised(folder: Path, model: Path) -> dict[str, list[int]]:
    """Of each type, how many single actions the judges recognise, of how many that people show."""
    found = evaluate_challenges(LABELS, folder, model, rates_fps=(None,))["as_recorded"]["all"]
    return {kind: [counts["recognised"], counts["shown"]] for kind, counts in found.items()}


def run_all(parts: Sequence[str], todo: Sequence[Job], file: Path, processes: int) -> None:
    """Append what comes of each job, as soon as it is known, to `file`: JSON, a line each."""
    with file.open("a", encoding="utf-8") as lines, workers(processes) as pool:
        if "people" in parts:
            counts = pool.submit(recognised, todo[0].folder, todo[0].model)
            print(json.dumps({"recognised": counts.result()}), file=lines, flush=True)
        for number, found in enumerate(pool.map(run_job, todo), 1):
            for record in found:
                print(json.dumps(asdict(record)), file=lines, flush=True)
            print(f"{number} of {len(todo)}: {found[0].subject}", file=sys.stderr, flush=True)


HEAD = """"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.exclusions", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of face videos")
    parser.add_argument("--records", type=Path, required=True, help="file that results go to")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="none: tables alone")
    parser.add_argument("--runs", type=int, default=1, help="of each subject")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    model = ModelStore(None).path("face_landmarker")
    run_all(given.only, jobs(given.only, given.runs, model, given.data), given.records, given.jobs)


if __name__ == "__main__":
    main()
