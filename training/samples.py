"""Adds labelled sessions to the training rows of each detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.evaluation.manifest import BONA_FIDE
from training.crossfit import SPECIES, columns_for, linear_features_of, seen_by
from training.fit_detectors import Table, joined
from training.labelled import LabelledSamples


@dataclass(frozen=True, slots=True)
class Additional:
    """Training rows of a detector in addition to the clips: with groups kept in a fold, and with whole
    sources."""

    groups: Table
    sources: Table


def with_samples(
    detector: AnalyserName, more: Additional | None, samples: LabelledSamples
) -> Additional | None:
    """`more`, and after it the samples that the detector uses. Sessions have one source, their server: their
    folds are the same in both."""
    table = table_of_samples(samples, detector)
    if not len(table.attack):
        return more
    if more is None:
        return Additional(table, table)
    return Additional(joined(more.groups, table), joined(more.sources, table))


def table_of_samples(samples: LabelledSamples, detector: AnalyserName) -> Table:
    """The rows that one detector uses, each with the weight of a clip under one condition; a row without
    any of its features is left out."""
    features = seen_by(samples.features, columns_for(detector))
    attack = np.array([one != BONA_FIDE for one in samples.species], np.bool_)
    its_own = np.array([one in SPECIES[detector] for one in samples.species], np.bool_)
    linear = linear_features_of(detector, samples.features)
    known = ~np.isnan(np.column_stack([features, linear])).all(axis=1)
    keep = (its_own | ~attack) & known
    return Table(
        features[keep],
        linear[keep],
        attack[keep],
        samples.fold[keep],
        np.ones(int(keep.sum())),
    )
