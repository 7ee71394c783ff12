"""The experts: measures to probabilities, cross-fitted, calibrated, exported as one ONNX file each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from kyc_rtc.detection.measures import MEASURE_NAMES

TREES = 300
SEED = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """Measures (n, m) of n streams, whether each is an attack (n,), its fold (n,), its weight (n,)."""

    measures: Floats
    attack: NDArray[np.bool_]
    fold: NDArray[np.int64]
    weight: Floats


@dataclass(frozen=True, slots=True)
class Platt:
    """Log-odds of a calibrated probability: `slope * raw + offset` (Platt, 1999)."""

    slope: float
    offset: float

    def probability(self, raw: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-(self.slope * raw + self.offset))))


def new_model(rows: int) -> Pipeline:
    """Extremely randomised trees (Geurts et al., 2006): few streams, many measures of unlike scales."""
    trees = ExtraTreesClassifier(
        TREES,
        min_samples_leaf=max(4, rows // 100),
        max_features=0.3,
        class_weight="balanced",
        random_state=SEED,
        n_jobs=2,
    )
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), trees)


def cross_fitted(table: Table, measures: Floats, fold: NDArray[np.int64]) -> Floats:
    """Raw log-odds of all streams `measures` (k, m), each by a model that saw nothing of its fold."""
    raw = np.full(len(measures), np.nan)
    for number in np.unique(fold):
        held = fold == number
        raw[held] = log_odds(fitted(table, table.fold != number), measures[held])
    return raw


def fitted(table: Table, keep: NDArray[np.bool_]) -> Pipeline:
    """The model of the rows of `keep`."""
    model = new_model(int(keep.sum()))
    weight = {"extratreesclassifier__sample_weight": table.weight[keep]}
    model.fit(table.measures[keep], table.attack[keep], **weight)
    return model


def log_odds(model: Pipeline, measures: Floats) -> Floats:
    """Of being an attack, (n,), kept within what so many trees can say."""
    share = np.clip(model.predict_proba(measures)[:, 1], 1 / TREES, 1 - 1 / TREES)
    return np.asarray(np.log(share / (1 - share)))


def platt(raw: Floats, attack: NDArray[np.bool_], weight: Floats) -> Platt:
    """Fit on cross-fitted values, attacks and bona fide presentations weighing the same."""
    half = np.where(attack, 0.5 / weight[attack].sum(), 0.5 / weight[~attack].sum()) * weight
    model = LogisticRegression(C=1e6).fit(raw[:, None], attack, sample_weight=half * len(raw))
    return Platt(float(max(model.coef_[0, 0], 0.0)), float(model.intercept_[0]))


def cross_calibrated(raw: Floats, fold: NDArray[np.int64], taught: Floats, table: Table) -> Floats:
    """Probabilities of all streams: each fold's by a curve fitted on the others. `taught`: the
    cross-fitted log-odds of the table's own rows."""
    found = np.full(len(raw), np.nan)
    for number in np.unique(fold):
        keep = table.fold != number
        curve = platt(taught[keep], table.attack[keep], table.weight[keep])
        found[fold == number] = curve.probability(raw[fold == number])
    return found


def joined(one: Table, other: Table) -> Table:
    """The rows of both."""
    return Table(
        np.concatenate([one.measures, other.measures]),
        np.concatenate([one.attack, other.attack]),
        np.concatenate([one.fold, other.fold]),
        np.concatenate([one.weight, other.weight]),
    )


def as_onnx(model: Pipeline) -> bytes:
    """The model with input `X` (n, m) float32 and outputs label and `probabilities` (n, 2)."""
    example = np.zeros((1, len(MEASURE_NAMES)), np.float32)
    options: dict[int, dict[str, Any]] = {id(model): {"zipmap": False}}
    serialised: bytes = to_onnx(model, example, options=options).SerializeToString()
    return serialised
