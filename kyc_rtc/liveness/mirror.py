"""Mirrored pictures: some cameras and virtual cameras send one, and then every turn goes to the other side.

Whether a picture is mirrored cannot be seen in it. The first head turn of a run that goes to the other
side is therefore a calibrating turn: it gives no credit and is not a wrong action, and another head turn
takes its place, with a direction drawn anew. Where that one is reversed, too, the picture counts as
mirrored, and later turns are judged so; where it is not, somebody mixed up left and right, once.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.judge import Judge, Progress
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.signals import Signals

_OTHER_SIDE = {Direction.LEFT: Direction.RIGHT, Direction.RIGHT: Direction.LEFT}


class Mirror(StrEnum):
    """What is known of a run's picture."""

    UNKNOWN = "unknown"
    AS_IT_IS = "as_it_is"
    """A turn went to the side that was asked for."""
    SUSPECTED = "suspected"
    """The calibrating turn was made: the next one tells."""
    MIRRORED = "mirrored"

    @property
    def settled(self) -> bool:
        """Whether a turn to the wrong side is the person's doing."""
        return self in (Mirror.UNKNOWN, Mirror.AS_IT_IS)

    def after(self, progress: Progress) -> Mirror:
        """What is known after a head turn that was answered."""
        match self:
            case Mirror.SUSPECTED:
                return Mirror.MIRRORED if progress.reversed else Mirror.AS_IT_IS
            case Mirror.UNKNOWN:
                return Mirror.AS_IT_IS
            case Mirror.AS_IT_IS | Mirror.MIRRORED:
                return self


class EitherSide:
    """Judges a head turn in a picture that may be mirrored: it may go to either side."""

    def __init__(self, challenge: Challenge, neutral: NeutralFace, prompted_at_ms: int) -> None:
        self._asked = Judge(challenge, neutral, prompted_at_ms)
        self._other = Judge(mirrored(challenge), neutral, prompted_at_ms)

    def update(self, signals: Signals, captured_at_ms: int) -> Progress:
        asked = self._asked.update(signals, captured_at_ms)
        other = replace(self._other.update(signals, captured_at_ms), reversed=True)
        if asked.done or other.done:
            return asked if asked.done else other
        wrong = Hint.WRONG_ACTION if Hint.WRONG_ACTION in (asked.wrong, other.wrong) else None
        further = max(asked, other, key=lambda one: one.progress)
        return replace(further, wrong=wrong)


def mirrored(challenge: Challenge) -> Challenge:
    """The same head turn as it looks in a mirrored picture."""
    if challenge.direction is None:
        raise ValueError(f"a {challenge.type} has no side")
    return replace(challenge, direction=_OTHER_SIDE[challenge.direction])


def judge_for(
    challenge: Challenge, neutral: NeutralFace, prompted_at_ms: int, mirror: Mirror
) -> Judge | EitherSide:
    """The judge of one try, in a picture of which so much is known."""
    if challenge.type is ChallengeType.HEAD_TURN:
        if mirror is Mirror.SUSPECTED:
            return EitherSide(challenge, neutral, prompted_at_ms)
        if mirror is Mirror.MIRRORED:
            challenge = mirrored(challenge)
    return Judge(challenge, neutral, prompted_at_ms)
