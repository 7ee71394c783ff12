"""The texture analyser: grain of the face against its surround, and traces of a screen."""

from __future__ import annotations

from collections import deque
from statistics import median

from kyc_rtc.detection.calibration import ramp, score
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.detection.grain import Grain, measure_grain
from kyc_rtc.detection.regions import crop, regions
from kyc_rtc.detection.spectrum import moire_peak

_EVERY = 5
_KEPT = 120
_MIN_GRAINS, _FULL_GRAINS = 6, 20
_MAX_SCALE = 1.25
"""Smaller faces are enlarged in the crop, and have no fine detail to judge."""

_MIN_SURROUND_FINE = 0.35
"""Luma steps; a codec that leaves less in the surround has smoothed the face as well."""

_USUAL_INSIDE, _SPREAD_INSIDE = -0.85, 0.18
_USUAL_AGAINST, _SPREAD_AGAINST = 0.06, 0.21
"""Median and half the distance of the 16th and 84th percentiles, of 137 bona fide recordings."""


class TextureAnalyser:
    """Judges every fifth judgeable frame. Silent on small faces and where the codec left no grain."""

    name = AnalyserName.TEXTURE

    def __init__(self) -> None:
        self._grains: deque[Grain] = deque(maxlen=_KEPT)
        self._peaks: deque[float] = deque(maxlen=_KEPT)
        self._frames = 0
        self._first_ms: int | None = None
        self._last_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 2 ms on every fifth at 640 by 480."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            return
        self._frames += 1
        if self._frames % _EVERY != 1:
            return
        self._last_ms = sample.observation.captured_at_ms
        self._first_ms = self._last_ms if self._first_ms is None else self._first_ms
        peak = moire_peak(sample.luma, face)
        if peak is not None:
            self._peaks.append(peak)
        masks = regions(face.landmarks)
        if masks.scale <= _MAX_SCALE:
            grain = measure_grain(crop(sample.luma, face.landmarks), masks)
            if grain.surround_fine >= _MIN_SURROUND_FINE:
                self._grains.append(grain)

    def evidence(self) -> Evidence:
        """The statement on all judgeable frames so far."""
        span_ms = (self._first_ms or 0, self._last_ms)
        moire, smooth = self.moire(), self.smoothness()
        values = [
            score(moire, calm=1.3, neutral=1.6, clear=2.2, ceiling=0.8),
            score(smooth, calm=-1.0, neutral=1.0, clear=2.2, ceiling=0.64),
        ]
        counts = [len(self._peaks), len(self._grains)]
        judged = [(v, n) for v, n in zip(values, counts, strict=True) if n >= _MIN_GRAINS]
        if not judged:
            return Evidence(self.name, 0.5, 0.0, span_ms)
        value, count = max(judged)
        confidence = 0.2 + 0.6 * ramp(count, _MIN_GRAINS, _FULL_GRAINS)
        return Evidence(
            self.name, value, confidence, span_ms, (Sign.TEXTURE,) if value > 0.5 else ()
        )

    def moire(self) -> float:
        """Median over frames of the strongest line in the spectrum; see `moire_peak`."""
        return median(self._peaks) if self._peaks else 0.0

    def smoothness(self) -> float:
        """How much less fine detail the face has than usual, in deviations; 0 usual, above 0 less."""
        if not self._grains:
            return 0.0
        inside = median(grain.fine_inside for grain in self._grains)
        against = median(grain.fine_against_surround for grain in self._grains)
        less_inside = (_USUAL_INSIDE - inside) / _SPREAD_INSIDE
        less_against = (_USUAL_AGAINST - against) / _SPREAD_AGAINST
        return (less_inside + less_against) / 2
