"""What came of a run, as a line of a file that an interrupted laboratory goes on with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.injection.plan import Instrument, Job, Method
from tests.support import json_lines

MIN_FRAMES_PER_S = 10.0
"""Of analysed frames. Blinks of 130 to 170 ms slip between frames at 10 a second (docs/detection.md,
"Challenges"): below it a run says something of the machine, and nothing of detection."""

SLOW = "rate"
"""The non-response of a run that was analysed too slowly."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a job.

    `subject`: who or what was shown, by number. `verdict`: of the verification, None without one.
    `non_response`: why the run does not count, empty where it does. `reasons`, `score`, `met`: of the last
    attempt. `attempts`: of the verification; `begun_anew`: verifications before it that asked for what the
    recording lacks. `seconds`: from the first message to the verdict, of all attempts together;
    `frames_per_s`: analysed frames in this time.
    """

    job: Job
    seed: int
    subject: str
    verdict: str | None
    non_response: str
    reasons: tuple[str, ...] = ()
    score: float | None = None
    met: int = 0
    attempts: int = 0
    begun_anew: int = 0
    seconds: float = 0.0
    frames_per_s: float = 0.0


def non_response(verdict: str | None, frames_per_s: float) -> str:
    """Why a run that came to its end does not count; empty where it does."""
    if verdict is None:
        return "no verdict"
    return SLOW if frames_per_s < MIN_FRAMES_PER_S else ""


def append(path: Path, run: Run) -> None:
    """Write it down at once, so that processes may share the file."""
    json_lines.append(path, asdict(run))


def load(paths: Iterable[Path]) -> dict[Job, Run]:
    """The latest run of each job in these files; a line that was cut off does not count."""
    found: dict[Job, Run] = {}
    for fields in (fields for path in paths for fields in json_lines.read(path)):
        named = fields["job"]
        job = Job(Instrument(named["instrument"]), Method(named["method"]), named["run"])
        found[job] = Run(**(fields | {"job": job, "reasons": tuple(fields["reasons"])}))
    return found


def done(runs: dict[Job, Run], *, again: bool) -> set[Job]:
    """The jobs that need no other run; with `again`, those without a response do."""
    return {job for job, run in runs.items() if not (again and run.non_response)}
