"""Drawing challenges: order, types, directions and counts that nobody can foresee."""

from __future__ import annotations

import random
import secrets

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.settings import LivenessSettings

_MOUTH_OPEN_SURELY = 1 / 3
"""Share of plans in which it is set; with three challenges it is then in two plans of three."""


def counts(kind: ChallengeType, settings: LivenessSettings) -> range:
    """How many repetitions may be asked for, in order; 1 alone of what is done once."""
    least, most = {
        ChallengeType.BLINK: (settings.min_blinks, settings.max_blinks),
        ChallengeType.NOD: (settings.min_nods, settings.max_nods),
    }.get(kind, (1, 1))
    return range(least, most + 1)


def holds_ms(settings: LivenessSettings) -> range:
    """For how long a smile or an open mouth may have to be held."""
    return range(settings.min_hold_ms, settings.max_hold_ms + 1)


class Issuer:
    """Draws challenges from the operating system's random source, or from `source` in tests."""

    def __init__(self, settings: LivenessSettings, source: random.Random | None = None) -> None:
        self.settings = settings
        self._types = tuple(map(ChallengeType, settings.challenge_types))
        self._source = source or secrets.SystemRandom()

    def under(self, settings: LivenessSettings) -> Issuer:
        """An issuer with other settings and the same random source."""
        return self if settings == self.settings else Issuer(settings, self._source)

    def plan(self) -> tuple[Challenge, ...]:
        """A verification's challenges: all of different types, a head turn among them.

        The head turn is never missing because the face in motion tells most: a flat picture shows
        as one, and a face swap meets its worst angles. An open mouth is the next to tell of a swap
        (docs/detection.md, by moment), so that it comes more often than the others, and not so
        often that it is foreseen.
        """
        others = [kind for kind in self._types if kind is not ChallengeType.HEAD_TURN]
        kinds = [ChallengeType.HEAD_TURN]
        may_open = self.settings.challenges > 1 and ChallengeType.MOUTH_OPEN in others
        if may_open and self._source.random() < _MOUTH_OPEN_SURELY:
            others.remove(ChallengeType.MOUTH_OPEN)
            kinds.append(ChallengeType.MOUTH_OPEN)
        kinds += self._source.sample(others, self.settings.challenges - len(kinds))
        self._source.shuffle(kinds)
        return tuple(self.draw(kind) for kind in kinds)

    def redraw(self) -> Challenge:
        """One challenge in place of one that was voided: of any type that may be drawn, answered ones
        included, each as likely, so that nobody gains who voids what was asked and hopes for what is left."""
        return self.draw(self._source.choice(self._types))

    def draw(self, kind: ChallengeType) -> Challenge:
        """One challenge of this type, with a newly drawn direction, count or hold."""
        match kind:
            case ChallengeType.HEAD_TURN:
                return Challenge(kind, direction=self._source.choice(tuple(Direction)))
            case ChallengeType.BLINK | ChallengeType.NOD:
                return Challenge(kind, count=self._source.choice(counts(kind, self.settings)))
            case ChallengeType.SMILE | ChallengeType.MOUTH_OPEN:
                return Challenge(kind, hold_ms=self._source.choice(holds_ms(self.settings)))

    def pause_ms(self) -> int:
        """How long to wait before a prompt: long enough to read a result, and not to be foreseen."""
        return self._source.randint(700, 1_300)
