"""An open mouth: wider than in talking, and held."""

from __future__ import annotations

from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.gesture import Excursion, Sighting, sight_held
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

JAW_RISE = 0.3
"""Above the person's own resting jaw. Talk goes as far, but for one or two frames at a time."""
GAP_RISE = 0.10
"""Between the lips, in distances of the outer eye corners: a dropped jaw behind closed lips is none."""
_REST_SHARE = 0.5


class MouthOpenTracker:
    """Finds a mouth held open. `scale` above 1 asks for wider ones, `hold_ms` for longer."""

    def __init__(self, neutral: NeutralFace, scale: float, hold_ms: int) -> None:
        self._neutral = neutral
        self._excursion = Excursion(scale * _REST_SHARE, scale, hold_ms)

    def update(self, signals: Signals, captured_at_ms: int) -> Sighting:
        openness = self._openness(signals)
        return sight_held(ChallengeType.MOUTH_OPEN, self._excursion, openness, captured_at_ms)

    def _openness(self, signals: Signals) -> float:
        """1 when both the jaw and the lips are as far apart as asked; the lesser of the two."""
        jaw = (signals.jaw_open - self._neutral.jaw_open) / JAW_RISE
        gap = (signals.mouth_gap - self._neutral.mouth_gap) / GAP_RISE
        return min(jaw, gap)
