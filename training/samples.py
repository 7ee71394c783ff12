"""Adds labelled sessions to the training rows of each detector."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.evaluation.manifest import BONA_FIDE
from training.crossfit import SPECIES, columns_for, linear_features_of, seen_by
from training.fit_detectors import Table, joined
from training.labelled import LabelledSamples


def with_samples(
    more: Mapping[AnalyserName, Table], samples: LabelledSamples
) -> dict[AnalyserName, Table]:
    """`more` (training rows in addition to the clips), and the samples that each detector uses."""
    found = dict(more)
    for detector in SIGNS:
        table = table_of_samples(samples, detector)
        if len(table.attack):
            found[detector] = joined(found[detector], table) if detector in found else table
    return found


def table_of_samples(samples: LabelledSamples, detector: AnalyserName) -> Table:
    """The rows that one detector uses, each with the weight of a clip under one condition; a row without
    any of its features is left out."""
    features = seen_by(samples.features, columns_for(detector))
    attack = np.array([one != BONA_FIDE for one in samples.species], np.bool_)
    its_own = np.array([one in SPECIES[detector] for one in samples.species], np.bool_)
    keep = (its_own | ~attack) & ~np.isnan(features).all(axis=1)
    return Table(
        features[keep],
        linear_features_of(detector, samples.features)[keep],
        attack[keep],
        samples.fold[keep],
        np.ones(int(keep.sum())),
    )
