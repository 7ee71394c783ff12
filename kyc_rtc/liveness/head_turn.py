"""A head turn: to one side, and back."""

from __future__ import annotations

from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from kyc_rtc.liveness.gesture import Excursion, Gesture, Sighting
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

TURN_DEG = 14.0
"""Talkers sway by up to 12 degrees; who is asked to turn the head turns it by 20 to 50."""
_REST_SHARE = 0.5
_HOLD_MS = 60  # two frames at 30 a second: one alone may be a slip of the mesh


class HeadTurnTracker:
    """Finds head turns to either side. `scale` above 1 asks for larger ones.

    A turn to the other side that follows without a rest is a turn of its own.
    """

    def __init__(self, neutral: NeutralFace, scale: float = 1.0) -> None:
        self._neutral_deg = neutral.yaw_deg.value
        target = TURN_DEG * scale
        self._sides = {
            Direction.LEFT: Excursion(target * _REST_SHARE, target, _HOLD_MS),
            Direction.RIGHT: Excursion(target * _REST_SHARE, target, _HOLD_MS),
        }
        self._turned: Gesture | None = None

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        yaw_deg = signals.yaw_deg - self._neutral_deg
        reached = None
        for direction, side in self._sides.items():
            towards_deg = yaw_deg if direction is Direction.LEFT else -yaw_deg
            if side.update(towards_deg, captured_at_ms) and side.onset_ms is not None:
                reached = Gesture(ChallengeType.HEAD_TURN, direction, side.onset_ms, captured_at_ms)
        done = self._completed(captured_at_ms)
        self._turned = reached or (None if done else self._turned)
        return Sighting(
            progress=1.0 if done else self._progress(),
            resting=all(side.resting for side in self._sides.values()),
            reached=reached,
            done=done,
            lingering=self._turned is not None,
        )

    def progress_towards(self, direction: Direction) -> float:
        """Progress of a turn to that side alone: 0..1."""
        return 0.7 * self._sides[direction].progress

    def _completed(self, captured_at_ms: int) -> Gesture | None:
        turned = self._turned
        if turned is None or turned.direction is None:
            return None
        if not self._sides[turned.direction].resting:
            return None
        return Gesture(turned.type, turned.direction, turned.onset_ms, captured_at_ms)

    def _progress(self) -> float:
        return 0.7 * max(side.progress for side in self._sides.values())
