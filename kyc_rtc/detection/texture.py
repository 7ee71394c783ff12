"""The texture analyser: grain of the face against its surround, and traces of a screen."""

from __future__ import annotations

from collections import deque
from statistics import median

from kyc_rtc.detection.calibration import ramp, score
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.detection.grain import Grain, measure_grain
from kyc_rtc.detection.regions import crop, regions
from kyc_rtc.detection.spectrum import MoireMeter
from kyc_rtc.vision.observation import Face

MOIRE_NEUTRAL, MOIRE_CLEAR = 0.29, 0.35
"""Peaks of the moiré meter from which a screen's grid is possible, and clear."""

AXES_NEUTRAL, AXES_CLEAR = 0.36, 0.42
"""The same on the axes, where rooms have their edges: of 65 bona fide recordings, clean and through VP8 at
250 to 1000 kbit/s, the highest is 0.34, and 98% are below 0.24."""

_EVERY = 5
_KEPT = 120
_MIN_GRAINS, _FULL_GRAINS = 6, 20
_MIN_SPECTRA, _FULL_SPECTRA = 12, 24
"""Fewer do not average out the grain of the picture itself."""

_MAX_SCALE = 1.25
"""Smaller faces are enlarged in the crop, and have no fine detail to judge."""

_MIN_SURROUND_FINE = 0.35
"""Luma steps; a codec that leaves less in the surround has smoothed the face as well."""

_USUAL_INSIDE, _SPREAD_INSIDE = -0.85, 0.18
_USUAL_AGAINST, _SPREAD_AGAINST = 0.06, 0.21
"""Median and half the distance of the 16th and 84th percentiles, of 137 bona fide recordings."""


class TextureAnalyser:
    """Judges grain on every fifth judgeable frame, and moiré four times a second.

    Silent on small faces, and on grain where the codec left none.
    """

    name = AnalyserName.TEXTURE

    def __init__(self) -> None:
        self._grains: deque[Grain] = deque(maxlen=_KEPT)
        self._moire = MoireMeter()
        self._frames = 0
        self._first_ms: int | None = None
        self._last_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 1 ms on average at 640 by 480."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            return
        self._frames += 1
        self._last_ms = sample.observation.captured_at_ms
        self._first_ms = self._last_ms if self._first_ms is None else self._first_ms
        self._moire.update(self._last_ms, sample.luma, face)
        if self._frames % _EVERY == 1:
            self._measure_grain(sample, face)

    def _measure_grain(self, sample: Sample, face: Face) -> None:
        masks = regions(face.landmarks)
        if masks.scale <= _MAX_SCALE:
            grain = measure_grain(crop(sample.luma, face.landmarks), masks)
            if grain.surround_fine >= _MIN_SURROUND_FINE:
                self._grains.append(grain)

    def evidence(self) -> Evidence:
        """The statement on all judgeable frames so far."""
        span_ms = (self._first_ms or 0, self._last_ms)
        moire = max(
            score(peak, calm=0.05, neutral=neutral, clear=clear, ceiling=0.95)
            for peak, neutral, clear in (
                (self._moire.peak, MOIRE_NEUTRAL, MOIRE_CLEAR),
                (self._moire.peak_on_axes, AXES_NEUTRAL, AXES_CLEAR),
            )
        )
        grain = score(self.smoothness(), calm=-1.0, neutral=1.0, clear=2.2, ceiling=0.64)
        found = [
            (moire, self._sure_of_moire(), Sign.RECAPTURE),
            (grain, self._sure_of_grain(), Sign.TEXTURE),
        ]
        judged = [(value, sure, sign) for value, sure, sign in found if sure > 0]
        if not judged:
            return Evidence(self.name, 0.5, 0.0, span_ms)
        value, confidence, sign = max(judged)
        return Evidence(self.name, value, confidence, span_ms, (sign,) if value > 0.5 else ())

    def _sure_of_moire(self) -> float:
        if self._moire.count < _MIN_SPECTRA:
            return 0.0
        return 0.4 + 0.4 * ramp(self._moire.count, _MIN_SPECTRA, _FULL_SPECTRA)

    def _sure_of_grain(self) -> float:
        if len(self._grains) < _MIN_GRAINS:
            return 0.0
        return 0.2 + 0.6 * ramp(len(self._grains), _MIN_GRAINS, _FULL_GRAINS)

    def smoothness(self) -> float:
        """How much less fine detail the face has than usual, in deviations; 0 usual, above 0 less."""
        if not self._grains:
            return 0.0
        inside = median(grain.fine_inside for grain in self._grains)
        against = median(grain.fine_against_surround for grain in self._grains)
        less_inside = (_USUAL_INSIDE - inside) / _SPREAD_INSIDE
        less_against = (_USUAL_AGAINST - against) / _SPREAD_AGAINST
        return (less_inside + less_against) / 2
