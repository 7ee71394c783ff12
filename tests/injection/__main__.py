"""The injection laboratory: the table of injection attacks in docs/detection.md.

    python -m tests.injection --data FOLDER --out FILE [--methods M …] [--instruments I …] [--runs N]
                              [--part I/N] [--seed N] [--again]
    python -m tests.injection --report FILE …

In the form of CEN/TS 18099: every method of injection with every instrument, and bona fide people by the same
methods. What stands before each method in a run is the same, and other people in every run; what the
server asks is drawn anew each time, so that only the pictures are the same for a seed.

FILE gets a JSON line after each run, and what stands in it is not run again; with `--again`, what had no
response is. Several processes may share FILE, each with its part. A run that is analysed at less than
10 frames a second is marked, and left out of the rates: it says something of the machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from kyc_rtc.vision.model_store import ModelStore
from tests.attacks import Material
from tests.injection.instruments import scene
from tests.injection.laboratory import run_job
from tests.injection.plan import Instrument, Job, Method, jobs, parse_part, part_of, remaining
from tests.injection.record import Run, append, done, load
from tests.injection.table import report


async def run_all(todo: Sequence[Job], given: argparse.Namespace, material: Material) -> None:
    """Run the jobs one after the other, and write down what comes of each. Those of one run of an
    instrument share its scene."""
    number = 0
    for (run, instrument), alike in groupby(todo, lambda job: (job.run, job.instrument)):
        shown = scene(instrument, run, given.seed, material)
        for job in alike:
            number += 1
            found: Run = await run_job(job, shown, given.seed)
            append(given.out, found)
            print(f"{number} of {len(todo)}: {found}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.injection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder of face videos, with manifest.tsv")
    parser.add_argument("--out", type=Path, default=Path("injection.jsonl"), help="JSON lines")
    parser.add_argument("--methods", nargs="+", type=Method, default=list(Method))
    parser.add_argument("--instruments", nargs="+", type=Instrument, default=list(Instrument))
    parser.add_argument("--runs", type=int, default=10, help="of each cell")
    parser.add_argument("--part", type=parse_part, default=(1, 1), help="I/N: one of N shares")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="also what had no response")
    parser.add_argument("--report", nargs="+", type=Path, help="print the tables of these files")
    return parser.parse_args()


def main() -> None:
    """The command line."""
    given = arguments()
    if given.report:
        print(*report(load(given.report).values()), sep="\n")
        return
    if given.data is None or not (given.data / "manifest.tsv").is_file():
        print("skipped: no face videos; --data needs a folder with a manifest.tsv")
        return
    plan = part_of(jobs(given.instruments, given.methods, given.runs), *given.part)
    todo = remaining(plan, done(load([given.out]), again=given.again))
    material = Material(ModelStore(None).path("face_landmarker"), given.data)
    asyncio.run(run_all(todo, given, material))


if __name__ == "__main__":
    main()
