"""The release: detectors fitted on all clips, and their error rates on unseen ones."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.detection.control import CONTROL_NAMES
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.features import FEATURE_NAMES, LEARNED_NAMES
from kyc_rtc.evaluation.evaluate import write_report
from kyc_rtc.evaluation.results import ClipResult
from kyc_rtc.pipeline.nets import CALIBRATION, COLOUR_HEAD, FACE_NET
from training.balance import balance
from training.crossfit import (
    LINEAR_FEATURES,
    Rows,
    columns_for,
    held_out_log_odds,
    judged,
    linear_features_of,
    rows_of,
    table_of,
    without,
)
from training.fit_detectors import Curve, as_onnx, cross_calibrated, curve, fitted, joined
from training.fused import fused
from training.labelled import LabelledSamples
from training.losses import control_table, losses, softness
from training.measure import CONDITIONS, Measured
from training.samples import Additional, with_samples
from training.tables import animated, detectors_table, operating, people_of, pictures, tables

MAX_BPCER = 0.02
"""The BPCER of the operating point `balanced`: of answered bona fide clips of all `CONDITIONS`, groups
apart and sources apart."""

BUDGETS = {AnalyserName.ANIMATED: 0.005, AnalyserName.RECAPTURE: 0.005}
"""The share of bona fide clips, counted in the same way, on which one of these detectors alone may reach
the score that fails. Animated photographs are drawn by ourselves and hardly any recapture is filmed: these
two may add little, and a photograph or a screen has to pass the signs of flat motion, of life and of a
screen's grid as well."""

_BELOW = 1e-6
_SHIFTS = -np.arange(0.0, 6.0, 0.05)
_EDGES = [round(0.1 * step, 1) for step in range(11)]
REFERENCE, HASHES = "reference_scores.json", "SHA256SUMS"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedDetector:
    """A detector with its cross-fitted probabilities of every row (n,): `held_out` by detectors that have
    not seen the group, `by_source` by such that have not seen the source (its nets may have); and of the
    additional training rows (k,). The curve and the trees, None where it has none, are fitted on all rows."""

    held_out: Floats
    by_source: Floats
    additional: Floats
    curve: Curve
    onnx: bytes | None


def release(
    measured: Measured,
    sources: Measured,
    more: Mapping[AnalyserName, Additional],
    samples: LabelledSamples,
    work: Path,
    out: Path,
) -> None:
    """Write the weights to `out`, and to `work/reports` the figures of the cross-fitted detectors.

    `sources`: as `measured`, with whole sources in a fold. `more`: training rows of each detector in
    addition to the clips. `samples`: labelled sessions.
    """
    rows, sources_apart, size = rows_of(measured), rows_of(sources), len(measured.fold)
    shown = more.get(AnalyserName.RECAPTURE)
    detectors = {
        name: fit_detector(rows, sources_apart, name, with_samples(name, more.get(name), samples))
        for name in SIGNS
    }
    for name, budget in BUDGETS.items():
        detectors[name] = within_budget(
            detectors[name], np.flatnonzero(people_of(rows)).tolist(), budget
        )
    swap, generated = detectors[AnalyserName.SWAP], detectors[AnalyserName.GENERATED]
    scale, own_shift = balance(
        rows,
        [(swap.held_out, generated.held_out), (swap.by_source, generated.by_source)],
    )
    detectors[AnalyserName.GENERATED] = moved(generated, own_shift, scale)
    held_out = {name: one.held_out for name, one in detectors.items()}
    apart = {name: one.by_source for name, one in detectors.items()}
    shift = min(least_shift(rows, held_out), least_shift(rows, apart))
    write_weights(detectors, shift, work / "nets" / "release", out)
    results = by_condition(shifted(rows, held_out, shift), size)
    for condition, conditions in CONDITIONS.items():
        write_report(results[condition], conditions, work / "reports" / condition)
    first = next(iter(results.values()))
    (out / REFERENCE).write_text(json.dumps(reference(first)) + "\n", "utf-8")
    (out / HASHES).write_text(hashes(out), "utf-8")
    people = np.flatnonzero(people_of(rows)).tolist()
    parts = [
        f"Common shift of the logits: {shift:.2f}\n",
        tables(rows, held_out, size),
        fused(results),
        losses(rows, held_out, apart),
        "## Whole sources left out\n",
        fused(by_condition(shifted(rows, apart, shift), size)),
        detectors_table(rows, apart, size),
        control_table(rows, with_and_without(rows, sources_apart), size),
        softness(rows, held_out),
        operating(first),
        animated(
            held_out[AnalyserName.ANIMATED][people], detectors[AnalyserName.ANIMATED].additional
        ),
    ]
    if shown is not None:  # labelled samples come after the pictures
        probabilities = detectors[AnalyserName.RECAPTURE].additional[: len(shown.groups.attack)]
        parts.append(pictures(probabilities, shown.groups.attack))
    (work / "reports" / "tables.md").write_text("\n".join(parts), "utf-8")
    (work / "reports" / "labelled.md").write_text(samples.report(), "utf-8")


def by_condition(results: Sequence[ClipResult], size: int) -> dict[str, Sequence[ClipResult]]:
    """The results of all rows, condition by condition."""
    return {
        name: results[number * size : (number + 1) * size] for number, name in enumerate(CONDITIONS)
    }


def fit_detector(
    rows: Rows, sources: Rows, name: AnalyserName, more: Additional | None
) -> FittedDetector:
    """Cross-fit, calibrate and fit one detector; `more`: rows in addition to those of the clips.

    Curves are always fitted on log-odds of trees that have seen nothing of a row's source: how far trees
    can be trusted on sources that nobody has seen is what their slope has to say.
    """
    columns = columns_for(name)
    groups, apart = (table_of(one, name, columns) for one in (rows, sources))
    added = 0
    if more is not None:
        added = len(more.groups.attack)
        groups, apart = joined(groups, more.groups), joined(apart, more.sources)
    raw, own_raw = held_out_log_odds(rows, groups, columns)
    raw_apart, own_apart = held_out_log_odds(sources, apart, columns)
    linear = linear_features_of(name, rows.features)
    held_out = cross_calibrated(raw, linear, rows.fold, own_apart, groups)
    by_source = cross_calibrated(raw_apart, linear, sources.fold, own_apart, apart)
    own = cross_calibrated(own_raw, groups.linear_features, groups.fold, own_apart, groups)
    everything = np.ones(len(groups.attack), np.bool_)
    fitted_curve = curve(own_apart, apart, everything)
    onnx = as_onnx(fitted(groups, everything)) if groups.has_trees else None
    return FittedDetector(held_out, by_source, own[len(own) - added :], fitted_curve, onnx)


def with_and_without(rows: Rows, sources: Rows) -> dict[str, Floats]:
    """The probabilities of the detector for swaps with skin outside of the mask and without, both kinds of
    folds."""
    found: dict[str, Floats] = {}
    for label, names in (("with control", ()), ("without", CONTROL_NAMES)):
        fitted_detector = fit_detector(
            without(rows, names), without(sources, names), AnalyserName.SWAP, None
        )
        found[f"{label}, groups apart"] = fitted_detector.held_out
        found[f"{label}, sources apart"] = fitted_detector.by_source
    left_out = {*LEARNED_NAMES, *CONTROL_NAMES}
    columns = [at for at, name in enumerate(FEATURE_NAMES) if name not in left_out]
    for folds, some in (("groups apart", rows), ("sources apart", sources)):
        table = table_of(some, AnalyserName.SWAP, columns)
        found[f"trees on all features, {folds}"] = held_out_log_odds(some, table, columns)[0]
    return dict(sorted(found.items(), key=lambda one: one[0].split(", ")[1]))


def within_budget(detector: FittedDetector, people: Sequence[int], budget: float) -> FittedDetector:
    """The detector with its logit lowered, if need be, until at most the share `budget` of the rows
    `people`, bona fide, reach the score that fails, each by a detector that has seen nothing of its
    source."""
    values = np.sort(detector.by_source[list(people)])
    highest = float(values[len(values) - 1 - math.floor(len(values) * budget)])
    limit = _logit(Thresholds().deepfake_threshold) - _BELOW
    return moved(detector, min(0.0, limit - _logit(highest)))


def moved(detector: FittedDetector, shift: float, scale: float = 1.0) -> FittedDetector:
    """The detector with its logit multiplied by `scale`, and higher by `shift`."""
    held_out, by_source, additional = (
        np.array([moved_probability(float(one), shift, scale) for one in some])
        for some in (detector.held_out, detector.by_source, detector.additional)
    )
    curve = replace(
        detector.curve,
        slope=scale * detector.curve.slope,
        offset=scale * detector.curve.offset + shift,
        weights=scale * detector.curve.weights,
    )
    return FittedDetector(held_out, by_source, additional, curve, detector.onnx)


def least_shift(rows: Rows, detectors: Mapping[AnalyserName, Floats]) -> float:
    """The smallest shift of every logit, 0 or below, at which at most 2% of people who get an answer are
    refused.

    The curves assume that half of all streams are attacks of a species. Fewer are, and a prior adds to the
    logit (Bayes).
    """
    people = np.flatnonzero(people_of(rows)).tolist()
    some = Rows(rows.features[people], [rows.results[at] for at in people], rows.fold[people])
    probabilities = {name: values[people] for name, values in detectors.items()}
    for shift in _SHIFTS:
        statuses = Counter(r.status for r in shifted(some, probabilities, float(shift)))
        answered = statuses[VerdictStatus.FAILED] + statuses[VerdictStatus.PASSED]
        if statuses[VerdictStatus.FAILED] <= MAX_BPCER * answered:
            return float(shift)
    return float(_SHIFTS[-1])


def shifted(rows: Rows, detectors: Mapping[AnalyserName, Floats], shift: float) -> list[ClipResult]:
    """Every result with these probabilities, their logits shifted."""
    thresholds = Thresholds()
    return [
        judged(
            result,
            {name: moved_probability(float(one[at]), shift) for name, one in detectors.items()},
            thresholds,
        )
        for at, result in enumerate(rows.results)
    ]


def moved_probability(probability: float, shift: float, scale: float = 1.0) -> float:
    """The probability of which the logit is `scale * logit(probability) + shift`."""
    return 1 / (1 + math.exp(-(scale * _logit(probability) + shift)))


def _logit(probability: float) -> float:
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


def write_weights(
    detectors: Mapping[AnalyserName, FittedDetector], shift: float, nets: Path, out: Path
) -> None:
    """The files that the server loads; `nets`: the folder of the net for release."""
    out.mkdir(parents=True, exist_ok=True)
    for file in (FACE_NET, COLOUR_HEAD):
        shutil.copyfile(nets / file, out / file)
    curves: dict[str, dict[str, Any]] = {}
    for name, one in detectors.items():
        trees = out / f"{name.value}.onnx"
        trees.unlink(missing_ok=True)
        if one.onnx is not None:
            trees.write_bytes(one.onnx)
        curves[name.value] = {
            "slope": round(one.curve.slope, 4) if one.onnx is not None else 0.0,
            "offset": round(one.curve.offset + shift, 4),
            "linear_features": {
                feature: dict(zip(("weight", "mean", "low", "high"), figures, strict=True))
                for feature, figures in zip(LINEAR_FEATURES[name], _rounded(one.curve), strict=True)
            },
        }
    fields: dict[str, Any] = {"features": list(FEATURE_NAMES), "detectors": curves}
    (out / CALIBRATION).write_text(json.dumps(fields, indent=1) + "\n", "utf-8")


def _rounded(curve: Curve) -> list[list[float]]:
    """Weight, mean, low and high of each linear feature."""
    columns = np.column_stack([curve.weights, curve.mean, curve.low, curve.high])
    rounded: list[list[float]] = np.round(columns, 4).tolist()
    return rounded


def hashes(folder: Path) -> str:
    """The weights of a folder as `sha256sum` lists and checks them."""
    files = sorted(one for one in folder.iterdir() if one.suffix in {".onnx", ".json"})
    lines = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    return "".join(lines)


def reference(results: Sequence[ClipResult]) -> dict[str, list[float]]:
    """Histogram of the scores of bona fide clips: what drift is measured against."""
    scores = [r.deepfake_score for r in results if r.bona_fide and r.deepfake_score is not None]
    counts, _ = np.histogram(scores, bins=_EDGES)
    return {"edges": _EDGES, "counts": [int(count) for count in counts]}
