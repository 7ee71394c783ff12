"""The time before a prompt: the pause, and until the face is at rest."""

from __future__ import annotations

from kyc_rtc.liveness.approach import has_room
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.events import RestAwaited
from kyc_rtc.liveness.gesture import MAX_STEP_MS
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.judge import DELIBERATE, Bystander
from kyc_rtc.liveness.neutral import NeutralCollector, NeutralFace
from kyc_rtc.liveness.signals import Signals
from kyc_rtc.liveness.tries import Seen

REST_LIMIT_MS = 5_000
"""So long, beyond the pause, a prompt waits for the face to come to rest; but never without a face."""
UNCONCERNED_LIMIT_MS = 2_000
"""The same where only the mouth is not at rest and the prompt will not ask for it."""
_HINT_AFTER_MS = 700
"""Beyond the pause: by then nearly everybody is back."""
_REST_MS = 200
"""So long the face has to be at rest: it may also pass through on its way."""
_RENEWAL_MS = 500  # of a still face: where it rests now


class Wait:
    """Waits with one prompt. `first` is the neutral face of the beginning, from which a later one may
    differ by so much; `neutral` is the latest. Whoever went on with what was asked last, of type
    `after`, did nothing unasked."""

    def __init__(
        self,
        first: NeutralFace,
        neutral: NeutralFace,
        pause_ms: int,
        after: ChallengeType | None = None,
    ) -> None:
        self.neutral = neutral
        self._first = first
        self._pause_ms = pause_ms
        self._kinds = DELIBERATE - {after}
        self._bystander = Bystander(self._kinds, neutral)
        self._collector = NeutralCollector(_RENEWAL_MS)
        self._waited_ms = self._rested_ms = 0.0
        self._was_at_rest = self._hinted = False
        self._lacks = Hint.REST_FIRST

    def interrupt(self) -> None:
        """The face is not seen, or cannot be judged."""
        self._collector.interrupt()
        self._was_at_rest = False

    def begin_anew(self) -> None:
        """A short outage is over: what was begun before it is forgotten. The pause goes on, for a busy
        server would never come to its end."""
        self.interrupt()
        self._bystander = Bystander(self._kinds, self.neutral)

    def unasked(self, signals: Signals, captured_at_ms: int) -> int:
        """How many deliberate actions became unmistakable on this frame."""
        return len(self._bystander.update(signals, captured_at_ms))

    def is_over(self, seen: Seen, signals: Signals, kind: ChallengeType) -> bool:
        """Whether a prompt of type `kind` may go out. Only time in which a face is seen counts: who
        comes back from a gap needs the pause too."""
        step_ms = min(seen.step_ms, MAX_STEP_MS)
        self._waited_ms += step_ms
        later = self._collector.update(signals, seen.captured_at_ms)
        if later is not None and later.settled:
            self.neutral = self._first.renewed_by(later)
        at_rest = self.neutral.is_near(signals) and self.neutral.is_near_enough(signals, kind)
        self._lacks = _lacks(signals, kind)
        self._rested_ms = self._rested_ms + step_ms if at_rest and self._was_at_rest else 0.0
        self._was_at_rest = at_rest
        beyond_ms = self._waited_ms - self._pause_ms
        if beyond_ms < 0:
            return False
        limit_ms = UNCONCERNED_LIMIT_MS
        if not self.neutral.is_near_enough(signals, kind):
            limit_ms = REST_LIMIT_MS
        return self._rested_ms >= _REST_MS or beyond_ms >= limit_ms

    def hint(self) -> tuple[RestAwaited, ...]:
        """The hint, once, for whoever does not come to rest."""
        late = self._waited_ms - self._pause_ms >= _HINT_AFTER_MS
        if self._hinted or self._was_at_rest or not late:
            return ()
        self._hinted = True
        return (RestAwaited(self._lacks),)


def _lacks(signals: Signals, kind: ChallengeType) -> Hint:
    """What a face that is not at rest has to do before a prompt of type `kind`."""
    if has_room(kind, signals.eye_span):
        return Hint.REST_FIRST
    return Hint.MAKE_ROOM if kind is ChallengeType.COME_CLOSER else Hint.GET_NEARER
