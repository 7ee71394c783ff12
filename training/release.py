"""The release: detectors fitted on all clips, their curves, and what they are worth on unseen ones."""

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
from training.labelled import Lessons
from training.lessons import beside
from training.measure import CONDITIONS, Measured
from training.tables import animated, operating, pictures, tables

MAX_BPCER = 0.02
"""Of bona fide clips under the conditions of the first of `CONDITIONS`, at the threshold that the
settings have: the operating point `balanced`."""

STEEPNESS = {
    AnalyserName.SWAP: 1.0,
    AnalyserName.GENERATED: 2.0,
    AnalyserName.PUPPET: 3.0,
    AnalyserName.RECAPTURE: 1.0,
}
"""What a detector's log-odds are multiplied by. Platt's curve is fitted on half attacks and held flat: where
these two detectors are nearly sure, they have hardly any person against them, and are right more often than
they say. Left flat, what they half suspect of many people adds up with what others half suspect, and the
caution that this takes hides the heads and puppets that they are sure of."""

CAUTION = {
    AnalyserName.SWAP: 0.0,
    AnalyserName.GENERATED: 1.4,
    AnalyserName.PUPPET: 3.6,
    AnalyserName.RECAPTURE: 1.5,
}
"""Log-odds taken from a detector after that. A live swap can answer a challenge and comes first; a generated
head cannot. Whole cameras have a screen's cast of colour (of nine sources of bona fide pictures, two), and a
print or a screen has to pass the signs of flat motion, of life and of a screen's grid as well. Detectors for
heads and swaps err in opposite directions, so that each bit of caution moves the fused score from one to the
other (docs/detection.md)."""

_CAUTIONS = np.arange(0.0, 6.0, 0.05)
_EDGES = [round(0.1 * step, 1) for step in range(11)]
REFERENCE, HASHES = "reference_scores.json", "SHA256SUMS"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Taught:
    """A detector: what it says of every row when it has not seen it, of the rows that it is taught beside
    those (k,), and its curve on all."""

    held_out: Floats
    beside: Floats
    curve: Curve
    onnx: bytes


def release(
    measured: Measured,
    more: Mapping[AnalyserName, Table],
    lessons: Lessons,
    work: Path,
    out: Path,
) -> None:
    """Write the weights to `out`, and to `work/reports` the figures of the cross-fitted detectors.

    `more`: what detectors are taught beside the clips.
    """
    rows = rows_of(measured)
    shown, more = more.get(AnalyserName.RECAPTURE), beside(more, lessons)
    size = len(measured.fold)
    taught = {name: weighed(name, teach(rows, name, more.get(name))) for name in SIGNS}
    caution = least_caution(rows, taught, size)
    write_weights(taught, caution, work / "nets" / "release", out)
    results = cautious(rows, taught, caution)
    by_condition: dict[str, Sequence[ClipResult]] = {}
    for number, (name, conditions) in enumerate(CONDITIONS.items()):
        some = results[number * size : (number + 1) * size]
        write_report(some, conditions, work / "reports" / name)
        by_condition[name] = some
    (out / REFERENCE).write_text(json.dumps(reference(results[:size])) + "\n", "utf-8")
    (out / HASHES).write_text(hashes(out), "utf-8")
    found = tables(rows, {name: one.held_out for name, one in taught.items()}, size)
    people = taught[AnalyserName.PUPPET].held_out[_judged_people(rows)]
    found += (
        "\n"
        + fused(by_condition)
        + operating(results[:size])
        + animated(people, taught[AnalyserName.PUPPET].beside)
    )
    if shown is not None:  # lessons come after the pictures
        told = taught[AnalyserName.RECAPTURE].beside[: len(shown.attack)]
        found += pictures(told, shown.attack)
    (work / "reports" / "tables.md").write_text(found, "utf-8")
    (work / "reports" / "labelled.md").write_text(lessons.report(), "utf-8")


def teach(rows: Rows, name: AnalyserName, more: Table | None) -> Taught:
    """Cross-fit, calibrate and fit one detector; `more`: rows beside those of the clips."""
    columns = columns_for(name)
    table = table_of(rows, name, columns)
    added = 0 if more is None else len(more.attack)
    table = table if more is None else joined(table, more)
    raw, taught = held_out_log_odds(rows, table, columns)
    held_out = cross_calibrated(
        raw, linear_features_of(name, rows.features), rows.fold, taught, table
    )
    own = cross_calibrated(taught, table.linear_features, table.fold, taught, table)
    everything = np.ones(len(table.attack), np.bool_)
    fitted_curve = curve(taught, table, everything)
    return Taught(
        held_out, own[len(own) - added :], fitted_curve, as_onnx(fitted(table, everything))
    )


def weighed(name: AnalyserName, taught: Taught) -> Taught:
    """The detector with the steepness and the caution that its species deserves beside the others."""
    steepness, caution = STEEPNESS[name], CAUTION[name]
    held_out, beside = (
        np.array([lowered(float(value), caution, steepness) for value in values])
        for values in (taught.held_out, taught.beside)
    )
    bent = replace(
        taught.curve,
        slope=steepness * taught.curve.slope,
        offset=steepness * taught.curve.offset - caution,
        weights=steepness * taught.curve.weights,
    )
    return replace(taught, held_out=held_out, beside=beside, curve=bent)


def _judged_people(rows: Rows) -> list[int]:
    """The rows, under all conditions, of bona fide clips with enough to judge."""
    return [
        at
        for at, one in enumerate(rows.results)
        if one.bona_fide and one.use is Use.ANY and one.frames.judgeable >= MIN_FRAMES
    ]


def least_caution(rows: Rows, taught: Mapping[AnalyserName, Taught], size: int) -> float:
    """The least log-odds to take from every probability so that at most 2% of people are refused.

    The curves suppose that half of all streams are attacks of a species; that few are is what this
    says (Bayes: it adds to the log-odds). Set on bona fide clips, under the first condition.
    """
    for caution in _CAUTIONS:
        results = cautious(replace_rows(rows, size), _first(taught, size), float(caution))
        bona_fide = [r for r in results if r.bona_fide and r.use is Use.ANY]
        failed = sum(r.status is VerdictStatus.FAILED for r in bona_fide)
        if failed <= MAX_BPCER * len(bona_fide):
            return float(caution)
    return float(_CAUTIONS[-1])


def replace_rows(rows: Rows, size: int) -> Rows:
    """The rows of the first condition."""
    return Rows(rows.features[:size], rows.results[:size], rows.fold[:size])


def _first(taught: Mapping[AnalyserName, Taught], size: int) -> dict[AnalyserName, Taught]:
    return {name: replace(one, held_out=one.held_out[:size]) for name, one in taught.items()}


def cautious(rows: Rows, taught: Mapping[AnalyserName, Taught], caution: float) -> list[ClipResult]:
    """Every result as its held-out detectors would have it."""
    thresholds = Thresholds()
    found = []
    for at, result in enumerate(rows.results):
        told = {name: lowered(float(one.held_out[at]), caution) for name, one in taught.items()}
        found.append(judged(result, told, thresholds))
    return found


def lowered(probability: float, caution: float, steepness: float = 1.0) -> float:
    """A probability with its log-odds multiplied by `steepness`, and `caution` taken from them."""
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return 1 / (1 + math.exp(caution - steepness * math.log(inside / (1 - inside))))


def write_weights(
    taught: Mapping[AnalyserName, Taught], caution: float, nets: Path, out: Path
) -> None:
    """The files that the server loads; `nets`: the folder of the net for release."""
    out.mkdir(parents=True, exist_ok=True)
    for file in (FACE_NET, COLOUR_HEAD):
        shutil.copyfile(nets / file, out / file)
    curves: dict[str, dict[str, Any]] = {}
    for name, one in taught.items():
        (out / f"{name.value}.onnx").write_bytes(one.onnx)
        curves[name.value] = {
            "slope": round(one.curve.slope, 4),
            "offset": round(one.curve.offset - caution, 4),
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
