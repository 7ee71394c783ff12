"""Gestures: actions of the face, found in the course of its signals. What the trackers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from kyc_rtc.liveness.signals import Signals

WAY_SHARE = 0.6
"""Of the progress of what is held: so much is the way out, and the rest is the hold."""

MAX_STEP_MS = 250
"""Between two frames no more than this counts as seen: who knows what the face did in a longer gap."""


@dataclass(frozen=True, slots=True)
class Gesture:
    """An action performed. `onset_ms`: the first frame that had left rest."""

    type: ChallengeType
    direction: Direction | None
    onset_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a tracker makes of a frame.

    `progress`: 0..1 of the gesture in course · `resting`: the face is near neutral in this respect ·
    `reached`: set on the frame on which the gesture became unmistakable, though it may not be over ·
    `done`: set on the frame on which it was completed · `lingering`: made, but not ended · `extent`: how
    far the face is out in the asked direction now, 1 being enough; below 0 on the other side · `too_fast`:
    it is out, and got there faster than people move.
    """

    progress: float
    resting: bool
    reached: Gesture | None = None
    done: Gesture | None = None
    lingering: bool = False
    extent: float = 0.0
    too_fast: bool = False


class GestureTracker(Protocol):
    """Watches one kind of gesture, again and again. Frames come in order of time."""

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        """Take the next frame."""


class Excursion:
    """Follows how far one value goes from rest, and for how long it stays away.

    It leaves rest when it exceeds `rest`, is out while it is at `target` or more, and is back at
    `rest` or less. An excursion counts only when its beginning was seen: a value that is already out
    at the first frame has to come to rest first.
    """

    def __init__(self, rest: float, target: float, hold_ms: int) -> None:
        self._rest, self.target, self._hold_ms = rest, target, hold_ms
        self._last_ms: int | None = None
        self._was_out = False
        self._begin_at_rest()
        self._seen_at_rest = False

    def _begin_at_rest(self) -> None:
        self._seen_at_rest = True
        self.onset_ms: int | None = None
        self.peak = 0.0
        self.held_ms = 0.0
        self.reached = False

    def update(self, value: float, captured_at_ms: int) -> bool:
        """Take the next value; True on the frame on which the hold is complete."""
        step_ms = 0 if self._last_ms is None else captured_at_ms - self._last_ms
        self._last_ms = captured_at_ms
        if value <= self._rest:
            self._begin_at_rest()
            self._was_out = False
            return False
        if self.onset_ms is None and self._seen_at_rest:
            self.onset_ms = captured_at_ms
        self.peak = max(self.peak, value)
        return self._hold(value >= self.target, step_ms)

    def _hold(self, out: bool, step_ms: int) -> bool:
        """Of the step in which the value went out, half is held: the best guess at a low rate."""
        step_ms = min(step_ms, MAX_STEP_MS)
        if not out:
            self.held_ms = 0.0
        elif self._was_out:
            self.held_ms += step_ms
        else:
            self.held_ms = step_ms / 2
        self._was_out = out
        if self.reached or self.onset_ms is None or not out or self.held_ms < self._hold_ms:
            return False
        self.reached = True
        return True

    @property
    def resting(self) -> bool:
        return self._seen_at_rest and self.onset_ms is None

    @property
    def progress(self) -> float:
        """How much of the way out and of the hold is done: 0..1."""
        if self.onset_ms is None:
            return 0.0
        if self.reached:
            return 1.0
        if self._hold_ms == 0:
            return min(0.99, self.peak / self.target)
        way = min(1.0, self.peak / self.target)
        return WAY_SHARE * way + (1 - WAY_SHARE) * min(1.0, self.held_ms / self._hold_ms)


def sight_held(
    kind: ChallengeType, excursion: Excursion, value: float, captured_at_ms: int
) -> Sighting:
    """What a frame is of an expression that is done once it was held; `value` goes into `excursion`."""
    done = None
    if excursion.update(value, captured_at_ms) and excursion.onset_ms is not None:
        done = Gesture(kind, None, excursion.onset_ms, captured_at_ms)
    extent = value / excursion.target
    return Sighting(excursion.progress, excursion.resting, reached=done, done=done, extent=extent)
