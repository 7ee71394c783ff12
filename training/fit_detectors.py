"""Fit the detectors: trees and a calibration curve, cross-fitted, exported as one ONNX file each."""

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

from kyc_rtc.detection.features import FEATURE_NAMES

TREES = 300
SEED = 3
SHRINKAGE = 0.1
"""Inverse strength of the penalty on the curve's weights."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """Features (n, m) of n streams for the trees, and linear features (n, k); whether each stream is an
    attack (n,), its fold (n,), its weight (n,)."""

    features: Floats
    linear_features: Floats
    attack: NDArray[np.bool_]
    fold: NDArray[np.int64]
    weight: Floats

    @property
    def has_trees(self) -> bool:
        """Whether trees are fitted; else the curve has its linear features alone."""
        return not bool(np.isnan(self.features).all())


@dataclass(frozen=True, slots=True)
class Curve:
    """The calibration curve (Platt, 1999), with linear features in addition to the trees. Its log-odds are
    `slope * raw + offset + weights @ (linear_features - mean)`; the mean stands in for a missing one, and
    what lies beyond `low` or `high`, 1st and 99th percentile of the training rows, counts as they do:
    nothing is known of it."""

    slope: float
    offset: float
    weights: Floats
    mean: Floats
    low: Floats
    high: Floats

    def probability(self, raw: Floats, linear_features: Floats) -> Floats:
        """Of n streams, from the trees' log-odds (n,) and the linear features (n, k)."""
        inside = np.clip(linear_features, self.low, self.high)
        added = np.nan_to_num(inside - self.mean) @ self.weights
        return np.asarray(1 / (1 + np.exp(-(self.slope * raw + self.offset + added))))


def new_model(rows: int) -> Pipeline:
    """Extremely randomised trees (Geurts et al., 2006): few streams, many features of unlike scales."""
    trees = ExtraTreesClassifier(
        TREES,
        min_samples_leaf=max(4, rows // 100),
        max_features=0.3,
        class_weight="balanced",
        random_state=SEED,
        n_jobs=2,
    )
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), trees)


def cross_fitted(table: Table, features: Floats, fold: NDArray[np.int64]) -> Floats:
    """Log-odds of the streams `features` (k, m), each by a model that was not trained on its fold."""
    if not table.has_trees:
        return np.zeros(len(features))
    raw = np.full(len(features), np.nan)
    for number in np.unique(fold):
        held = fold == number
        raw[held] = log_odds(fitted(table, table.fold != number), features[held])
    return raw


def fitted(table: Table, keep: NDArray[np.bool_]) -> Pipeline:
    """The model trained on the rows of `keep`."""
    model = new_model(int(keep.sum()))
    weight = {"extratreesclassifier__sample_weight": table.weight[keep]}
    model.fit(table.features[keep], table.attack[keep], **weight)
    return model


def log_odds(model: Pipeline, features: Floats) -> Floats:
    """Log-odds of an attack, (n,), limited to what so many trees can express."""
    share = np.clip(model.predict_proba(features)[:, 1], 1 / TREES, 1 - 1 / TREES)
    return np.asarray(np.log(share / (1 - share)))


def curve(raw: Floats, table: Table, keep: NDArray[np.bool_]) -> Curve:
    """Fit the curve on the rows of `keep`. `raw`: cross-fitted log-odds (n,) of the table's own rows. Attacks
    and bona fide presentations have the same total weight.

    Trees and linear features are fitted apart, and their log-odds add as those of independent evidence do
    (naive Bayes). Fitted together they learn how the two go together in the few sources that there are:
    heads of sources left out were found with AUC 0.79, fitted apart with 0.83 (docs/detection.md).
    """
    attack, weight = table.attack[keep], table.weight[keep]
    half = np.where(attack, 0.5 / weight[attack].sum(), 0.5 / weight[~attack].sum()) * weight
    linear = table.linear_features[keep]
    low, high = _range(linear)
    linear = np.clip(linear, low, high)
    mean = _mean(linear)
    weights, offset = _logistic(np.nan_to_num(linear - mean), attack, half)
    if not table.has_trees:
        return Curve(0.0, offset, weights, mean, low, high)
    slope, own_offset = _logistic(raw[keep][:, None], attack, half)
    return Curve(max(float(slope[0]), 0.0), offset + own_offset, weights, mean, low, high)


def _logistic(design: Floats, attack: NDArray[np.bool_], weight: Floats) -> tuple[Floats, float]:
    """Weights (k,) and offset of a logistic regression on (n, k), penalised on the scale of its
    deviations."""
    spread = design.std(axis=0) + 1e-6
    model = LogisticRegression(C=SHRINKAGE, max_iter=1_000)
    model.fit(design / spread, attack, sample_weight=weight * len(attack))
    return np.asarray(model.coef_[0] / spread, np.float64), float(model.intercept_[0])


def _range(linear_features: Floats) -> tuple[Floats, Floats]:
    """1st and 99th percentile of each column (k,); 0 for a column that is missing throughout."""
    seen = np.where(np.isfinite(linear_features).any(axis=0), linear_features, 0.0)
    low, high = np.nanpercentile(seen, [1, 99], axis=0)
    return np.asarray(low), np.asarray(high)


def _mean(linear_features: Floats) -> Floats:
    known = np.isfinite(linear_features)
    total = np.where(known, linear_features, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(known.sum(axis=0), 1))


def cross_calibrated(
    raw: Floats, linear_features: Floats, fold: NDArray[np.int64], own_raw: Floats, table: Table
) -> Floats:
    """Probabilities of all streams, those of each fold by a curve fitted on the others. `own_raw`: the
    cross-fitted log-odds of the table's own rows."""
    found = np.full(len(raw), np.nan)
    for number in np.unique(fold):
        held = fold == number
        fitted_curve = curve(own_raw, table, table.fold != number)
        found[held] = fitted_curve.probability(raw[held], linear_features[held])
    return found


def joined(one: Table, other: Table) -> Table:
    """The rows of both."""
    return Table(
        np.concatenate([one.features, other.features]),
        np.concatenate([one.linear_features, other.linear_features]),
        np.concatenate([one.attack, other.attack]),
        np.concatenate([one.fold, other.fold]),
        np.concatenate([one.weight, other.weight]),
    )


def as_onnx(model: Pipeline) -> bytes:
    """The model with input `X` (n, m) float32 and outputs label and `probabilities` (n, 2)."""
    example = np.zeros((1, len(FEATURE_NAMES)), np.float32)
    options: dict[int, dict[str, Any]] = {id(model): {"zipmap": False}}
    serialised: bytes = to_onnx(model, example, options=options).SerializeToString()
    return serialised
