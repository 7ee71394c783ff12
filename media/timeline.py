"""Media time: the RTP clock of the camera, made continuous over restarts and wrong clocks."""

from __future__ import annotations

from fractions import Fraction

MAX_DRIFT_MS = 2_000.0
"""The largest difference between RTP clock and arrival clock that is accepted: twice the largest jitter
that a call survives. So a sender can neither stretch nor squeeze its deadlines."""


class MediaTimeline:
    """Turns the timestamps of one source after another into rising media milliseconds.

    RTP timestamps count from a random start in units of a clock rate (RFC 3550, 5.1). Media time is 0
    at the first frame. Where the clock jumps, or another source begins (`restart`), media time advances by
    the time that passed on the arrival clock.
    """

    def __init__(self) -> None:
        self._start_ms: float | None = None  # arrival of the first frame ever
        self._origin_ms: float | None = None  # timestamp of the present source's first frame
        self._anchor_ms = 0.0  # media time of that frame
        self._last_media_ms = -1

    def restart(self) -> None:
        """The next timestamp comes from another source, with another origin."""
        self._origin_ms = None

    def media_ms(self, pts: int, time_base: Fraction, received_at_ms: float) -> int:
        """Media time of a frame; always later than the frame before."""
        if self._start_ms is None:
            self._start_ms = received_at_ms
        stamp_ms = float(pts * time_base) * 1000
        by_arrival = received_at_ms - self._start_ms
        if self._origin_ms is None or abs(self._by_stamp(stamp_ms) - by_arrival) > MAX_DRIFT_MS:
            self._origin_ms, self._anchor_ms = stamp_ms, by_arrival
        media_ms = round(self._by_stamp(stamp_ms))
        self._last_media_ms = max(media_ms, self._last_media_ms + 1)
        return self._last_media_ms

    def _by_stamp(self, stamp_ms: float) -> float:
        return self._anchor_ms + stamp_ms - (self._origin_ms or 0.0)
