"""Labelled sessions joined to what each expert is taught."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.experts import SIGNS
from kyc_rtc.evaluation.manifest import BONA_FIDE
from training.crossfit import SPECIES, columns_for, seen_by, witnesses_of
from training.fit_experts import Table, joined
from training.labelled import Lessons


def beside(more: Mapping[AnalyserName, Table], lessons: Lessons) -> dict[AnalyserName, Table]:
    """`more`, what experts are taught beside the clips, with what the lessons teach each."""
    found = dict(more)
    for expert in SIGNS:
        table = table_of_lessons(lessons, expert)
        if len(table.attack):
            found[expert] = joined(found[expert], table) if expert in found else table
    return found


def table_of_lessons(lessons: Lessons, expert: AnalyserName) -> Table:
    """What they teach one expert, each as much as one clip under one condition; a row in which it
    would see nothing is left out."""
    features = seen_by(lessons.features, columns_for(expert))
    attack = np.array([one != BONA_FIDE for one in lessons.species], np.bool_)
    its_own = np.array([one in SPECIES[expert] for one in lessons.species], np.bool_)
    keep = (its_own | ~attack) & ~np.isnan(features).all(axis=1)
    return Table(
        features[keep],
        witnesses_of(expert, lessons.features)[keep],
        attack[keep],
        lessons.fold[keep],
        np.ones(int(keep.sum())),
    )
