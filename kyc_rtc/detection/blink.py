"""The blink analyser: whether the eyes close as eyes do.

People blink 1 to 33 times a minute, by what they do (Doughty, "Consideration of three types of
spontaneous eyeblink activity", Optometry and Vision Science 78, 2001), and seldom while they read a
prompt: no rate is wrong by itself, and absence is weak evidence. What counts more is whether both
eyes close, quickly, and at uneven times.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from statistics import fmean, median, pstdev

from kyc_rtc.detection.calibration import ramp
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.vision.observation import Blendshape, Face

_CLOSING, _OPEN_AGAIN = 0.25, 0.12
"""Rise of the eyes' mean blink coefficient over its resting level: begins and ends a blink."""

_REST_FRAMES = 90
_MAX_GAP_MS = 250
_MAX_BLINK_MS = 700
"""What lasts longer is a closed eye or a look downwards."""

_KEPT = 100
_ABSENT_FROM_MS, _ABSENT_FULL_MS = 20_000, 60_000
_MIN_INTERVALS = 6
_MAX_TURN_DEG = 25.0
"""Beyond, the far eye is not seen well enough to compare the two."""


@dataclass(frozen=True, slots=True)
class Blink:
    """One blink. `closure`: the peak of the mean coefficient; `asymmetry`: difference of the peaks."""

    start_ms: int
    duration_ms: int
    closure: float
    asymmetry: float


class BlinkDetector:
    """Finds blinks in the blink coefficients of both eyes, against their own resting level."""

    def __init__(self) -> None:
        self.blinks: deque[Blink] = deque(maxlen=_KEPT)
        self._rest: deque[float] = deque(maxlen=_REST_FRAMES)
        self._start_ms: int | None = None
        self._peak = (0.0, 0.0)
        self._last_ms: int | None = None

    def update(self, captured_at_ms: int, left: float, right: float) -> None:
        """Take one frame's coefficients into account; a gap ends what was going on."""
        if self._last_ms is not None and not 0 < captured_at_ms - self._last_ms <= _MAX_GAP_MS:
            self._start_ms = None
        self._last_ms = captured_at_ms
        mean = (left + right) / 2
        self._rest.append(mean)
        rise = mean - sorted(self._rest)[len(self._rest) // 4]
        if self._start_ms is None:
            if rise >= _CLOSING:
                self._start_ms, self._peak = captured_at_ms, (left, right)
            return
        self._peak = (max(self._peak[0], left), max(self._peak[1], right))
        if rise <= _OPEN_AGAIN:
            self._end(captured_at_ms)

    def _end(self, captured_at_ms: int) -> None:
        start_ms, self._start_ms = self._start_ms, None
        duration_ms = captured_at_ms - (start_ms or 0)
        if duration_ms <= _MAX_BLINK_MS:
            left, right = self._peak
            closure = (left + right) / 2
            self.blinks.append(Blink(start_ms or 0, duration_ms, closure, abs(left - right)))


class BlinkAnalyser:
    """Judges blinks: absence over a long time, halves, one-sidedness, clockwork. Never sure alone."""

    name = AnalyserName.BLINK

    def __init__(self) -> None:
        self._detector = BlinkDetector()
        self._watched_ms = 0
        self._first_ms: int | None = None
        self._last_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account. Only judgeable, roughly frontal faces count."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable or not _frontal(face):
            return
        now_ms = sample.observation.captured_at_ms
        if self._first_ms is None:
            self._first_ms = self._last_ms = now_ms
        self._watched_ms += min(max(now_ms - self._last_ms, 0), _MAX_GAP_MS)
        self._last_ms = now_ms
        shapes = face.blendshapes
        self._detector.update(
            now_ms,
            shapes.get(Blendshape.EYE_BLINK_LEFT, 0.0),
            shapes.get(Blendshape.EYE_BLINK_RIGHT, 0.0),
        )

    def evidence(self) -> Evidence:
        """The statement on all judgeable frames so far."""
        span_ms = (self._first_ms or 0, self._last_ms)
        blinks = tuple(self._detector.blinks)
        if not blinks:
            absence = ramp(self._watched_ms, _ABSENT_FROM_MS, _ABSENT_FULL_MS)
            value, confidence = 0.5 + 0.1 * absence, 0.4 if absence > 0 else 0.0
        else:
            value = max(0.3, _regularity(blinks), _one_sidedness(blinks), _incompleteness(blinks))
            confidence = min(0.8, 0.2 * len(blinks))
        sign = (Sign.BLINK_PATTERN,) if value > 0.5 and confidence > 0 else ()
        return Evidence(self.name, value, confidence, span_ms, sign)


def _frontal(face: Face) -> bool:
    return abs(face.pose.yaw_deg) <= _MAX_TURN_DEG


def _regularity(blinks: tuple[Blink, ...]) -> float:
    """0.5 up to 0.8 where blinks come like clockwork: intervals that vary by less than a tenth."""
    starts = [blink.start_ms for blink in blinks]
    intervals = [after - before for before, after in itertools.pairwise(starts)]
    if len(intervals) < _MIN_INTERVALS:
        return 0.0
    variation = pstdev(intervals) / max(fmean(intervals), 1.0)
    return 0.5 + 0.3 * ramp(variation, 0.1, 0.03) if variation < 0.1 else 0.0


def _one_sidedness(blinks: tuple[Blink, ...]) -> float:
    """0.5 up to 0.6 where one eye closes and the other does not, blink after blink."""
    if len(blinks) < 3:
        return 0.0
    asymmetry = median(blink.asymmetry for blink in blinks)
    return 0.5 + 0.1 * ramp(asymmetry, 0.35, 0.6) if asymmetry > 0.35 else 0.0


def _incompleteness(blinks: tuple[Blink, ...]) -> float:
    """0.5 up to 0.55 where the lids never meet: many people's blinks are halves, so it is weak."""
    if len(blinks) < 3:
        return 0.0
    closure = max(blink.closure for blink in blinks)
    return 0.5 + 0.05 * ramp(closure, 0.45, 0.3) if closure < 0.45 else 0.0
