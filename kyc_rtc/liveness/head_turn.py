"""A head turn: to one side, and back."""

from __future__ import annotations

from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from kyc_rtc.liveness.gesture import Excursion, Gesture, Sighting
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

TURN_DEG = 14.0
"""Talkers sway by up to 12 degrees; who is asked to turn the head turns it by 20 to 50."""
_REST_SHARE = 0.5
_RETURN_SHARE = 0.4  # of the turn: after a wide one, people stop a little short of where they began
_HOLD_MS = 60  # two frames at 30 a second: one alone may be a slip of the mesh


class HeadTurnTracker:
    """Finds head turns to either side. `scale` above 1 asks for larger ones.

    `towards` names the side whose progress is reported; both sides are found all the same. A turn to the
    other side that follows without a rest is a turn of its own.
    """

    def __init__(
        self, neutral: NeutralFace, scale: float = 1.0, towards: Direction | None = None
    ) -> None:
        self._neutral_deg = neutral.yaw_deg
        target = TURN_DEG * scale
        self._target_deg, self._towards = target, towards
        self._rest_deg = target * _REST_SHARE
        self._sides = {
            direction: Excursion(self._rest_deg, target, _HOLD_MS) for direction in Direction
        }
        self._reported = [self._sides[towards]] if towards else list(self._sides.values())
        self._turned: Gesture | None = None
        self._peak_deg = 0.0

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        yaw_deg = signals.yaw_deg - self._neutral_deg
        reached = None
        for direction, side in self._sides.items():
            if (
                side.update(_outwards(yaw_deg, direction), captured_at_ms)
                and side.onset_ms is not None
            ):
                reached = Gesture(ChallengeType.HEAD_TURN, direction, side.onset_ms, captured_at_ms)
        if reached:
            self._turned, self._peak_deg = reached, 0.0
        done = self._completed(yaw_deg, captured_at_ms)
        return Sighting(
            progress=1.0 if done else 0.7 * max(side.progress for side in self._reported),
            resting=all(side.resting for side in self._sides.values()),
            reached=reached,
            done=done,
            lingering=self._turned is not None,
            extent=_outwards(yaw_deg, self._towards) / self._target_deg,
        )

    def _completed(self, yaw_deg: float, captured_at_ms: int) -> Gesture | None:
        turned = self._turned
        if turned is None:
            return None
        outwards_deg = _outwards(yaw_deg, turned.direction)
        self._peak_deg = max(self._peak_deg, outwards_deg)
        if outwards_deg > max(self._rest_deg, _RETURN_SHARE * self._peak_deg):
            return None
        self._turned = None
        return Gesture(turned.type, turned.direction, turned.onset_ms, captured_at_ms)


def _outwards(yaw_deg: float, towards: Direction | None) -> float:
    """How far the head is turned to this side; to either side, without one."""
    match towards:
        case Direction.LEFT:
            return yaw_deg
        case Direction.RIGHT:
            return -yaw_deg
        case None:
            return abs(yaw_deg)
