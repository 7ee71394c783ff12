"""Labelled sessions of a server as training samples for the detectors; no reported figure is of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.features import FEATURE_NAMES
from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.from_db import require_database
from kyc_rtc.evaluation.manifest import BONA_FIDE, Label
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.features import LabelledFeatures, SqlFeaturesRepository
from kyc_rtc.storage.values import MAX_JSON_BYTES
from training.people import TASK_OF_SPECIES

MOST = 1_000.0
"""The largest value that is used. Features are logarithms, log-odds and differences of 8-bit values. Trees
draw thresholds between the least and the greatest value: one outlier would spoil them all."""

_ATTACKS = frozenset(name for name, task in TASK_OF_SPECIES.items() if task is not None)


class Unused(StrEnum):
    """Why a session, or one of its features, is not used for training."""

    LABEL = "sessions whose label is none of ours"
    SPECIES = "sessions of an unknown species, or of one without a detector"
    NO_FEATURES = "sessions without features"
    UNREADABLE = "sessions whose features are not a JSON object, or too long"
    NAME = "features of a name that this version does not have"
    VALUE = "features that are not a number, or beyond 1000"


@dataclass(frozen=True, slots=True)
class LabelledSamples:
    """Sessions to train on: `features` (n, m), NaN where one is missing, `species` (n), `fold` (n,).
    `unused` counts what was left out."""

    features: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, len(FEATURE_NAMES))))
    species: tuple[str, ...] = ()
    fold: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    unused: Mapping[Unused, int] = field(default_factory=dict)

    def report(self) -> str:
        """How many are used, by species, and what was left out, as Markdown."""
        lines = ["# Labelled sessions that the detectors were trained on", ""]
        lines += ["| species | sessions |", "|---|---|"]
        lines += [f"| {name} | {n} |" for name, n in sorted(Counter(self.species).items())]
        lines += ["", "For training only: every figure is of the manifest's clips. Left out:", ""]
        lines += [f"- {self.unused.get(reason, 0)} {reason.value}" for reason in Unused]
        return "\n".join(lines) + "\n"


def read_samples(url: str, folds: int) -> LabelledSamples:
    """The labelled sessions of a database, each by its newest label. The database is brought to the
    newest schema, as at a start of the server.

    Raises:
        SettingsError: the database cannot be opened.
        BadRequest: there is none, or it has no labelled session.
    """
    require_database(url)
    records = asyncio.run(_read(url))
    if not records:
        raise BadRequest(
            "the database has no labelled session",
            hint="labels come in by POST /api/v1/kyc/sessions/{session_id}/label",
        )
    return to_samples(records, folds)


def to_samples(records: Iterable[LabelledFeatures], folds: int) -> LabelledSamples:
    """The rows of those that can be used, and the count of the others."""
    unused: Counter[Unused] = Counter()
    taken: list[tuple[list[float], str, int]] = []
    for record in records:
        found = _sample(record, unused)
        if isinstance(found, Unused):
            unused[found] += 1
        else:
            taken.append((*found, fold_of(record.user_hmac, folds)))
    if not taken:
        return LabelledSamples(unused=unused)
    features, species, fold = zip(*taken, strict=True)
    return LabelledSamples(np.array(features), species, np.array(fold, np.int64), unused)


def fold_of(user_hmac: str, folds: int) -> int:
    """The fold of an applicant, the same for all of the applicant's sessions."""
    digest = hashlib.sha256(user_hmac.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % folds


def _sample(record: LabelledFeatures, unused: Counter[Unused]) -> tuple[list[float], str] | Unused:
    species = _species(record)
    if isinstance(species, Unused):
        return species
    if record.features is None:
        return Unused.NO_FEATURES
    stored = _parsed(record.features)
    if stored is None:
        return Unused.UNREADABLE
    figures = _figures(stored, unused)
    if not figures:
        return Unused.NO_FEATURES
    return [figures.get(name, np.nan) for name in FEATURE_NAMES], species


def _species(record: LabelledFeatures) -> str | Unused:
    match record.label:
        case Label.BONA_FIDE:
            return BONA_FIDE
        case Label.ATTACK if record.species in _ATTACKS:
            return record.species
        case Label.ATTACK:
            return Unused.SPECIES
        case _:
            return Unused.LABEL


def _parsed(text: str) -> dict[str, object] | None:
    if len(text) > MAX_JSON_BYTES:
        return None
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return stored if isinstance(stored, dict) else None


def _figures(stored: Mapping[str, object], unused: Counter[Unused]) -> dict[str, float]:
    """The features of this version among what is stored."""
    figures: dict[str, float] = {}
    for name, value in stored.items():
        if name not in FEATURE_NAMES:
            unused[Unused.NAME] += 1
        elif not _is_feature(value):
            unused[Unused.VALUE] += 1
        else:
            figures[name] = float(value)
    return figures


def _is_feature(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MOST <= value <= MOST  # NaN is not


async def _read(url: str) -> Sequence[LabelledFeatures]:
    database = Database(url)
    await database.open()
    try:
        repository = SqlFeaturesRepository(database)
        found: list[LabelledFeatures] = []
        while page := await repository.labelled(after=found[-1].number if found else 0):
            found += page
        return found
    finally:
        await database.aclose()
