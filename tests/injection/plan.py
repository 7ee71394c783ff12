"""Which runs there are, and which part of them a process does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How pictures get into the product without a camera (CEN/TS 18099, injection attack method)."""

    FILE_CAMERA = "file camera"
    CANVAS_CAMERA = "canvas camera"
    CLAIMS_CHROME = "client that claims Chrome"
    WHIP = "WHIP"
    UPLOADS = "uploads"
    LOOPED_FILE = "looped file"


class Instrument(StrEnum):
    """What the pictures show (injection attack instrument); `BONA_FIDE` are people, as a control."""

    PHOTOGRAPH = "photograph"
    REPLAY = "replay"
    ANIMATED_PHOTO = "animated photo"
    DRAWN_SWAP = "drawn swap"
    RECORDED_SWAP = "recorded swap"
    BONA_FIDE = "bona fide"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a cell, counted from 1."""

    instrument: Instrument
    method: Method
    run: int


def jobs(instruments: Sequence[Instrument], methods: Sequence[Method], runs: int) -> list[Job]:
    """Run by run, so that all cells of an interrupted plan have about as many; in a run all methods of an
    instrument follow each other, for they share its film."""
    return [
        Job(instrument, method, run)
        for run in range(1, runs + 1)
        for instrument in instruments
        for method in methods
    ]


def part_of(plan: Iterable[Job], number: int, count: int) -> Iterator[Job]:
    """Part `number`, from 1 on, of `count`. Films are not divided, and every part has all instruments."""
    order = list(Instrument)
    for job in plan:
        if (job.run - 1 + order.index(job.instrument)) % count == number - 1:
            yield job


def parse_part(text: str) -> tuple[int, int]:
    """`I/N` as two numbers. Raises `ValueError` unless 1 <= I <= N."""
    number, count = map(int, text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(f"no part {number} of {count}")
    return number, count


def remaining(plan: Iterable[Job], done: Collection[Job]) -> list[Job]:
    """The jobs that are not done, in their order."""
    return [job for job in plan if job not in done]
