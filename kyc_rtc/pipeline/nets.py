"""Loads the trained parts from their files: face net, head on colour texture, detectors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kyc_rtc.detection.analysers import Learned
from kyc_rtc.detection.colour_texture import ColourHead
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.detection.features import FEATURE_NAMES, QUESTIONS
from kyc_rtc.detection.net_views import NET_PX, VIEWS, Views
from kyc_rtc.errors import ModelError

SHIPPED = Path(__file__).parent.parent / "weights"
FACE_NET, COLOUR_HEAD, CALIBRATION = "face_net.onnx", "colour_texture.json", "detectors.json"
_MOST_LOG_ODDS = 6.0
_NO_TREES = 0.5
MOST_IN_PICTURES = {AnalyserName.GENERATED: 2.0}
"""Log-odds that constancy adds at most where the frames are single pictures. It was fitted on frames out
of VP8, whose noise makes two looks at the same skin differ; JPEG brings no such noise. The value is from
`evaluate --path rest` (docs/detection.md, Single pictures)."""


class OnnxFaceNet:
    """The face net on onnxruntime: one thread, shared by all sessions (its `run` is thread-safe)."""

    def __init__(self, path: Path) -> None:
        self._session = _session(path)

    def logits(self, views: Views) -> NDArray[np.float32]:
        """Log-odds (3, 6) of views (3, 128, 128, 3); see `FaceNet.logits`."""
        if views.shape != (len(VIEWS), NET_PX, NET_PX, 3):
            raise ValueError(f"{len(VIEWS)} views of {NET_PX} pixels in colour, not {views.shape}")
        shown = views[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
        (logits,) = self._session.run(["logits"], {"views": np.ascontiguousarray(shown)})
        return np.asarray(logits, np.float32).reshape(len(VIEWS), len(QUESTIONS))


@dataclass(frozen=True, slots=True)
class LinearFeature:
    """A feature's `weight` in the log-odds, and its `mean`, which stands in where it is missing. Between
    `low` and
    `high` lie 98% of the training rows; beyond, the value of a smoothed face or an unknown codec adds
    nothing more."""

    weight: float
    mean: float
    low: float
    high: float

    def adds(self, value: float) -> float:
        """What the feature adds to the log-odds; 0 where it is not a number."""
        if math.isnan(value):
            return 0.0
        return self.weight * (min(self.high, max(self.low, value)) - self.mean)


@dataclass(frozen=True, slots=True)
class Curve:
    """The calibration curve: log-odds from the trees' share and from the linear features (Platt, 1999).

    `slope` is never negative. `linear_features`: by name, each that enters the log-odds linearly.
    """

    slope: float
    offset: float
    linear_features: Mapping[str, LinearFeature] = field(default_factory=dict)

    def probability(
        self, share: float, features: Mapping[str, float], most: float = math.inf
    ) -> float:
        """0..1. `share`: of the trees that vote for an attack. `most`: the most that linear features add."""
        raw = math.log(max(share, 1e-9) / max(1.0 - share, 1e-9))
        raw = min(_MOST_LOG_ODDS, max(-_MOST_LOG_ODDS, raw))
        added = sum(one.adds(features[name]) for name, one in self.linear_features.items())
        return 1.0 / (1.0 + math.exp(-(self.slope * raw + self.offset + min(most, added))))


class OnnxDetector:
    """Trees on the features, and the curve that maps their share and the linear features to a probability. A
    curve of slope 0 does not ask the trees, and has none at `path`."""

    def __init__(self, path: Path, curve: Curve, most_in_pictures: float = math.inf) -> None:
        self._session = _session(path) if curve.slope else None
        self._curve = curve
        self._most_in_pictures = most_in_pictures

    def probability(self, features: dict[str, float], *, pictures: bool) -> float:
        """See `Detector.probability`."""
        most = self._most_in_pictures if pictures else math.inf
        return self._curve.probability(self._share(features), features, most)

    def _share(self, features: dict[str, float]) -> float:
        if self._session is None:
            return _NO_TREES
        row = np.array([[features[name] for name in FEATURE_NAMES]], np.float32)
        _, shares = self._session.run(None, {"X": row})
        return float(np.asarray(shares)[0, 1])


@lru_cache(maxsize=8)
def load_learned(folder: Path = SHIPPED) -> Learned:
    """The net, the head on colours and the detectors of a folder, loaded once for the process; none from
    an empty one.

    Raises:
        ModelError: a file is missing or is not what its name says.
    """
    if not (folder / FACE_NET).exists():
        return Learned()
    net, colours = OnnxFaceNet(folder / FACE_NET), _colour_head(folder / COLOUR_HEAD)
    if not (folder / CALIBRATION).exists():
        return Learned(net, colours=colours)
    curves = _curves(folder / CALIBRATION)
    detectors = {
        name: OnnxDetector(
            folder / f"{name.value}.onnx",
            curves[name.value],
            MOST_IN_PICTURES.get(name, math.inf),
        )
        for name in SIGNS
        if name.value in curves
    }
    return Learned(net, detectors, colours)


def _colour_head(path: Path) -> ColourHead:
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        mean, spread, weights = (
            np.array(fields[name], np.float64) for name in ("mean", "spread", "weights")
        )
        return ColourHead(mean, spread, weights, float(fields["offset"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path} is not a head on colour texture: {error!r}") from error


def _curves(path: Path) -> dict[str, Curve]:
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if fields["features"] != list(FEATURE_NAMES):
            raise ModelError(f"{path} is of other features than this version's", hint="train again")
        return {
            str(AnalyserName(name)): _curve(given) for name, given in fields["detectors"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a table of detectors: {error!r}") from error


def _curve(given: dict[str, Any]) -> Curve:
    linear_features = {
        FEATURE_NAMES[FEATURE_NAMES.index(name)]: LinearFeature(
            *(float(one[part]) for part in ("weight", "mean", "low", "high"))
        )
        for name, one in given["linear_features"].items()
    }
    return Curve(max(0.0, float(given["slope"])), float(given["offset"]), linear_features)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # The analysis pool has a thread for each processor already.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded: {error}") from error
