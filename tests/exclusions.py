"""What exclusions of challenges do to people and to attacks, counted: a table in docs/detection.md.

    python -m tests.exclusions --data FOLDER --records FILE [--only PART …] [--runs N] [--jobs N]

`people`: the judges on actions labelled by hand, combined over the prompts that are drawn. The other parts
are whole checks, as shipped, through VP8, on the time of the pictures: nothing waits, and every run gives
the same. Each set of three types is asked for, in random order. `replay`: a recording of everything that a
person shows, in random order, which hears no prompt; `photo`: an animated photograph of another person
each time that obeys every prompt; `sparing`: the same, whose face never moves by itself. `person` are
controls: recorded people who do what is asked, of two types that their recording shows, once each. Results
are appended to FILE, and the tables are of all that it holds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from kyc_rtc.evaluation.challenges import evaluate_challenges
from kyc_rtc.evaluation.chance import exclusions
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.settings import LivenessSettings, Settings
from kyc_rtc.vision.model_store import ModelStore
from tests.support.browser_attacks import STILLS
from tests.support.browser_camera import Person, Prompt
from tests.support.browser_clips import PEOPLE, Recorded, Takes
from tests.support.browser_people import Obedient, Sparing
from tests.support.exclusion_figures import Record, plans, prompts_met, share
from tests.support.offline_check import Checked, analysed, checked
from tests.support.unprompted import Unprompted

LABELS = Path(__file__).parent / "data" / "challenge_labels.tsv"
LENGTH_MS = 75_000
"""Of a film. Nearly nobody needs so long; else the time is up."""
REPLAYED_PLANS = 6
"""Plans of each set that are put to one film: what is seen in it is the same each time."""
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
ATTACKS = ("photo", "sparing", "replay")
PARTS = ("people", "person", *ATTACKS)

Kinds = tuple[ChallengeType, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker does: subject `number` of a part, in run `run`, is asked for each set of types."""

    part: str
    number: int
    run: int
    model: Path
    folder: Path

    @property
    def subject(self) -> str:
        return f"{self.part} {self.number} {self.run}"

    def chance(self, asked: Kinds = ()) -> random.Random:
        """The same in every run of the command."""
        name = f"{self.subject} {','.join(asked)}"
        return random.Random(zlib.crc32(name.encode()))  # noqa: S311

    def issuer(self, liveness: LivenessSettings, asked: Kinds) -> Issuer:
        """Asks for these types alone."""
        return Issuer(liveness, self.chance(asked), set(ChallengeType).difference(asked))


def sets_of(size: int) -> list[Kinds]:
    """Every set of so many types."""
    return list(combinations(map(ChallengeType, LivenessSettings().challenge_types), size))


def run_job(job: Job) -> list[Record]:
    """The checks of one subject, with every set of types."""
    match job.part:
        case "person":
            return list(_person(job))
        case "replay":
            return list(_replay(job))
        case _:
            return list(_animated(job))


def _person(job: Job) -> Iterator[Record]:
    takes = PEOPLE[job.number]
    fresh = Recorded(job.folder, takes)  # read once: all but its frames is set anew in a copy
    for asked in sets_of(2):
        if set(asked).issubset(kind for kind, _ in takes.answers):
            issuer = _Shown(job, asked, takes)
            yield _record(job, asked, _obeyed(job, copy(fresh), issuer))


class _Shown(Issuer):
    """Draws only turns to a side that the recording shows."""

    def __init__(self, job: Job, asked: Kinds, takes: Takes) -> None:
        super().__init__(ONE_OF_EACH, job.chance(asked), set(ChallengeType).difference(asked))
        self._takes = takes

    def draw(self, kind: ChallengeType) -> Challenge:
        drawn = super().draw(kind)
        return drawn if self._takes.shows(drawn) else self.draw(kind)


def _animated(job: Job) -> Iterator[Record]:
    liveness = Settings().liveness
    make = Sparing if job.part == "sparing" else Obedient
    photo = STILLS[job.number - 1].picture(job.folder) if job.number else None
    for asked in sets_of(liveness.challenges):
        issuer = job.issuer(liveness, asked)
        person = make(job.model, job.chance(asked).randrange(1_000_000), photo)
        yield _record(job, asked, _obeyed(job, person, issuer))


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
    for asked in sets_of(settings.liveness.challenges):
        issuer = job.issuer(settings.liveness, asked)
        for _ in range(REPLAYED_PLANS):
            yield _record(job, asked, checked(_kept(seen, source), issuer, settings))


def _kept(seen: list[FrameResult], source: Iterator[FrameResult]) -> Iterator[FrameResult]:
    """From the first one on, however often; what is new is kept."""
    yield from tuple(seen)
    for one in source:
        seen.append(one)
        yield one


def _record(job: Job, asked: Kinds, found: Checked) -> Record:
    verdict = found.verdict
    return Record(
        part=job.part,
        asked=tuple(sorted(asked)),
        subject=job.subject,
        met=found.met,
        status=verdict.status.value,
        unlearnt=found.without_detectors.status.value,
        score=verdict.deepfake_score,
        reasons=tuple(reason.value for reason in verdict.reasons),
    )


def jobs(parts: Sequence[str], runs: int, model: Path, folder: Path) -> list[Job]:
    """Every subject of these parts, `runs` times; people, who are not drawn, once."""
    subjects = {"person": len(PEOPLE), "replay": len(PEOPLE)}
    return [
        Job(part, number, run, model, folder)
        for run in range(runs)
        for part in parts
        if part != "people" and not (part == "person" and run)
        for number in range(subjects.get(part, len(STILLS) + 1))
    ]


def recognised(folder: Path, model: Path) -> dict[str, tuple[int, int]]:
    """Of each type, how many single actions the judges recognise, of how many that people show."""
    found = evaluate_challenges(LABELS, folder, model, rates_fps=(None,))["as_recorded"]["all"]
    return {kind: (counts["recognised"], counts["shown"]) for kind, counts in found.items()}


def run_all(given: argparse.Namespace, model: Path) -> None:
    """Append what comes of each job, as soon as it is known, to the file: JSON, a line each."""
    todo = jobs(given.only, given.runs, model, given.data)
    with given.records.open("a", encoding="utf-8") as lines, workers(given.jobs) as pool:
        if "people" in given.only:
            counts = pool.submit(recognised, given.data, model)
            print(json.dumps({"recognised": counts.result()}), file=lines, flush=True)
        for number, found in enumerate(pool.map(run_job, todo), 1):
            for record in found:
                print(json.dumps(asdict(record)), file=lines, flush=True)
            print(f"{number} of {len(todo)}: {found[0].subject}", file=sys.stderr, flush=True)


HEAD = """\
| left out | people: prompts met | replay: plans met | replay: PASSED | photo: plans met | photo: PASSED \
| photo: INCONCLUSIVE | photo, not learnt: PASSED | sparing: PASSED | sparing: INCONCLUSIVE \
| sparing, not learnt: PASSED |
|---|---|---|---|---|---|---|---|---|---|---|"""

COLUMNS: tuple[tuple[str, Callable[[Record], bool]], ...] = (
    ("replay", lambda record: record.met),
    ("replay", lambda record: record.status == "PASSED"),
    ("photo", lambda record: record.met),
    ("photo", lambda record: record.status == "PASSED"),
    ("photo", lambda record: record.status == "INCONCLUSIVE"),
    ("photo", lambda record: record.unlearnt == "PASSED"),
    ("sparing", lambda record: record.status == "PASSED"),
    ("sparing", lambda record: record.status == "INCONCLUSIVE"),
    ("sparing", lambda record: record.unlearnt == "PASSED"),
)


def tables(lines: Iterable[str]) -> Iterator[str]:
    """Markdown of these results, line by line: by exclusion, then by the types that were asked for."""
    read = [json.loads(line) for line in lines]
    counts: dict[str, tuple[int, int]] = next(
        (one["recognised"] for one in read if "recognised" in one), {}
    )
    records = [
        Record(**one | {"asked": tuple(one["asked"]), "reasons": tuple(one["reasons"])})
        for one in read
        if "part" in one
    ]
    yield HEAD
    for excluded in exclusions(LivenessSettings()):
        drawn = list(plans(LivenessSettings(), excluded))
        known = {ChallengeType(kind): (hits, n) for kind, (hits, n) in counts.items()}
        found = [prompts_met(drawn, known)]
        for part, counted in COLUMNS:
            found.append(share([one for one in records if one.part == part], drawn, counted))
        cells = [" and ".join(excluded) or "nothing", *(str(one or "") for one in found)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "| before the camera | asked for | met | PASSED | INCONCLUSIVE | FAILED | reasons (checks) |"
    yield "|---|---|---|---|---|---|---|"
    for part, asked in sorted({(record.part, record.asked) for record in records}):
        yield _verdicts(part, asked, [r for r in records if (r.part, r.asked) == (part, asked)])


def _verdicts(part: str, asked: tuple[str, ...], records: Sequence[Record]) -> str:
    verdicts = Counter(record.status for record in records)
    reasons = Counter(reason for record in records for reason in record.reasons)
    cells = [
        part,
        ", ".join(asked),
        str(sum(record.met for record in records)),
        *(str(verdicts[status]) for status in ("PASSED", "INCONCLUSIVE", "FAILED")),
        ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common()),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.exclusions", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of face videos")
    parser.add_argument("--records", type=Path, required=True, help="file that results go to")
    parser.add_argument(
        "--only", nargs="*", choices=PARTS, default=PARTS, help="without a part: the tables alone"
    )
    parser.add_argument("--runs", type=int, default=1, help="of each subject")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    run_all(given, ModelStore(None).path("face_landmarker"))
    print(*tables(given.records.read_text("utf-8").splitlines()), sep="\n")


if __name__ == "__main__":
    main()
