"""Labelled sessions joined to what each detector is taught."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.evaluation.manifest import BONA_FIDE
from training.crossfit import SPECIES, columns_for, linear_features_of, seen_by
from training.fit_detectors import Table, joined
from training.labelled import Lessons


def beside(more: Mapping[AnalyserName, Table], lessons: Lessons) -> dict[AnalyserName, Table]:
    """`more`, what detectors are taught beside the clips, with what the lessons teach each."""
    found = dict(more)
    for detector in SIGNS:
        table = table_of_lessons(lessons, detector)
        if len(table.attack):
            found[detector] = joined(found[detector], table) if detector in found else table
    return found


def table_of_lessons(lessons: Lessons, detector: AnalyserName) -> Table:
    """What they teach one detector, each as much as one clip under one condition; a row in which it
    would see nothing is left out."""
    features = seen_by(lessons.features, columns_for(detector))
    attack = np.array([one != BONA_FIDE for one in lessons.species], np.bool_)
    its_own = np.array([one in SPECIES[detector] for one in lessons.species], np.bool_)
    keep = (its_own | ~attack) & ~np.isnan(features).all(axis=1)
    return Table(
        features[keep],
        linear_features_of(detector, lessons.features)[keep],
        attack[keep],
        lessons.fold[keep],
        np.ones(int(keep.sum())),
    )
