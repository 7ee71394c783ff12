"""Drawing challenges: order, types, directions and counts that nobody can foresee."""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection

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

    def __init__(
        self,
        settings: LivenessSettings,
        source: random.Random | None = None,
        excluded: Collection[ChallengeType] = (),
    ) -> None:
        """`excluded`: types that are never drawn."""
        self.settings = settings
        self.excluded = frozenset(excluded)
        allowed = map(ChallengeType, settings.challenge_types)
        self.types = tuple(kind for kind in allowed if kind not in self.excluded)
        self._source = source or secrets.SystemRandom()

    def under(self, settings: LivenessSettings) -> Issuer:
        """An issuer with other settings and the same random source."""
        if settings == self.settings:
            return self
        return Issuer(settings, self._source, self.excluded)

    def without(self, kinds: Collection[ChallengeType]) -> Issuer:
        """An issuer that draws none of `kinds` either, and has the same random source."""
        more = self.excluded.union(kinds)
        return self if more == self.excluded else Issuer(self.settings, self._source, more)

    def plan(self) -> tuple[Challenge, ...]:
        """A verification's challenges: all of different types, a head turn among them.

        The head turn is never missing because the face in motion tells most: a flat picture shows
        as one, and a face swap meets its worst angles. An open mouth is the next to tell of a swap
        (docs/detection.md, by moment), so that it comes more often than the others, and not so
        often that it is foreseen. Where exclusions leave fewer types than challenges, some come again;
        where they leave none, the plan is empty.
        """
        types, wanted = self.types, self.settings.challenges
        kinds = list({ChallengeType.HEAD_TURN}.intersection(types))
        others = [kind for kind in types if kind not in kinds]
        may_open = wanted > len(kinds) and ChallengeType.MOUTH_OPEN in others
        if may_open and self._source.random() < _MOUTH_OPEN_SURELY:
            others.remove(ChallengeType.MOUTH_OPEN)
            kinds.append(ChallengeType.MOUTH_OPEN)
        kinds += self._source.sample(others, min(wanted - len(kinds), len(others)))
        while types and len(kinds) < wanted:
            kinds.append(self._source.choice(types))
        self._source.shuffle(kinds)
        return tuple(self.draw(kind) for kind in kinds)

    def redraw(self, but: Collection[ChallengeType] = ()) -> Challenge:
        """One challenge in place of one that was voided: of any type that may be drawn, answered ones
        included, each as likely, so that nobody gains who voids what was asked and hopes for what is left.
        `but`: types that come only where there are no others."""
        rather = tuple(kind for kind in self.types if kind not in but)
        return self.draw(self._source.choice(rather or self.types))

    def draw(self, kind: ChallengeType) -> Challenge:
        """One challenge of this type, with a newly drawn direction, count or hold."""
        match kind:
            case ChallengeType.HEAD_TURN:
                return Challenge(kind, direction=self._source.choice(tuple(Direction)))
            case ChallengeType.BLINK | ChallengeType.NOD:
                return Challenge(kind, count=self._source.choice(counts(kind, self.settings)))
            case ChallengeType.SMILE | ChallengeType.MOUTH_OPEN:
                return Challenge(kind, hold_ms=self._source.choice(holds_ms(self.settings)))
            case ChallengeType.COME_CLOSER | ChallengeType.STEP_BACK:
                return Challenge(kind)

    def pause_ms(self) -> int:
        """How long to wait before a prompt: long enough to read a result, and not to be foreseen."""
        return self._source.randint(700, 1_300)
