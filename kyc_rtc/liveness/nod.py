"""A nod: the chin down and up again, or up and down."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.gesture import Gesture, Sighting
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

NOD_DEG = 10.0
"""What the chin must travel each way. Talkers dip by 4 to 7 degrees."""
_REST_SHARE = 0.5
_RETURN_SHARE = 0.6
_ONSET_SHARE = 0.8
_SWING_LIMIT_MS = 1_200
"""One way. Slower is looking down at something, or shifting on the chair."""
_MAX_YAW_SHARE = 1.0  # a head that turns more than it nods does not nod


@dataclass(frozen=True, slots=True)
class _Sample:
    captured_at_ms: int
    pitch_deg: float
    yaw_deg: float


@dataclass(slots=True)
class _Swing:
    """On the way out from `start` to `peak`; `sign` is +1 for down."""

    sign: int
    start: _Sample
    onset_ms: int
    peak: _Sample
    low_yaw_deg: float
    high_yaw_deg: float

    @property
    def travel_deg(self) -> float:
        return self.sign * (self.peak.pitch_deg - self.start.pitch_deg)


class NodTracker:
    """Finds nods. `scale` above 1 asks for deeper ones.

    Works on turning points rather than on the distance from neutral, so that quick nods that do not
    come to rest in between are counted apart, and a head that has sunk a little can still nod. The way
    of the first nod is the way of those that follow within two seconds: the swing past the middle
    after a nod is not a second nod.
    """

    def __init__(self, neutral: NeutralFace, scale: float = 1.0) -> None:
        self._neutral_deg = neutral.pitch_deg
        self._target_deg = NOD_DEG * scale
        self._recent: deque[_Sample] = deque()
        self._swing: _Swing | None = None
        self._last: tuple[int, int] | None = None

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        sample = _Sample(captured_at_ms, signals.pitch_deg, signals.yaw_deg)
        self._recent.append(sample)
        while captured_at_ms - self._recent[0].captured_at_ms > _SWING_LIMIT_MS:
            self._recent.popleft()
        done = None
        if self._swing is None:
            self._swing = self._begin(sample)
        else:
            done = self._follow(self._swing, sample)
        extent = abs(signals.pitch_deg - self._neutral_deg) / self._target_deg
        progress = 1.0 if done else self._progress(sample)
        swinging = self._swing is not None
        return Sighting(
            progress, extent <= _REST_SHARE, done, done, lingering=swinging, extent=extent
        )

    def _begin(self, now: _Sample) -> _Swing | None:
        """A swing has begun when the chin went far enough from a turning point seen recently."""
        for sign in self._ways(now.captured_at_ms):
            start = min(self._recent, key=lambda one: (sign * one.pitch_deg, -one.captured_at_ms))
            if sign * (now.pitch_deg - start.pitch_deg) >= self._target_deg:
                return self._swing_from(sign, start, now)
        return None

    def _swing_from(self, sign: int, start: _Sample, now: _Sample) -> _Swing:
        """The onset is the latest frame from which most of the way was gone: before the head dips it
        may have drifted, or kept still, for long."""
        way = [one for one in self._recent if one.captured_at_ms >= start.captured_at_ms]
        most_deg = _ONSET_SHARE * self._target_deg
        onset_ms = max(
            one.captured_at_ms for one in way if sign * (now.pitch_deg - one.pitch_deg) >= most_deg
        )
        yaws = [one.yaw_deg for one in way if one.captured_at_ms >= onset_ms]
        return _Swing(sign, start, onset_ms, now, min(yaws), max(yaws))

    def _ways(self, now_ms: int) -> tuple[int, ...]:
        if self._last is not None and now_ms - self._last[1] <= 2_000:
            return (self._last[0],)
        return (1, -1)

    def _follow(self, swing: _Swing, now: _Sample) -> Gesture | None:
        swing.low_yaw_deg = min(swing.low_yaw_deg, now.yaw_deg)
        swing.high_yaw_deg = max(swing.high_yaw_deg, now.yaw_deg)
        if swing.sign * now.pitch_deg > swing.sign * swing.peak.pitch_deg:
            swing.peak = now
        if now.captured_at_ms - swing.peak.captured_at_ms > _SWING_LIMIT_MS:
            self._restart(now)
            return None
        back_deg = swing.sign * (swing.peak.pitch_deg - now.pitch_deg)
        if back_deg < _RETURN_SHARE * swing.travel_deg:
            return None
        self._restart(now)
        if swing.high_yaw_deg - swing.low_yaw_deg > _MAX_YAW_SHARE * swing.travel_deg:
            return None
        self._last = (swing.sign, now.captured_at_ms)
        return Gesture(ChallengeType.NOD, None, swing.onset_ms, now.captured_at_ms)

    def _restart(self, now: _Sample) -> None:
        self._swing = None
        self._recent.clear()
        self._recent.append(now)

    def _progress(self, now: _Sample) -> float:
        swing = self._swing
        if swing is None:
            pitches = [one.pitch_deg for one in self._recent]
            return 0.5 * min(0.99, (max(pitches) - min(pitches)) / self._target_deg)
        back_deg = swing.sign * (swing.peak.pitch_deg - now.pitch_deg)
        return 0.5 + 0.5 * min(0.99, back_deg / (_RETURN_SHARE * swing.travel_deg))
