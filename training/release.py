"""The release: detectors fitted on all clips, and their error rates on unseen ones."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.decision.findings import Thresholds
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.features import FEATURE_NAMES
from kyc_rtc.evaluation.evaluate import write_report
from kyc_rtc.evaluation.manifest import Use
from kyc_rtc.evaluation.results import ClipResult
from kyc_rtc.pipeline.nets import CALIBRATION, COLOUR_HEAD, FACE_NET
from training.crossfit import (
    LINEAR_FEATURES,
    MIN_FRAMES,
    Rows,
    columns_for,
    held_out_log_odds,
    judged,
    linear_features_of,
    rows_of,
    table_of,
)
from training.fit_detectors import Curve, Table, as_onnx, cross_calibrated, curve, fitted, joined
from training.fused import fused
from training.labelled import LabelledSamples
from training.measure import CONDITIONS, Measured
from training.samples import with_samples
from training.tables import animated, operating, pictures, tables

MAX_BPCER = 0.02
"""The BPCER of the operating point `balanced`, under the first of `CONDITIONS`."""

LOGIT_SCALE = {
    AnalyserName.SWAP: 1.0,
    AnalyserName.GENERATED: 2.0,
    AnalyserName.ANIMATED: 3.0,
    AnalyserName.RECAPTURE: 1.0,
}
"""Factor of a detector's logit. Platt's curve is fitted on half attacks, and its weights shrink: where these
two detectors give a high probability, hardly any bona fide clip has one, and more are attacks than they say.
Without the factor, middling probabilities of several detectors add up on many bona fide clips, and the shift
that this needs hides the heads and animated photographs that the detectors find."""

LOGIT_SHIFT = {
    AnalyserName.SWAP: 0.0,
    AnalyserName.GENERATED: -1.4,
    AnalyserName.ANIMATED: -3.6,
    AnalyserName.RECAPTURE: -1.5,
}
"""Added to a detector's logit after that. A live swap can answer a challenge and comes first; a generated
head cannot. Whole cameras have a screen's cast of colour (of nine sources of bona fide pictures, two), and a
print or a screen has to pass the signs of flat motion, of life and of a screen's grid as well. Detectors for
heads and swaps err in opposite directions, so that each shift moves the fused score from one to the other
(docs/detection.md)."""

_SHIFTS = -np.arange(0.0, 6.0, 0.05)
_EDGES = [round(0.1 * step, 1) for step in range(11)]
REFERENCE, HASHES = "reference_scores.json", "SHA256SUMS"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedDetector:
    """A detector with its cross-fitted probabilities of every row (n,) and of the additional training rows
    (k,); its curve and its trees are fitted on all rows."""

    held_out: Floats
    additional: Floats
    curve: Curve
    onnx: bytes


def release(
    measured: Measured,
    more: Mapping[AnalyserName, Table],
    samples: LabelledSamples,
    work: Path,
    out: Path,
) -> None:
    """Write the weights to `out`, and to `work/reports` the figures of the cross-fitted detectors.

    `more`: training rows of each detector in addition to the clips. `samples`: labelled sessions.
    """
    rows = rows_of(measured)
    shown, more = more.get(AnalyserName.RECAPTURE), with_samples(more, samples)
    size = len(measured.fold)
    detectors = {name: rescaled(name, fit_detector(rows, name, more.get(name))) for name in SIGNS}
    shift = least_shift(rows, detectors, size)
    write_weights(detectors, shift, work / "nets" / "release", out)
    results = shifted(rows, detectors, shift)
    by_condition: dict[str, Sequence[ClipResult]] = {}
    for number, (name, conditions) in enumerate(CONDITIONS.items()):
        some = results[number * size : (number + 1) * size]
        write_report(some, conditions, work / "reports" / name)
        by_condition[name] = some
    (out / REFERENCE).write_text(json.dumps(reference(results[:size])) + "\n", "utf-8")
    (out / HASHES).write_text(hashes(out), "utf-8")
    found = tables(rows, {name: one.held_out for name, one in detectors.items()}, size)
    people = detectors[AnalyserName.ANIMATED].held_out[_judged_people(rows)]
    found += (
        "\n"
        + fused(by_condition)
        + operating(results[:size])
        + animated(people, detectors[AnalyserName.ANIMATED].additional)
    )
    if shown is not None:  # labelled samples come after the pictures
        probabilities = detectors[AnalyserName.RECAPTURE].additional[: len(shown.attack)]
        found += pictures(probabilities, shown.attack)
    (work / "reports" / "tables.md").write_text(found, "utf-8")
    (work / "reports" / "labelled.md").write_text(samples.report(), "utf-8")


def fit_detector(rows: Rows, name: AnalyserName, more: Table | None) -> FittedDetector:
    """Cross-fit, calibrate and fit one detector; `more`: rows in addition to those of the clips."""
    columns = columns_for(name)
    table = table_of(rows, name, columns)
    added = 0 if more is None else len(more.attack)
    table = table if more is None else joined(table, more)
    raw, own_raw = held_out_log_odds(rows, table, columns)
    held_out = cross_calibrated(
        raw, linear_features_of(name, rows.features), rows.fold, own_raw, table
    )
    own = cross_calibrated(own_raw, table.linear_features, table.fold, own_raw, table)
    everything = np.ones(len(table.attack), np.bool_)
    fitted_curve = curve(own_raw, table, everything)
    return FittedDetector(
        held_out, own[len(own) - added :], fitted_curve, as_onnx(fitted(table, everything))
    )


def rescaled(name: AnalyserName, detector: FittedDetector) -> FittedDetector:
    """The detector with its logit scaled and shifted by `LOGIT_SCALE` and `LOGIT_SHIFT`."""
    scale, shift = LOGIT_SCALE[name], LOGIT_SHIFT[name]
    held_out, additional = (
        np.array([rescaled_probability(float(value), shift, scale) for value in values])
        for values in (detector.held_out, detector.additional)
    )
    scaled = replace(
        detector.curve,
        slope=scale * detector.curve.slope,
        offset=scale * detector.curve.offset + shift,
        weights=scale * detector.curve.weights,
    )
    return replace(detector, held_out=held_out, additional=additional, curve=scaled)


def _judged_people(rows: Rows) -> list[int]:
    """The rows, under all conditions, of bona fide clips with enough to judge."""
    return [
        at
        for at, one in enumerate(rows.results)
        if one.bona_fide and one.use is Use.ANY and one.frames.judgeable >= MIN_FRAMES
    ]


def least_shift(rows: Rows, detectors: Mapping[AnalyserName, FittedDetector], size: int) -> float:
    """The smallest shift of every logit, 0 or below, at which at most 2% of people are refused.

    The curves assume that half of all streams are attacks of a species. Fewer are, and a prior adds to
    the logit (Bayes). Fitted on bona fide clips, under the first condition.
    """
    for shift in _SHIFTS:
        results = shifted(replace_rows(rows, size), _first(detectors, size), float(shift))
        bona_fide = [r for r in results if r.bona_fide and r.use is Use.ANY]
        failed = sum(r.status is VerdictStatus.FAILED for r in bona_fide)
        if failed <= MAX_BPCER * len(bona_fide):
            return float(shift)
    return float(_SHIFTS[-1])


def replace_rows(rows: Rows, size: int) -> Rows:
    """The rows of the first condition."""
    return Rows(rows.features[:size], rows.results[:size], rows.fold[:size])


def _first(
    detectors: Mapping[AnalyserName, FittedDetector], size: int
) -> dict[AnalyserName, FittedDetector]:
    return {name: replace(one, held_out=one.held_out[:size]) for name, one in detectors.items()}


def shifted(
    rows: Rows, detectors: Mapping[AnalyserName, FittedDetector], shift: float
) -> list[ClipResult]:
    """Every result with the cross-fitted probabilities, their logits shifted."""
    thresholds = Thresholds()
    found = []
    for at, result in enumerate(rows.results):
        probabilities = {
            name: rescaled_probability(float(one.held_out[at]), shift)
            for name, one in detectors.items()
        }
        found.append(judged(result, probabilities, thresholds))
    return found


def rescaled_probability(probability: float, shift: float, scale: float = 1.0) -> float:
    """The probability of which the logit is `scale * logit(probability) + shift`."""
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return 1 / (1 + math.exp(-(scale * math.log(inside / (1 - inside)) + shift)))


def write_weights(
    detectors: Mapping[AnalyserName, FittedDetector], shift: float, nets: Path, out: Path
) -> None:
    """The files that the server loads; `nets`: the folder of the net for release."""
    out.mkdir(parents=True, exist_ok=True)
    for file in (FACE_NET, COLOUR_HEAD):
        shutil.copyfile(nets / file, out / file)
    curves: dict[str, dict[str, Any]] = {}
    for name, one in detectors.items():
        (out / f"{name.value}.onnx").write_bytes(one.onnx)
        curves[name.value] = {
            "slope": round(one.curve.slope, 4),
            "offset": round(one.curve.offset + shift, 4),
            "linear_features": {
                feature: {"weight": round(float(weight), 4), "mean": round(float(mean), 4)}
                for feature, weight, mean in zip(
                    LINEAR_FEATURES[name], one.curve.weights, one.curve.mean, strict=True
                )
            },
        }
    fields: dict[str, Any] = {"features": list(FEATURE_NAMES), "detectors": curves}
    (out / CALIBRATION).write_text(json.dumps(fields, indent=1) + "\n", "utf-8")


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
