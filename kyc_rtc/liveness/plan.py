"""What a run asks for, one challenge after another, and how that changes on the way."""

from __future__ import annotations

from collections.abc import Sequence

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.issuer import Issuer

GUARANTEED = frozenset({ChallengeType.HEAD_TURN})
"""What every plan asks for (`Issuer.plan`), and what has to be answered in the end, voided or not."""


class Plan:
    """The challenges of a run in order; the one that is asked for is `current`."""

    def __init__(self, challenges: Sequence[Challenge], issuer: Issuer) -> None:
        self._challenges = list(challenges)
        self._issuer = issuer
        self._guaranteed = GUARANTEED & {challenge.type for challenge in challenges}
        self._owed: set[ChallengeType] = set()
        self.index = 0

    @property
    def total(self) -> int:
        return len(self._challenges)

    @property
    def is_done(self) -> bool:
        """Whether none is left to ask for."""
        return self.index >= len(self._challenges)

    @property
    def current(self) -> Challenge:
        return self._challenges[self.index]

    @property
    def excluded(self) -> frozenset[ChallengeType]:
        """The types that are never drawn."""
        return self._issuer.excluded

    def add(self, challenge: Challenge) -> None:
        """One more at the end."""
        self._challenges.append(challenge)

    def draw_again(self) -> Challenge:
        """The same type in the place of the current one, with a newly drawn direction, count or hold."""
        self._challenges[self.index] = self._issuer.draw(self.current.type)
        return self.current

    def replace_voided(self) -> None:
        """Another challenge in the place of the current one, of any type; a guaranteed one stays owed."""
        self._owed |= {self.current.type} & self._guaranteed
        self._challenges[self.index] = self._issuer.redraw()

    def ask_for_one_more(self) -> None:
        """One more at the end, of any type."""
        self.add(self._issuer.redraw())

    def exclude(self, kind: ChallengeType) -> bool:
        """Never ask for `kind` again, now and later: other types take its places, those first that the
        plan does not ask for yet. False where no type is left, so that nothing is asked any more."""
        self._issuer = self._issuer.without({kind})
        self._guaranteed -= {kind}
        self._owed.discard(kind)
        if not self._issuer.types:
            del self._challenges[self.index :]
            return False
        for at in range(self.index, len(self._challenges)):
            if self._challenges[at].type is kind:
                asked = {challenge.type for challenge in self._challenges}
                self._challenges[at] = self._issuer.redraw(but=asked)
        return True

    def close(self) -> None:
        """The current challenge is over. A plan's head turn must not be shed by voiding it."""
        self._owed.discard(self.current.type)
        self.index += 1
        if self.is_done and self._owed:
            self.add(self._issuer.draw(self._owed.pop()))
