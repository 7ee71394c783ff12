"""A smile: both corners of the mouth up, and held."""

from __future__ import annotations

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.gesture import Excursion, Sighting, sight_held
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

SMILE_RISE = 0.3
"""Above the person's own resting smile."""
_REST_SHARE = 0.5


class SmileTracker:
    """Finds smiles, open or closed. `scale` above 1 asks for broader ones, `hold_ms` for longer ones."""

    def __init__(self, neutral: NeutralFace, scale: float, hold_ms: int) -> None:
        self._neutral = neutral.smile
        target = SMILE_RISE * scale
        self._excursion = Excursion(target * _REST_SHARE, target, hold_ms)

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        rise = signals.smile - self._neutral
        return sight_held(ChallengeType.SMILE, self._excursion, rise, captured_at_ms)
