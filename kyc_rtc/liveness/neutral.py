"""The person's own resting face, which every challenge is judged against."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kyc_rtc.liveness.approach import has_room, is_at_distance
from kyc_rtc.liveness.catalogue import DISTANCE, HELD, ChallengeType
from kyc_rtc.liveness.signals import Signals

_MAX_GAP_MS = 400  # a longer gap between two frames starts the window anew
_MIN_FRAMES = 5
_MAX_FRAMES = 600  # of the fallback: 20 s at 30 frames a second
_FRONTAL_YAW_DEG = 25.0
_FRONTAL_PITCH_DEG = 30.0  # a phone is held lower than the eyes
_STILL_RANGE_DEG = 6.0
_STILL_JAW_RANGE = 0.15
_STILL_SMILE_RANGE = 0.25
_FALLBACK_WINDOWS = 5  # after so many windows of frames, none of them still, take the best of all
_MAX_RESTING_SMILE = 0.35  # a person who smiles all along must still be able to smile
_MAX_RESTING_JAW_OPEN = 0.2
_MAX_RESTING_EYE_BLINK = 0.5
_NEAR_DEG = 6.0
_NEAR_SMILE = 0.14
_NEAR_JAW_OPEN = 0.14
_MAX_YAW_SHIFT_DEG = 12.0
_MAX_PITCH_SHIFT_DEG = 20.0  # arms tire, and the phone sinks
# How much further than at first a mouth may smile, or stand open, and be at rest. Less than what is asked
# for above it, so that a face which goes on smiling has not smiled.
_MAX_SMILE_SHIFT = 0.25
_MAX_JAW_SHIFT = 0.12
_MAX_GAP_SHIFT = 0.04  # in the proportion of the two thresholds of an open mouth


@dataclass(frozen=True, slots=True)
class NeutralFace:
    """The resting values of one person, in the units of `Signals`.

    `settled`: gathered from a face that held still; False where the person never did.
    """

    yaw_deg: float
    pitch_deg: float
    eye_opening: float
    eye_blink: float
    smile: float
    jaw_open: float
    mouth_gap: float
    eye_span: float
    settled: bool

    def _head_is_near(self, signals: Signals) -> bool:
        """Whether the head is at rest: yaw and pitch."""
        return (
            abs(signals.yaw_deg - self.yaw_deg) <= _NEAR_DEG
            and abs(signals.pitch_deg - self.pitch_deg) <= _NEAR_DEG
        )

    def is_near(self, signals: Signals) -> bool:
        """Whether the face is at rest: the head, and the mouth, which neither smiles nor is open."""
        return all(self.is_near_enough(signals, kind) for kind in HELD)

    def is_near_enough(self, signals: Signals, kind: ChallengeType) -> bool:
        """Whether what `kind` will ask for is at rest. Somebody who smiles at the instructions need not
        stop for ever before a head turn. Who will come closer stands still, with room to do so."""
        if kind is ChallengeType.SMILE and signals.smile - self.smile > _NEAR_SMILE:
            return False
        if kind is ChallengeType.MOUTH_OPEN and signals.jaw_open - self.jaw_open > _NEAR_JAW_OPEN:
            return False
        if kind in DISTANCE and not is_at_distance(signals.eye_span, self.eye_span):
            return False
        if not has_room(kind, signals.eye_span):
            return False
        return self._head_is_near(signals)

    def renewed_by(self, later: NeutralFace) -> NeutralFace:
        """This face as it rests later: people shift on their chairs, and a mouth seldom comes back to
        where it was in the first second. Smile and jaw follow within what a resting face may show.

        Returns self where the head moved so far that it is not a shift but a turned head.
        """
        yaw_shift_deg = abs(later.yaw_deg - self.yaw_deg)
        pitch_shift_deg = abs(later.pitch_deg - self.pitch_deg)
        if yaw_shift_deg > _MAX_YAW_SHIFT_DEG or pitch_shift_deg > _MAX_PITCH_SHIFT_DEG:
            return self
        return replace(
            self,
            yaw_deg=later.yaw_deg,
            pitch_deg=later.pitch_deg,
            smile=min(later.smile, self.smile + _MAX_SMILE_SHIFT),
            jaw_open=min(later.jaw_open, self.jaw_open + _MAX_JAW_SHIFT),
            mouth_gap=min(later.mouth_gap, self.mouth_gap + _MAX_GAP_SHIFT),
            eye_span=later.eye_span,
        )


class NeutralCollector:
    """Gathers a `NeutralFace` from the first `neutral_ms` in which the face holds still.

    Still: the head moves by less than 6 degrees and the mouth neither talks nor changes its smile;
    blinks do no harm. The window rolls on until that is so. Somebody who never holds still is taken
    as they are after five times that long, from the calmer share of all frames.
    """

    def __init__(self, neutral_ms: int) -> None:
        self._neutral_ms = neutral_ms
        self._window: deque[tuple[int, Signals]] = deque()
        self._seen: deque[Signals] = deque(maxlen=_MAX_FRAMES)
        self._seen_ms = 0
        self._last_ms: int | None = None

    @property
    def progress(self) -> float:
        """How much of the still face has been seen: 0..1."""
        if not self._window:
            return 0.0
        return min(1.0, (self._window[-1][0] - self._window[0][0]) / self._neutral_ms)

    def interrupt(self) -> None:
        """The face was lost or could not be judged: what comes next starts a new window."""
        self._window.clear()
        self._last_ms = None

    def update(self, signals: Signals, captured_at_ms: int) -> NeutralFace | None:
        """Take one usable frame; the neutral face as soon as there is one."""
        self._tick(captured_at_ms)
        self._seen.append(signals)
        if _is_frontal(signals):
            self._window.append((captured_at_ms, signals))
            self._drop_until_still()
        else:
            self._window.clear()
        if self.progress >= 1.0 and len(self._window) >= _MIN_FRAMES:
            return _settled([kept for _, kept in self._window])
        if self._seen_ms >= _FALLBACK_WINDOWS * self._neutral_ms:
            return rough_neutral(self._seen)
        return None

    def _tick(self, captured_at_ms: int) -> None:
        elapsed_ms = 0 if self._last_ms is None else captured_at_ms - self._last_ms
        if elapsed_ms > _MAX_GAP_MS:
            self._window.clear()
        self._seen_ms += min(elapsed_ms, _MAX_GAP_MS)
        self._last_ms = captured_at_ms

    def _drop_until_still(self) -> None:
        while len(self._window) > 1 and not _is_still([kept for _, kept in self._window]):
            self._window.popleft()
        while len(self._window) > _MIN_FRAMES and (
            self._window[-1][0] - self._window[1][0] >= self._neutral_ms
        ):
            self._window.popleft()


def _is_frontal(signals: Signals) -> bool:
    return abs(signals.yaw_deg) <= _FRONTAL_YAW_DEG and abs(signals.pitch_deg) <= _FRONTAL_PITCH_DEG


def _is_still(window: Sequence[Signals]) -> bool:
    return (
        _range(window, lambda one: one.yaw_deg) <= _STILL_RANGE_DEG
        and _range(window, lambda one: one.pitch_deg) <= _STILL_RANGE_DEG
        and _range(window, lambda one: one.jaw_open) <= _STILL_JAW_RANGE
        and _range(window, lambda one: one.smile) <= _STILL_SMILE_RANGE
    )


def _range(window: Sequence[Signals], read: Callable[[Signals], float]) -> float:
    values = [read(one) for one in window]
    return max(values) - min(values)


def _settled(window: Sequence[Signals]) -> NeutralFace:
    return _neutral_face(window, mouth_percentile=50, settled=True)


def rough_neutral(seen: Sequence[Signals]) -> NeutralFace:
    """The neutral face of frames that never held still; at least one.

    A talking mouth rests where it is least open: the lower quarter, not the middle.
    """
    return _neutral_face(seen, mouth_percentile=25, settled=False)


def _neutral_face(
    frames: Sequence[Signals], *, mouth_percentile: float, settled: bool
) -> NeutralFace:
    """Eyes are read from the more open half of the frames, so that a blink leaves no trace."""

    def at(percentile: float, read: Callable[[Signals], float], highest: float = np.inf) -> float:
        return min(float(np.percentile([read(one) for one in frames], percentile)), highest)

    return NeutralFace(
        yaw_deg=at(50, lambda one: one.yaw_deg),
        pitch_deg=at(50, lambda one: one.pitch_deg),
        eye_opening=at(75, lambda one: one.eye_opening),
        eye_blink=at(25, lambda one: one.eye_blink, _MAX_RESTING_EYE_BLINK),
        smile=at(mouth_percentile, lambda one: one.smile, _MAX_RESTING_SMILE),
        jaw_open=at(mouth_percentile, lambda one: one.jaw_open, _MAX_RESTING_JAW_OPEN),
        mouth_gap=at(mouth_percentile, lambda one: one.mouth_gap),
        eye_span=at(50, lambda one: one.eye_span),
        settled=settled,
    )
