"""A blink: both eyes shut, and open again within a second."""

from __future__ import annotations

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.gesture import Gesture, Sighting
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

CLOSED = 0.55
"""Closure at which an eye counts as shut, 0 being the person's own open eye."""
_REOPENED_SHARE = 0.5  # of the closure that was reached
_MAX_CLOSED_MS = 1_000  # longer is a closed eye, a look down or a doze
_SHUT_BLINK = 0.55  # what the blendshape and the aspect ratio of a shut eye come to, in most people
_SHUT_OPENING = 0.1


class BlinkTracker:
    """Finds blinks of both eyes.

    Closure is the mean of two measures that fail differently: the blendshape (which a squint raises)
    and the aspect ratio of the eye (which a lowered head lowers). A look down closes the eye half
    and for long; a blink shuts it and is over.
    """

    def __init__(self, neutral: NeutralFace) -> None:
        self._neutral = neutral
        self._onset_ms: int | None = None
        self._shut_ms = 0
        self._peak = 0.0
        self._seen_open = False
        self._left_open_ms: int | None = None

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        closure = self.closure(signals)
        if self._onset_ms is None:
            self._wait(closure, captured_at_ms)
            return Sighting(0.5 * min(1.0, max(0.0, closure)), self._onset_ms is None)
        self._peak = max(self._peak, closure)
        if closure > _REOPENED_SHARE * self._peak:
            return Sighting(0.5, resting=False, lingering=True)
        done = None
        if captured_at_ms - self._shut_ms <= _MAX_CLOSED_MS:
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
            self._shut_ms = captured_at_ms

    def closure(self, signals: Signals) -> float:
        """0 for the person's own open eye, about 1 for a shut one; may exceed both."""
        open_blink, open_eye = self._neutral.eye_blink.value, self._neutral.eye_opening.value
        shape = (signals.eye_blink - open_blink) / max(_SHUT_BLINK - open_blink, 0.2)
        ratio = (open_eye - signals.eye_opening) / max(open_eye - _SHUT_OPENING, 0.06)
        return (shape + ratio) / 2
