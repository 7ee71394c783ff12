"""Remote photoplethysmography: from the mean colour of skin over time to a pulse and how clear it is.

POS: Wang, den Brinker, Stuijk and de Haan, "Algorithmic principles of remote PPG", IEEE TBME 64(7),
2017. The clearness is the signal-to-noise ratio of de Haan and Jeanne, "Robust pulse rate from
chrominance-based rPPG", IEEE TBME 60(10), 2013, with the strongest line in the place of a
reference's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.vision.geometry import Floats

RATE_HZ = 20.0
"""The even grid on which the functions work."""

_WINDOW = round(1.6 * RATE_HZ)
_LOW_HZ, _HIGH_HZ = 0.7, 3.5
_POINTS = 2048
_HALF_LINE_HZ = 0.1
"""Half the width of a line; twice that at the first harmonic. Twelve seconds resolve 0.08 Hz."""

_FREQUENCIES = np.fft.rfftfreq(_POINTS, 1 / RATE_HZ)
_SEARCHED = (_FREQUENCIES >= _LOW_HZ) & (_FREQUENCIES <= _HIGH_HZ)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The strongest rhythm between 42 and 210 beats a minute, and how far it stands out."""

    bpm: float
    snr_db: float


def pos_signal(rgb: Floats) -> NDArray[np.float64]:
    """The pulse signal, shape (n,), of mean skin colours (red, green, blue), shape (n, 3).

    The rows stand `RATE_HZ` apart. Windows of 1.6 s are projected on the plane orthogonal to skin
    tone and overlap-added. All zeros where n is shorter than one window.
    """
    signal = np.zeros(len(rgb))
    if len(rgb) < _WINDOW:
        return signal
    windows = np.lib.stride_tricks.sliding_window_view(rgb, _WINDOW, axis=0)  # (k, 3, window)
    normed = windows / np.maximum(windows.mean(axis=2, keepdims=True), 1e-6)
    red, green, blue = normed[:, 0], normed[:, 1], normed[:, 2]
    first, second = green - blue, green + blue - 2 * red
    spread = first.std(axis=1) / np.maximum(second.std(axis=1), 1e-12)
    pulses = first + spread[:, None] * second
    pulses -= pulses.mean(axis=1, keepdims=True)
    for offset in range(_WINDOW):
        signal[offset : offset + len(pulses)] += pulses[:, offset]
    return signal


def find_pulse(signal: NDArray[np.float64]) -> Pulse | None:
    """The pulse in a signal on the grid, shape (n,); None where nothing varies in its band."""
    windowed = (signal - signal.mean()) * np.hanning(len(signal))
    power = np.abs(np.fft.rfft(windowed, _POINTS)) ** 2
    total = float(power[_SEARCHED].sum())
    if not total > 1e-12:
        return None
    at = float(_FREQUENCIES[_SEARCHED][int(np.argmax(power[_SEARCHED]))])
    line = np.abs(_FREQUENCIES - at) <= _HALF_LINE_HZ
    harmonic = np.abs(_FREQUENCIES - 2 * at) <= 2 * _HALF_LINE_HZ
    inside = float(power[_SEARCHED & (line | harmonic)].sum())
    snr_db = 10 * np.log10(max(inside, 1e-12) / max(total - inside, 1e-12))
    return Pulse(60 * at, float(snr_db))
