"""Movements that go the asked way and stay too small, so that somebody can be asked for a little more."""

from __future__ import annotations

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.hints import Hint

FURTHER = {
    ChallengeType.HEAD_TURN: Hint.TURN_FURTHER,
    ChallengeType.NOD: Hint.NOD_DEEPER,
    ChallengeType.BLINK: Hint.SHUT_EYES,
    ChallengeType.SMILE: Hint.SMILE_WIDER,
    ChallengeType.MOUTH_OPEN: Hint.OPEN_WIDER,
    ChallengeType.COME_CLOSER: Hint.CLOSER,
    ChallengeType.STEP_BACK: Hint.FURTHER_BACK,
}
"""The hint for each type."""

TOO_SMALL = frozenset({*FURTHER.values(), Hint.HOLD_LONGER})
"""What is said to somebody who does what is asked, and less of it: as who cannot do more."""

BEGUN = 0.4
"""Of what is asked: from here on it is a movement, and not a sway."""
_RESTING = 0.3
_RECEDED = 0.2
_GROWTH = 0.05
_STANDS_MS = 500
_STANDS_OUT_MS = 2_500
"""A hint stays for so long, unless more comes sooner."""


class Shortfall:
    """Follows how far one movement goes, 1 being enough; frames come in order of media time.

    It is too small when it recedes, or goes no further for half a second, after at least `BEGUN` and
    before 1. What was enough is not too small on its way back.
    """

    def __init__(self) -> None:
        self.ever = False
        self._peak = 0.0
        self._peak_ms = 0
        self._from_rest = False
        self._said_ms: int | None = None

    def update(self, extent: float, captured_at_ms: int) -> bool:
        """Whether the latest movement was too small, or is."""
        if extent >= 1.0:
            self._from_rest, self._said_ms = False, None
        elif extent <= _RESTING:
            if self._from_rest and self._peak >= BEGUN:
                self._say(captured_at_ms)
            self._from_rest, self._peak = True, 0.0
        elif self._from_rest:
            self._follow(extent, captured_at_ms)
        return self._said_ms is not None and captured_at_ms - self._said_ms <= _STANDS_OUT_MS

    def _follow(self, extent: float, captured_at_ms: int) -> None:
        if extent > self._peak + _GROWTH:
            self._peak, self._peak_ms = extent, captured_at_ms
        stands = captured_at_ms - self._peak_ms >= _STANDS_MS
        if self._peak >= BEGUN and (stands or extent <= self._peak - _RECEDED):
            self._say(captured_at_ms)

    def _say(self, captured_at_ms: int) -> None:
        self.ever, self._said_ms = True, captured_at_ms
