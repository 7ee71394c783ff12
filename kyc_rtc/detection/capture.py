"""Whether the pictures have the size and the pace that the client reports of its camera. Advisory.

WebRTC sends a camera's pictures smaller or less often than they are captured, where link or processor
are short, but never larger, wider, or more often. A sender that replaces the camera's pictures may
forget to keep to what the camera says of itself. Who reports nothing, or the truth, is not found out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_ASPECT_ERROR = 0.03
"""Encoders round the sides to even numbers or more when they scale."""

MAX_RATE_EXCESS = 0.2
_MAX_SIDE_PX = 16_384
_MAX_FPS = 1_000.0
_SETTLE_MS = 1_000
"""After a report: pictures that were under way still have the former settings."""

_SIZE_HELD_MS = 2_000
_RATE_WINDOW_MS = 3_000


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What a client says of its camera: sides in pixels, frames a second; None where it does not."""

    width: int
    height: int
    frame_rate: float | None


def capture_settings(fields: Mapping[str, Any]) -> CaptureSettings | None:
    """The settings in a `capture_info` message; None where it names no usable size."""
    width = _number(fields.get("width"), _MAX_SIDE_PX)
    height = _number(fields.get("height"), _MAX_SIDE_PX)
    if width is None or height is None or min(width, height) < 1:
        return None
    rate = _number(fields.get("frame_rate"), _MAX_FPS)
    return CaptureSettings(round(width), round(height), rate)


def _number(value: Any, maximum: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= maximum else None


def size_disagrees(settings: CaptureSettings, size_wh: tuple[int, int]) -> bool:
    """Whether a camera so set cannot give such pictures.

    Upright and lying count alike: phones turn their pictures on the way.
    """
    long, short = max(size_wh), min(size_wh)
    reported_long = max(settings.width, settings.height)
    reported_short = min(settings.width, settings.height)
    if long > reported_long or short > reported_short:
        return True
    error = math.log((long / short) / (reported_long / reported_short))
    return abs(error) > math.log1p(MAX_ASPECT_ERROR)


def rate_disagrees(settings: CaptureSettings, frames_per_s: float) -> bool:
    """Whether pictures come more often than a camera so set takes them."""
    rate = settings.frame_rate
    return rate is not None and frames_per_s > rate * (1 + MAX_RATE_EXCESS)


class CaptureWatch:
    """Compares the frames of a session with the latest report; a mismatch has to last."""

    def __init__(self) -> None:
        self._settings: CaptureSettings | None = None
        self._settled_ms: int | None = None
        self._window: tuple[int, int] | None = None
        self._last_sequence = -1
        self._wrong_since_ms: int | None = None

    def report(self, settings: CaptureSettings | None) -> None:
        """What the client says from now on; None: nothing that could be compared."""
        self._settings = settings
        self._restart()

    def update(self, captured_at_ms: int, sequence: int, size_wh: tuple[int, int]) -> bool:
        """Whether the frames up to this one do not fit the report.

        `sequence` counts the frames of a source, dropped ones included; another source starts anew.
        """
        if self._settings is None:
            return False
        if sequence <= self._last_sequence:
            self._restart()
        self._last_sequence = sequence
        if self._settled_ms is None:
            self._settled_ms = captured_at_ms + _SETTLE_MS
        if captured_at_ms < self._settled_ms:
            return False
        wrong_size = self._size_is_wrong(self._settings, captured_at_ms, size_wh)
        return self._rate_is_wrong(self._settings, captured_at_ms, sequence) or wrong_size

    def _size_is_wrong(
        self, settings: CaptureSettings, now_ms: int, size_wh: tuple[int, int]
    ) -> bool:
        if not size_disagrees(settings, size_wh):
            self._wrong_since_ms = None
            return False
        if self._wrong_since_ms is None:
            self._wrong_since_ms = now_ms
        return now_ms - self._wrong_since_ms >= _SIZE_HELD_MS

    def _rate_is_wrong(self, settings: CaptureSettings, now_ms: int, sequence: int) -> bool:
        if self._window is None:
            self._window = (now_ms, sequence)
        span_ms = now_ms - self._window[0]
        if span_ms < _RATE_WINDOW_MS:
            return False
        frames, self._window = sequence - self._window[1], (now_ms, sequence)
        return rate_disagrees(settings, 1000 * frames / span_ms)

    def _restart(self) -> None:
        self._settled_ms = self._window = self._wrong_since_ms = None
        self._last_sequence = -1
