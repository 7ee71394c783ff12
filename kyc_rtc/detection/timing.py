"""The clock of a source: how even its frames are, and how its RTP time runs against the wall clock."""

from __future__ import annotations

from collections import deque

import numpy as np

_KEPT_INTERVALS = 300
_LEAST_INTERVALS = 60
_TWO_SIDED_80 = 2.563
"""Standard deviations between the 10th and the 90th percentile of a normal distribution."""

_POINT_EVERY_MS = 200
_KEPT_POINTS = 300
_LEAST_SPAN_MS = 20_000
_JUMP_MS = 1_000
_MAX_DRIFT_PPM = 100_000.0
"""Beyond it the arrival clock is not that of a live stream (a file that is read as fast as it can be):
media time that ran on so would have been set right by the receiver."""

_SURE = 4.0
"""Standard errors that the drift must exceed to count as one."""


class IntervalMeter:
    """Intervals of media time between frames that follow each other; the latest 300."""

    def __init__(self) -> None:
        self._intervals_ms: deque[int] = deque(maxlen=_KEPT_INTERVALS)

    def update(self, interval_ms: int) -> None:
        """Take the interval to the next frame of the source into account."""
        self._intervals_ms.append(interval_ms)

    def __len__(self) -> int:
        return len(self._intervals_ms)

    @property
    def unevenness(self) -> float | None:
        """Spread of the intervals over their mean, 0 where all are alike; None below 60 of them.

        Without the longest and the shortest tenth: pauses of a network or a processor do not count.
        """
        if len(self._intervals_ms) < _LEAST_INTERVALS:
            return None
        low, high = np.percentile(self._intervals_ms, (10, 90))
        return float((high - low) / _TWO_SIDED_80 / max(float(np.mean(self._intervals_ms)), 1e-6))


class DriftMeter:
    """Media time against arrival, one point in 200 ms, the latest minute; least squares."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=_KEPT_POINTS)

    def update(self, captured_at_ms: int, received_at_ms: float) -> None:
        """Take one frame into account; where either clock jumps, the count starts anew."""
        if self._points:
            arrived_ms, ahead_ms = self._points[-1]
            if abs(captured_at_ms - received_at_ms - ahead_ms) > _JUMP_MS:
                self._points.clear()
            elif received_at_ms - arrived_ms < _POINT_EVERY_MS:
                return
        self._points.append((received_at_ms, captured_at_ms - received_at_ms))

    @property
    def drift_ppm(self) -> float | None:
        """By how much the source's clock runs fast (above 0) or slow; 0 where that may be chance.

        None before 20 s, and where the clocks are not those of one live stream.
        """
        if not self._points or self._points[-1][0] - self._points[0][0] < _LEAST_SPAN_MS:
            return None
        arrived, ahead = np.array(self._points, np.float64).T
        arrived -= arrived.mean()
        spread = float(arrived @ arrived)
        slope = float(arrived @ (ahead - ahead.mean())) / spread
        rest = ahead - ahead.mean() - slope * arrived
        error = float(np.sqrt(rest @ rest / max(len(rest) - 2, 1) / spread))
        if abs(slope) * 1e6 > _MAX_DRIFT_PPM:
            return None
        return slope * 1e6 if abs(slope) > _SURE * error else 0.0
