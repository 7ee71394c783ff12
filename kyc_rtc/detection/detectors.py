"""A detector for each class of attack: from the features to a probability.

One detector for all attacks would miss some: a generated head moves more calmly than a person, a swapped
face less calmly, and the same feature speaks against the one and for the other.
"""

from __future__ import annotations

import math
from typing import Protocol

from kyc_rtc.detection.calibration import ramp
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.detection.features import Features

SIGNS = {
    AnalyserName.SWAP: Sign.FACE_SWAP,
    AnalyserName.GENERATED: Sign.GENERATED_FACE,
    AnalyserName.ANIMATED: Sign.ANIMATED_PHOTO,
    AnalyserName.RECAPTURE: Sign.RECAPTURE,
}
_EVERY_MS = 1_000
_MIN_SPAN_MS, _FULL_SPAN_MS = 1_200, 6_000
_MIN_ANSWERS = 4


class Detector(Protocol):
    """Gives the probability of one class of attack."""

    def probability(self, features: dict[str, float], *, pictures: bool) -> float:
        """The probability that the stream is such an attack, if half of all streams were.

        `features` has a value for each of `FEATURE_NAMES`, NaN where too little was seen. `pictures`: some
        frames came as single pictures; the training data came out of a video codec.
        """


class DetectorAnalyser:
    """Asks one detector once a second. All detectors of a stream share its features."""

    def __init__(self, name: AnalyserName, features: Features, detector: Detector) -> None:
        self.name = name
        self._features = features
        self._detector = detector
        self._probability = 0.5
        self._asked_ms: int | None = None

    def update(self, _sample: Sample) -> None:
        """Ask again, if it is time. The features have taken this frame before any detector is asked."""
        _, now_ms = self._features.span_ms
        if not self._enough() or (
            self._asked_ms is not None and now_ms - self._asked_ms < _EVERY_MS
        ):
            return
        self._asked_ms = now_ms
        found = self._detector.probability(
            self._features.values(), pictures=self._features.has_pictures
        )
        self._probability = min(1.0, max(0.0, found)) if math.isfinite(found) else 0.5

    def _enough(self) -> bool:
        first_ms, last_ms = self._features.span_ms
        answers = self._features.net_answers or 0
        return last_ms - first_ms >= _MIN_SPAN_MS and answers >= _MIN_ANSWERS

    def evidence(self) -> Evidence:
        """The statement on all judgeable frames so far."""
        span_ms = self._features.span_ms
        if self._asked_ms is None:
            return Evidence(self.name, 0.5, 0.0, span_ms)
        return detector_evidence(self.name, self._probability, span_ms)


def detector_evidence(name: AnalyserName, probability: float, span_ms: tuple[int, int]) -> Evidence:
    """A detector's probability as evidence; its confidence grows with the length of the stream."""
    confidence = 0.4 + 0.5 * ramp(span_ms[1] - span_ms[0], _MIN_SPAN_MS, _FULL_SPAN_MS)
    signs = (SIGNS[name],) if probability > 0.5 else ()
    return Evidence(name, probability, confidence, span_ms, signs)
