"""A blink: both eyes shut, and open again within a second."""

from __future__ import annotations

from collections import deque
from statistics import median

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.gesture import Gesture, Sighting
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

CLOSED = 0.55
"""Closure at which an eye counts as shut, 0 being the person's own open eye."""
_REOPENED_SHARE = 0.5  # of the closure that was reached
_SLOWLY_CLOSED = 0.7  # what a blink must reach that is not quick: eyes half shut for long squint
_QUICK_MS = 350  # from leaving open to open again
_MAX_DURATION_MS = 1_000  # longer is a closed eye, a look down or a doze
_SHUT_BLINK = 0.55  # what the blendshape and the aspect ratio of a shut eye come to, in most people
_SHUT_OPENING = 0.1
_RECENT_MS = 2_000


class BlinkTracker:
    """Finds blinks of both eyes.

    Closure is the mean of two measures that fail differently: the blendshape (which a squint raises)
    and the aspect ratio of the eye (which a lowered head lowers). A look down closes the eye half
    and for long; a blink shuts it and is over. Eyes that were lowered while the neutral face was
    gathered, and open wider later, are judged by what they showed in the last two seconds.
    """

    def __init__(self, neutral: NeutralFace) -> None:
        self._open_blink = neutral.eye_blink
        self._open_eye = neutral.eye_opening
        self._recent: deque[tuple[int, float, float]] = deque()
        self._onset_ms: int | None = None
        self._peak = 0.0
        self._seen_open = False
        self._left_open_ms: int | None = None

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        self._remember(signals, captured_at_ms)
        closure = self.closure(signals)
        if self._onset_ms is None:
            self._wait(closure, captured_at_ms)
            return Sighting(
                0.5 * min(1.0, max(0.0, closure)), self._onset_ms is None, extent=closure / CLOSED
            )
        self._peak = max(self._peak, closure)
        if closure > _REOPENED_SHARE * self._peak:
            return Sighting(0.5, resting=False, lingering=True, extent=closure / CLOSED)
        done = None
        if self._is_blink(captured_at_ms - self._onset_ms):
            done = Gesture(ChallengeType.BLINK, None, self._onset_ms, captured_at_ms)
        self._onset_ms, self._left_open_ms, self._seen_open = None, None, True
        return Sighting(1.0 if done else 0.0, resting=True, reached=done, done=done)

    def _wait(self, closure: float, captured_at_ms: int) -> None:
        if closure < _REOPENED_SHARE * CLOSED:
            self._seen_open, self._left_open_ms = True, None
            return
        if self._seen_open and self._left_open_ms is None:
            self._left_open_ms = captured_at_ms
        if closure >= CLOSED and self._left_open_ms is not None:
            self._onset_ms, self._peak = self._left_open_ms, closure

    def closure(self, signals: Signals) -> float:
        """0 for the person's own open eye, about 1 for a shut one; may exceed both."""
        open_blink, open_eye = self._open_blink, self._open_eye
        if self._recent:
            open_eye = max(open_eye, median(opening for _, opening, _ in self._recent))
            open_blink = min(open_blink, median(blink for _, _, blink in self._recent))
        shape = (signals.eye_blink - open_blink) / max(_SHUT_BLINK - open_blink, 0.2)
        ratio = (open_eye - signals.eye_opening) / max(open_eye - _SHUT_OPENING, 0.06)
        return (shape + ratio) / 2

    def _is_blink(self, duration_ms: int) -> bool:
        """A quick one may fall between two frames and seem shallow; a slow one is seen whole."""
        if duration_ms <= _QUICK_MS:
            return True
        return duration_ms <= _MAX_DURATION_MS and self._peak >= _SLOWLY_CLOSED

    def _remember(self, signals: Signals, captured_at_ms: int) -> None:
        self._recent.append((captured_at_ms, signals.eye_opening, signals.eye_blink))
        while captured_at_ms - self._recent[0][0] > _RECENT_MS:
            self._recent.popleft()
