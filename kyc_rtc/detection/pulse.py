"""The pulse analyser: whether the colour of the skin follows a heart. Advisory.

What it does not see means nothing: a codec at video-call rates takes the pulse out of the chroma.
Through VP8 at 600 kbit/s no bona fide recording of eight seconds or more shows one that chance would
not (n = 60), nor does any of them as it came (compressed by others before). A pulse that is seen says
that the pixels come from living skin, and not when they were filmed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from kyc_rtc.detection.calibration import CALM, NEUTRAL, ramp
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample
from kyc_rtc.detection.pos import RATE_HZ, find_pulse, pos_signal
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.geometry import Floats
from kyc_rtc.vision.observation import Landmarks

_POINTS = (33, 263, 151, 50, 280)
"""The outer eye corners, and the middles of the patches: forehead, right and left cheek."""

_PATCHES = ((0.30, 0.12), (0.14, 0.14), (0.14, 0.14))
"""Half width and half height of each patch, in distances of the outer eye corners."""

_LATEST_MS = 12_000
_LEAST_MS = 8_000
_MAX_GAP_MS = 400
_EVERY_MS = 1_000
_KEPT = 720
"""Twelve seconds at 60 frames a second; of a faster source, less."""

_NOISE_DB, _CLEAR_DB = 3.0, 7.0
"""Drifting colour without a pulse stays below 3 dB in 99 of 100 spectra, white noise in all of 1000."""

_CALM_MOTION, _MOTION = 0.1, 0.2
"""Distances of the outer eye corners that the head moves in half a second, at the median."""

_MOTION_STEPS = round(0.5 * RATE_HZ)


@dataclass(frozen=True, slots=True)
class _Skin:
    """Mean colour (red, green, blue) of the patches, the head's place, the eye corners' distance."""

    at_ms: int
    row: tuple[float, float, float, float, float, float]


class PulseAnalyser:
    """Looks for a pulse in the latest 12 s of judgeable frames; starts anew after a gap.

    `bpm` and `snr_db` are those of the latest spectrum, None while there is none. The score is 0.5
    or, with a clear pulse, down to 0.2; it never speaks for an attack. The confidence is 0 without a
    clear pulse, before 8 s, and in motion.
    """

    name = AnalyserName.PULSE

    def __init__(self) -> None:
        self.bpm: float | None = None
        self.snr_db: float | None = None
        self._trace: deque[_Skin] = deque(maxlen=_KEPT)
        self._next_ms = 0
        self._stillness = 0.0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; a spectrum is made once a second at most."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            return
        now_ms = sample.observation.captured_at_ms
        if self._trace and now_ms <= self._trace[-1].at_ms:
            return
        skin = _skin(now_ms, sample.image_bgr, face.landmarks)
        if skin is None:
            return
        if self._trace and now_ms - self._trace[-1].at_ms > _MAX_GAP_MS:
            self._forget()
        self._trace.append(skin)
        while now_ms - self._trace[0].at_ms > _LATEST_MS:
            self._trace.popleft()
        if now_ms >= self._next_ms and self._span_ms() >= _LEAST_MS:
            self._next_ms = now_ms + _EVERY_MS
            self._measure()

    def evidence(self) -> Evidence:
        """The statement on the latest seconds."""
        first_ms = self._trace[0].at_ms if self._trace else 0
        span_ms = (first_ms, self._trace[-1].at_ms if self._trace else 0)
        if self.snr_db is None:
            return Evidence(self.name, NEUTRAL, 0.0, span_ms)
        clear = ramp(self.snr_db, _NOISE_DB, _CLEAR_DB)
        length = 0.5 + 0.5 * ramp(self._span_ms(), _LEAST_MS, 0.95 * _LATEST_MS)
        value = NEUTRAL - (NEUTRAL - CALM) * clear
        return Evidence(self.name, value, clear * length * self._stillness, span_ms)

    def _span_ms(self) -> int:
        return self._trace[-1].at_ms - self._trace[0].at_ms if self._trace else 0

    def _forget(self) -> None:
        self._trace.clear()
        self.bpm = self.snr_db = None

    def _measure(self) -> None:
        rows = _even_grid(self._trace)
        pulse = find_pulse(pos_signal(rows[:, :3]))
        self.bpm, self.snr_db = (pulse.bpm, pulse.snr_db) if pulse else (None, None)
        places, eyes_px = rows[:, 3:5], rows[:, 5]
        steps = np.linalg.norm(places[_MOTION_STEPS:] - places[:-_MOTION_STEPS], axis=1)
        motion = float(np.median(steps / eyes_px[_MOTION_STEPS:]))
        self._stillness = ramp(motion, _MOTION, _CALM_MOTION)


def _even_grid(trace: deque[_Skin]) -> Floats:
    times_s = np.array([skin.at_ms for skin in trace]) / 1000
    rows = np.array([skin.row for skin in trace])
    grid_s = np.arange(times_s[0], times_s[-1], 1 / RATE_HZ)
    return np.stack([np.interp(grid_s, times_s, column) for column in rows.T], axis=1)


def _skin(at_ms: int, image_bgr: BgrImage, landmarks: Landmarks) -> _Skin | None:
    """None where the mesh is of no use, or no patch lies within the picture."""
    points = np.asarray(landmarks[list(_POINTS), :2], np.float64)
    if not np.isfinite(points).all():
        return None
    corners = points[:2]
    eyes_px = float(np.linalg.norm(corners[0] - corners[1]))
    if eyes_px < 1.0:
        return None
    colours = []
    for (x, y), (across, down) in zip(points[2:], _PATCHES, strict=True):
        left, right = (max(0, int(x + side * across * eyes_px)) for side in (-1, 1))
        top, bottom = (max(0, int(y + side * down * eyes_px)) for side in (-1, 1))
        patch = image_bgr[top : bottom + 1, left : right + 1]
        if patch.size:
            colours.append(cv2.mean(patch)[2::-1])
    if not colours:
        return None
    red, green, blue = (float(value) for value in np.mean(colours, axis=0))
    x, y = (float(value) for value in corners.mean(axis=0))
    return _Skin(at_ms, (red, green, blue, x, y, eyes_px))
