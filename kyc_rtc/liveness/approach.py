"""Coming closer and stepping back: the distance of the eyes in the picture grows, or shrinks."""

from __future__ import annotations

import math

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.gesture import Excursion, Gesture, Sighting
from kyc_rtc.liveness.signals import Signals

RATIO = 1.25
"""Of the two distances from the camera: from 50 cm to 40, or from 40 to 50. In 108 recordings of people who
were not asked, the largest eye span of 10 s is 1.05 times that of the first 0.8 s (median), 1.16 times (95th
percentile), 1.21 times (98th), and the least 0.96, 0.81 and 0.77 times (`python -m tests.approaches`)."""
_REST_SHARE = 0.35
_HOLD_MS = 150
_FASTEST_MS = 180
"""From rest to `RATIO`, some 8 cm. A picture that is cut, or enlarged at once, is faster; nobody in the
recordings was asked to come closer, so that it is assumed that people are slower."""
_MOST_A_STEP = 0.6
"""Of the way, from one picture to the next: at 5 pictures a second who takes 0.9 s for it makes steps of
0.45. A cut makes one of 1, however long the pause before it."""

_STEADY = math.log(1.06)
NEAREST_SPAN, FURTHEST_SPAN = 0.46, 0.125
"""`Signals.eye_span` from which a face can still come closer, or go back, by `RATIO`. A face is 1.6 eye spans
wide (`detection/mean_face.py`): 0.74 and 0.20 of the picture's shorter side become 0.92 and 0.16, where the
mesh is still whole, and 0.15 is the least that quality allows."""


class ApproachTracker:
    """Finds a face that comes closer, or goes back, by `RATIO` ** `scale` from `neutral_span`.

    It need not come back. A change that is faster than people move is none: the face has to return to
    where it was, and come again.
    """

    def __init__(self, kind: ChallengeType, neutral_span: float, scale: float = 1.0) -> None:
        self._kind = kind
        self._sign = 1.0 if kind is ChallengeType.COME_CLOSER else -1.0
        self._neutral_log = math.log(max(neutral_span, 1e-6))
        self._target = scale * math.log(RATIO)
        self._excursion = Excursion(_REST_SHARE, 1.0, _HOLD_MS)
        self._rested_ms: int | None = None
        self._out_ms: int | None = None
        self._extent: float | None = None
        self._jumped = False

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        change = math.log(max(signals.eye_span, 1e-6)) - self._neutral_log
        extent = self._sign * change / self._target
        held = self._excursion.update(extent, captured_at_ms)
        self._follow(extent, captured_at_ms)
        too_fast = self._too_fast()
        done = None
        onset_ms = self._excursion.onset_ms
        if held and not too_fast and onset_ms is not None:
            done = Gesture(self._kind, None, onset_ms, captured_at_ms)
        return Sighting(
            0.0 if too_fast else self._excursion.progress,
            self._excursion.resting,
            reached=done,
            done=done,
            extent=extent,
            too_fast=too_fast,
        )

    def _follow(self, extent: float, captured_at_ms: int) -> None:
        """When it was last at rest, and first out since then."""
        if self._extent is not None and abs(extent - self._extent) > _MOST_A_STEP:
            self._jumped = True
        self._extent = extent
        if extent <= _REST_SHARE:
            self._rested_ms, self._out_ms, self._jumped = captured_at_ms, None, False
        elif extent >= 1.0 and self._out_ms is None:
            self._out_ms = captured_at_ms

    def _too_fast(self) -> bool:
        if self._rested_ms is None or self._out_ms is None:
            return False
        return self._jumped or self._out_ms - self._rested_ms < _FASTEST_MS


def is_at_distance(span: float, neutral_span: float) -> bool:
    """Whether a face of this `Signals.eye_span` is where its neutral face was measured."""
    return abs(math.log(max(span, 1e-6) / max(neutral_span, 1e-6))) <= _STEADY


def has_room(kind: ChallengeType, span: float) -> bool:
    """Whether a face of this `Signals.eye_span` can do what `kind` asks for, and stay in the picture."""
    match kind:
        case ChallengeType.COME_CLOSER:
            return span <= NEAREST_SPAN
        case ChallengeType.STEP_BACK:
            return span >= FURTHEST_SPAN
        case _:
            return True
