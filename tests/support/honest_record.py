"""What came of checks of honest people: a file of JSON lines that a run goes on with, and its tables."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kyc_rtc.decision.verdict import ReasonCode
from tests.support import json_lines

OWN_RULES = frozenset({ReasonCode.FACE_CHANGED, ReasonCode.NO_MOTION, ReasonCode.VIDEO_LOOP})
"""Reasons by a detector's own rule, which no device brings about: counted apart. A loop is what a short
recording is."""


@dataclass(frozen=True, slots=True)
class Job:
    """One check: which of the recorded people, counted from 1, how, and for the how many-th time."""

    person: int
    way: str
    run: int


@dataclass(frozen=True, slots=True)
class Sitting:
    """What came of a job.

    `seconds`: from consent, or the first picture, to the verdict. `failed_tries`: those at a challenge.
    `begun_anew`: sessions before this one that asked for what the recording does not show.
    `challenges`: each with what came of it, in their order.
    """

    job: Job
    verdict: str
    reasons: tuple[str, ...]
    met: int
    failed_tries: int
    voided: int
    seconds: float
    frames_per_s: float
    begun_anew: int
    deepfake_score: float | None
    challenges: tuple[str, ...]


def append(path: Path, sitting: Sitting) -> None:
    """Write it down: one line, at once, so that two processes may share the file."""
    json_lines.append(path, dataclasses.asdict(sitting))


def load(path: Path) -> list[Sitting]:
    """What earlier runs wrote; a line that was cut off does not count."""
    found = []
    for fields in json_lines.read(path):
        lists = {name: tuple(fields[name]) for name in ("reasons", "challenges")}
        found.append(Sitting(**(fields | lists | {"job": Job(**fields["job"])})))
    return found


def remaining(jobs: Iterable[Job], done: Iterable[Sitting]) -> list[Job]:
    """The jobs of which nothing is written down."""
    finished = {sitting.job for sitting in done}
    return [job for job in jobs if job not in finished]


HEAD = """\
| {first} | n | PASSED | INCONCLUSIVE | FAILED | failed tries | s to the verdict | frames/s | begun anew |
|---|---|---|---|---|---|---|---|---|"""


def table(first: str, sittings: Sequence[Sitting], by: Callable[[Job], str]) -> str:
    """A row for each value of `by`, in the order in which they come."""
    rows: dict[str, list[Sitting]] = {}
    for sitting in sittings:
        rows.setdefault(by(sitting.job), []).append(sitting)
    lines = [row(name, rows[name]) for name in rows]
    if len(lines) > 1:
        lines.append(row("all", sittings))
    return "\n".join([HEAD.format(first=first), *lines])


def row(name: str, sittings: Sequence[Sitting]) -> str:
    """One line of a table."""
    seconds = [sitting.seconds for sitting in sittings]
    rates = [sitting.frames_per_s for sitting in sittings]
    cells = [
        name,
        str(len(sittings)),
        str(sum(sitting.verdict == "PASSED" for sitting in sittings)),
        _with_reasons(sittings, "INCONCLUSIVE"),
        _with_reasons(sittings, "FAILED"),
        str(sum(sitting.failed_tries for sitting in sittings)),
        f"{median(seconds):.0f}, {max(seconds):.0f}",
        _span(rates),
        str(sum(sitting.begun_anew for sitting in sittings)),
    ]
    return f"| {' | '.join(cells)} |"


def failed_otherwise(sittings: Iterable[Sitting]) -> list[Sitting]:
    """FAILED for anything but a detector's own rule."""
    return [s for s in sittings if s.verdict == "FAILED" and not OWN_RULES.intersection(s.reasons)]


def _with_reasons(sittings: Sequence[Sitting], verdict: str) -> str:
    chosen = [sitting for sitting in sittings if sitting.verdict == verdict]
    reasons = Counter(code for sitting in chosen for code in sitting.reasons)
    counts = ", ".join(f"{code} {count}" for code, count in reasons.most_common())
    return f"{len(chosen)}: {counts}" if chosen else "0"


def _span(values: Sequence[float]) -> str:
    least, most = f"{min(values):.0f}", f"{max(values):.0f}"
    return least if least == most else f"{least}–{most}"
