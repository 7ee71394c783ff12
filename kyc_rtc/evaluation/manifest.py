"""The manifest of an evaluation: which clips, what they are, and what footage they share."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TextIO, TypeVar

from kyc_rtc.errors import BadRequest

BONA_FIDE = "bona_fide"
"""The species of every bona fide presentation."""

COLUMNS = ("path", "label", "species", "group", "model", "seconds", "source")
USE = "use"
"""A column that may be missing: all clips may then be used for anything."""

MAX_ROWS = 100_000
_MAX_LINE_CHARS = 10_000
_SPECIES = re.compile(r"[a-z0-9_]{1,40}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_Member = TypeVar("_Member", bound=StrEnum)
_STILLS = frozenset({".jpg", ".jpeg", ".png", ".webp"})


class Label(StrEnum):
    """What a presentation is, by who made it."""

    BONA_FIDE = "bona_fide"
    ATTACK = "attack"


class Use(StrEnum):
    """TEST: the licence forbids more than to test on it; reported apart."""

    ANY = "any"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Clip:
    """One row. `name` is its path as the manifest has it, `path` where it lies.

    `group`: footage that must stay on one side of a split; the clip's name where the manifest gives
    none. `model`: the attack instrument's model, "" where unknown. `seconds`: None where not given.
    """

    name: str
    path: Path
    label: Label
    species: str
    group: str
    model: str
    seconds: float | None
    source: str
    use: Use

    @property
    def still(self) -> bool:
        """Whether it is a picture and no video."""
        return self.path.suffix.lower() in _STILLS


def read_manifest(path: Path) -> list[Clip]:
    """The rows of a manifest: UTF-8, tab-separated, a header with at least `COLUMNS`.

    Paths are relative to the manifest's folder, must exist, and may not lead out of it.

    Raises:
        BadRequest: the file cannot be read or a row is wrong; the message names the line.
    """
    try:
        root = path.parent.resolve(strict=True)
        with path.open(encoding="utf-8-sig", newline="\n") as text:
            return _clips(path, root, _lines(path, text))
    except UnicodeDecodeError:
        raise BadRequest(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror or 'unknown reason'}") from None


def spread(clips: Sequence[Clip], limit: int) -> list[Clip]:
    """At most `limit` clips, always the same, in their old order: from each species in turn, and
    from its pictures and its videos by themselves."""
    queues: dict[tuple[str, bool], list[Clip]] = {}
    for clip in sorted(clips, key=lambda c: hashlib.sha256(c.name.encode()).digest()):
        queues.setdefault((clip.species, clip.still), []).append(clip)
    turns = sorted(
        (place, kind, clip.name)
        for kind, queue in queues.items()
        for place, clip in enumerate(queue)
    )
    chosen = {name for _, _, name in turns[:limit]}
    return [clip for clip in clips if clip.name in chosen]


def _lines(path: Path, text: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not empty; no line is read whole that is too long."""
    for number in count(1):
        line = text.readline(_MAX_LINE_CHARS + 1)
        if not line:
            return
        if len(line) > _MAX_LINE_CHARS:
            raise _wrong(path, number, f"more than {_MAX_LINE_CHARS} characters")
        line = line.rstrip("\r\n")
        if _UNPRINTABLE.search(line):
            raise _wrong(path, number, "a control character")
        if line:
            yield number, line.split("\t")


def _clips(path: Path, root: Path, lines: Iterator[tuple[int, list[str]]]) -> list[Clip]:
    number, header = next(lines, (1, []))
    missing = [column for column in COLUMNS if header.count(column) != 1]
    if header.count(USE) > 1:
        missing.append(USE)
    if missing:
        raise _wrong(path, number, f"the header needs each of these once: {', '.join(missing)}")
    clips: dict[str, Clip] = {}
    for number, fields in lines:
        if len(fields) != len(header):
            raise _wrong(path, number, f"{len(fields)} fields where the header has {len(header)}")
        try:
            clip = _clip(root, dict(zip(header, fields, strict=True)))
        except ValueError as error:
            raise _wrong(path, number, str(error)) from None
        if clip.name in clips:
            raise _wrong(path, number, "the path stands on an earlier line as well")
        if len(clips) >= MAX_ROWS:
            raise _wrong(path, number, f"more than {MAX_ROWS} rows")
        clips[clip.name] = clip
    return list(clips.values())


def _clip(root: Path, row: Mapping[str, str]) -> Clip:
    name, species = row["path"], row["species"]
    label = _member(Label, "label", row["label"])
    if not _SPECIES.fullmatch(species):
        raise ValueError("species: small letters, digits and underscores, 1 to 40")
    if (species == BONA_FIDE) is not (label is Label.BONA_FIDE):
        raise ValueError(f"label {label} does not go with species {species}")
    return Clip(
        name=name,
        path=_inside(root, name),
        label=label,
        species=species,
        group=row["group"] or name,
        model=row["model"],
        seconds=_seconds(row["seconds"]),
        source=row["source"],
        use=_member(Use, USE, row.get(USE) or Use.ANY.value),
    )


def _inside(root: Path, name: str) -> Path:
    relative = PurePosixPath(name)
    if not name or relative.is_absolute() or ".." in relative.parts:
        raise ValueError("path: it must lie below the manifest's folder")
    path = (root / relative).resolve()
    if not path.is_relative_to(root):
        raise ValueError("path: a link leads out of the manifest's folder")
    if not path.is_file():
        raise ValueError(f"path: there is no file {name[:200]!r}")
    return path


def _seconds(text: str) -> float | None:
    if not text:
        return None
    seconds = float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else math.nan
    if not seconds > 0:
        raise ValueError("seconds: a positive number, or nothing")
    return seconds


def _member(kind: type[_Member], column: str, text: str) -> _Member:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{column}: one of {', '.join(kind)}, not {text[:40]!r}") from None


def _wrong(path: Path, number: int, what: str) -> BadRequest:
    return BadRequest(f"{path}, line {number}: {what}")
