"""The stream analyser: what timing, repeats and sizes of the pictures show about their source. Advisory.

An injected file or a virtual camera may send pictures twice, in bursts, or on a clock of its own. A
careful one does not, so calm never speaks for a bona fide presentation: the score is 0.5 or above.
"""

from __future__ import annotations

from kyc_rtc.detection.calibration import NEUTRAL, ramp, score
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sample, Sign
from kyc_rtc.detection.repeats import RepeatMeter
from kyc_rtc.detection.timing import DriftMeter, IntervalMeter

_CEILING = 0.6
_CONFIDENCE = 0.6
_FIRST_FRAMES, _ALL_FRAMES = 60, 240
_EVERY_MS = 500


class StreamAnalyser:
    """Judges the source of a stream by every analysed frame, with a face or without.

    Intervals and repeats need frames that follow each other (`sequence`): where the analysis takes
    only some of them, those figures stay None. All are brought up to date twice a second.

    `unevenness`: relative spread of the intervals; an even source is not a sign, for cameras of a fixed
    rate are even too. `drift_ppm`: the RTP clock against the wall clock. `repeated_share`: the share
    of pictures sent twice (bona fide recordings through VP8 at 600 kbit/s: median 0.01, 95% below
    0.25, and 3 of 130 above 0.35, which do hold doubled pictures; pictures doubled from 15 to 30 a
    second: 0.46 to 0.50). `resolution_changes`: changes of size, which browsers make when the link or
    the processor is short: reported, not scored.
    """

    name = AnalyserName.STREAM

    def __init__(self) -> None:
        self.resolution_changes = 0
        self.unevenness: float | None = None
        self.drift_ppm: float | None = None
        self.repeated_share: float | None = None
        self._intervals = IntervalMeter()
        self._drift = DriftMeter()
        self._repeats = RepeatMeter()
        self._size: tuple[int, ...] | None = None
        self._last: tuple[int, int] | None = None
        self._first_ms: int | None = None
        self._next_ms = 0

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 0.3 ms at 640 by 480."""
        seen = sample.observation
        now_ms = seen.captured_at_ms
        if self._first_ms is None:
            self._first_ms = now_ms
        size, self._size = self._size, sample.luma.shape
        if size is not None and size != sample.luma.shape:
            self.resolution_changes += 1
            self._repeats.interrupt()
        last, self._last = self._last, (seen.sequence, now_ms)
        if last is not None and last[0] + 1 == seen.sequence and last[1] < now_ms:
            self._intervals.update(now_ms - last[1])
        else:
            self._repeats.interrupt()
        self._repeats.update(sample.thumbnail)
        self._drift.update(now_ms, sample.received_at_ms)
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + _EVERY_MS
            self.unevenness = self._intervals.unevenness
            self.drift_ppm = self._drift.drift_ppm
            self.repeated_share = self._repeats.share

    def evidence(self) -> Evidence:
        """The statement on the latest frames."""
        last_ms = self._last[1] if self._last else 0
        span_ms = (self._first_ms or 0, last_ms)
        confidence = _CONFIDENCE * ramp(len(self._intervals), _FIRST_FRAMES, _ALL_FRAMES)
        found = {
            Sign.STREAM_TIMING: self._timing_score(),
            Sign.REPEATED_FRAMES: self._repeat_score(),
        }
        signs = tuple(
            sign
            for sign, value in sorted(found.items(), key=lambda item: -item[1])
            if value > NEUTRAL
        )
        return Evidence(self.name, max(found.values()), confidence, span_ms, signs)

    def _timing_score(self) -> float:
        uneven, drift_ppm = self.unevenness, self.drift_ppm
        values = [NEUTRAL]
        if uneven is not None:
            values.append(score(uneven, calm=0.1, neutral=0.6, clear=1.0, ceiling=_CEILING))
        if drift_ppm is not None:
            values.append(score(abs(drift_ppm), calm=1e3, neutral=3e4, clear=6e4, ceiling=_CEILING))
        return max(values)

    def _repeat_score(self) -> float:
        share = self.repeated_share
        if share is None:
            return NEUTRAL
        return max(NEUTRAL, score(share, calm=0.1, neutral=0.35, clear=0.5, ceiling=_CEILING))
