"""Cross-fitting: every clip is scored by detectors that were not trained on it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.decision.policy import decide
from kyc_rtc.detection.constancy import CONSTANCY_NAMES, LEAST, MEAN, constancy_name
from kyc_rtc.detection.control import CHROMA_GRAIN, CONTROL_NAMES
from kyc_rtc.detection.detectors import SIGNS, detector_evidence
from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.detection.features import (
    COLOUR_NAMES,
    COLOURS,
    FEATURE_NAMES,
    LEARNED_NAMES,
    QUESTIONS,
    net_name,
)
from kyc_rtc.detection.net_views import VIEWS
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.results import ClipResult, Statement
from training.fit_detectors import Table, cross_calibrated, cross_fitted
from training.measure import CONDITIONS, DRAWN_CONDITIONS, Measured
from training.people import TASK_OF_SPECIES, Item

SPECIES = {
    detector: frozenset(
        species for species, task in TASK_OF_SPECIES.items() if task == detector.value
    )
    for detector in SIGNS
}
"""The attacks that each detector is for; it is not trained on the others."""


ASKED_OF_PICTURES = ("recapture", "screen")
NET_ALONE = (*(net_name(VIEWS[0], question) for question in ASKED_OF_PICTURES), COLOURS)
"""The features that a single picture has. Those of change need a second picture."""


_PICTURES_WEIGHT = 400.0
"""The weight of all pictures together, in clips."""

MIN_FRAMES = 20


LINEAR_FEATURES = {
    AnalyserName.SWAP: (
        *(net_name(view, "swap") for view in VIEWS),
        *(constancy_name(area, "fine", "soon") for area in ("lips", "inner")),
        CHROMA_GRAIN,
    ),
    AnalyserName.GENERATED: tuple(
        constancy_name(area, "middle", "late") for area in ("cheeks", "eyes", "skin")
    ),
    AnalyserName.ANIMATED: (LEAST, MEAN),
    AnalyserName.RECAPTURE: NET_ALONE,
}
"""Features that enter a detector's log-odds linearly, in addition to its trees: the strongest ones, and those
that hold for attacks of other makers. Trees would seldom choose them among two hundred features.
The net's answers on animated photographs are not used: it was trained on drawn ones, and misses those of
other makers. Nor are those on drawn swaps: with them, swaps of sources left out are found worse."""


def columns_for(detector: AnalyserName) -> list[int]:
    """The features of a detector's trees, none of which is a linear feature too. Recaptures have no trees:
    few are filmed, and single pictures have three features. Trees trained on few makers would hide what
    heads and animated photographs of all share. Swaps have
    no trees: nearly all are of one tool, and of others the trees found no more than chance
    (docs/detection.md)."""
    everything, learned = set(FEATURE_NAMES) - set(CONTROL_NAMES), set(LEARNED_NAMES)
    wanted = {
        AnalyserName.SWAP: set(),
        AnalyserName.GENERATED: everything - set(CONSTANCY_NAMES) - set(COLOUR_NAMES),
        AnalyserName.ANIMATED: everything - learned - set(CONSTANCY_NAMES),
        AnalyserName.RECAPTURE: set(),
    }[detector]
    return [at for at, name in enumerate(FEATURE_NAMES) if name in wanted]


def linear_features_of(
    detector: AnalyserName, features: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The detector's linear features (n, k) among the features (n, m)."""
    return features[:, [FEATURE_NAMES.index(name) for name in LINEAR_FEATURES[detector]]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Every clip under every condition, in one order: `features` (n, m), the clip's result and its fold."""

    features: NDArray[np.float64]
    results: list[ClipResult]
    fold: NDArray[np.int64]


def rows_of(measured: Measured) -> Rows:
    """The rows of all conditions after each other."""
    results = [result for some in measured.results.values() for result in some]
    fold = np.array(measured.fold * len(measured.results))
    return Rows(np.array([vector(result.features) for result in results]), results, fold)


def without(rows: Rows, names: Collection[str]) -> Rows:
    """The rows as if these features had not been seen."""
    seen = [at for at, name in enumerate(FEATURE_NAMES) if name not in names]
    return replace(rows, features=seen_by(rows.features, seen))


def vector(features: Mapping[str, float | None]) -> list[float]:
    """The features in their order, NaN where one is missing."""
    values = (features.get(name) for name in FEATURE_NAMES)
    return [np.nan if value is None else value for value in values]


def table_of(rows: Rows, detector: AnalyserName, columns: Sequence[int]) -> Table:
    """The training rows of a detector, with the columns that its trees use."""
    chosen = [
        at
        for at, result in enumerate(rows.results)
        if result.use is Use.ANY
        and result.evidence
        and result.frames.judgeable >= MIN_FRAMES
        and (result.bona_fide or result.species in SPECIES[detector])
    ]
    attack = np.array([not rows.results[at].bona_fide for at in chosen])
    whole = rows.features[chosen]
    return Table(
        seen_by(whole, columns),
        linear_features_of(detector, whole),
        attack,
        rows.fold[chosen],
        np.ones(len(chosen)),
    )


def table_of_drawn(results: Sequence[ClipResult], fold: Sequence[int]) -> Table:
    """Clips of our own making as training rows for animated photographs, each with the weight of a
    recorded one."""
    chosen = [at for at, one in enumerate(results) if one.frames.judgeable >= MIN_FRAMES]
    whole = np.array([vector(results[at].features) for at in chosen])
    features = seen_by(whole, columns_for(AnalyserName.ANIMATED))
    linear_features = linear_features_of(AnalyserName.ANIMATED, whole)
    weight = np.full(len(chosen), len(CONDITIONS) / len(DRAWN_CONDITIONS))
    attack = np.ones(len(chosen), np.bool_)
    return Table(features, linear_features, attack, np.array([fold[at] for at in chosen]), weight)


def seen_by(features: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    """The features (n, m), NaN outside of `columns`."""
    masked = np.full_like(features, np.nan)
    masked[:, columns] = features[:, columns]
    return masked


def table_of_pictures(items: Sequence[Item], fold: Sequence[int], crops: Path, nets: Path) -> Table:
    """Training rows of single pictures for the recapture detector: bona fide, prints and screens. Their
    features are the cross-fitted answers that `fit_nets.run` left in `nets`."""
    notes = json.loads((crops / "crops.json").read_text())
    columns = [FEATURE_NAMES.index(name) for name in NET_ALONE]
    asked = [QUESTIONS.index(question) for question in ASKED_OF_PICTURES]
    chosen = [
        (at, note["item"]) for at, note in enumerate(notes) if not items[note["item"]].is_video
    ]
    features = np.full((len(chosen), len(FEATURE_NAMES)), np.nan)
    rows = [at for at, _ in chosen]
    answers, colours = np.load(nets / "answers.npy"), np.load(nets / "colours.npy")
    features[:, columns] = np.column_stack([answers[rows, 0][:, asked], colours[rows]])
    attack = np.array([items[item].task is not None for _, item in chosen])
    weight = np.full(len(chosen), _PICTURES_WEIGHT / len(chosen))
    return Table(
        seen_by(features, columns_for(AnalyserName.RECAPTURE)),
        linear_features_of(AnalyserName.RECAPTURE, features),
        attack,
        np.array([fold[item] for _, item in chosen]),
        weight,
    )


def judged(
    result: ClipResult, probabilities: Mapping[AnalyserName, float], thresholds: Thresholds
) -> ClipResult:
    """The result with these probabilities in place of the detectors' own."""
    if result.findings is None:
        return result
    evidence = evidence_of(result, probabilities)
    findings = replace(result.findings, evidence=evidence)
    verdict = decide(findings, thresholds)
    return replace(
        result,
        findings=findings,
        status=verdict.status,
        reasons=tuple(reason.value for reason in verdict.reasons),
        weights=verdict.weights,
        deepfake_score=verdict.deepfake_score,
        evidence={e.analyser.value: Statement.of(e) for e in evidence},
    )


def evidence_of(
    result: ClipResult, probabilities: Mapping[AnalyserName, float]
) -> tuple[Evidence, ...]:
    """What the analysers found, and the detectors with these probabilities; () of a clip without findings."""
    if result.findings is None:
        return ()
    spans = [e.span_ms for e in result.findings.evidence if e.confidence > 0]
    span_ms = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (0, 0)
    detectors = [detector_evidence(name, value, span_ms) for name, value in probabilities.items()]
    return tuple([e for e in result.findings.evidence if e.analyser not in SIGNS] + detectors)


def held_out_log_odds(
    rows: Rows, table: Table, columns: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-odds of the trees for every row, and for the table's own rows, each by a model that was not
    trained on its fold. Rows of other species, and those for testing only, are included."""
    features = np.concatenate([seen_by(rows.features, columns), table.features])
    odds = cross_fitted(table, features, np.concatenate([rows.fold, table.fold]))
    return odds[: len(rows.fold)], odds[len(rows.fold) :]


def held_out_probabilities(
    rows: Rows, detector: AnalyserName, table: Table, columns: Sequence[int]
) -> NDArray[np.float64]:
    """The probability of every row (n,), each by a model and a curve that were not fitted on its fold."""
    raw, own_raw = held_out_log_odds(rows, table, columns)
    linear_features = linear_features_of(detector, rows.features)
    return cross_calibrated(raw, linear_features, rows.fold, own_raw, table)
