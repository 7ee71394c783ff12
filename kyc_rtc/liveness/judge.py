"""Judging one attempt at one challenge."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.liveness.approach import ApproachTracker
from kyc_rtc.liveness.blink import BlinkTracker
from kyc_rtc.liveness.catalogue import HELD, Challenge, ChallengeType, Direction
from kyc_rtc.liveness.gesture import WAY_SHARE, Gesture, GestureTracker, Sighting
from kyc_rtc.liveness.head_turn import HeadTurnTracker
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.mouth_open import MouthOpenTracker
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.nod import NodTracker
from kyc_rtc.liveness.shortfall import FURTHER, Shortfall
from kyc_rtc.liveness.signals import Signals
from kyc_rtc.liveness.smile import SmileTracker
from kyc_rtc.settings import SHORTEST_HOLD_MS

MIN_REACTION_MS = 150
"""Nobody answers a prompt sooner: simple visual reactions take 180 to 250 ms, without the network."""
REPEAT_LIMIT_MS = {ChallengeType.NOD: 3_000, ChallengeType.BLINK: 1_500}
"""The blinks, or nods, of one answer follow each other within this; else natural ones would add up.
People blink every few seconds by themselves, so that blinks that are meant have to come faster."""
UNASKED_SCALE = 1.5
"""An action that was not asked for is held against somebody only when it is this much clearer."""
DELIBERATE = frozenset({ChallengeType.HEAD_TURN, ChallengeType.NOD, ChallengeType.MOUTH_OPEN})
"""What people do not do by themselves before a camera. They blink, and smile at what they are asked."""
_BEGUN = (
    0.25  # progress from which an attempt that timed out was "not clear enough", not "too late"
)
_REST_WAIT_MS = 600
"""So long after the prompt nothing is said about a face that is not at rest yet."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an attempt stands after a frame.

    `progress`: 0..1, of all repetitions · `wrong`: set when the attempt has failed · `hint`: what to
    tell if the time is up now · `onset_ms`: when the first repetition that counts began · `advice`: what
    to do differently while there is time, or None · `reversed`: the answer came to the other side, in a
    picture that may be mirrored (`mirror.py`).
    """

    progress: float
    count_done: int
    done: bool
    wrong: Hint | None
    hint: Hint
    onset_ms: int | None
    advice: Hint | None = None
    reversed: bool = False


def new_tracker(
    kind: ChallengeType,
    neutral: NeutralFace,
    *,
    scale: float = 1.0,
    towards: Direction | None = None,
    hold_ms: int = 0,
) -> GestureTracker:
    """The tracker for one type of action. A blink has no scale: an eye is shut or it is not."""
    hold_ms = max(hold_ms, SHORTEST_HOLD_MS)
    match kind:
        case ChallengeType.HEAD_TURN:
            return HeadTurnTracker(neutral, scale, towards)
        case ChallengeType.NOD:
            return NodTracker(neutral, scale)
        case ChallengeType.BLINK:
            return BlinkTracker(neutral)
        case ChallengeType.SMILE:
            return SmileTracker(neutral, scale, hold_ms)
        case ChallengeType.MOUTH_OPEN:
            return MouthOpenTracker(neutral, scale, hold_ms)
        case ChallengeType.COME_CLOSER | ChallengeType.STEP_BACK:
            return ApproachTracker(kind, neutral.eye_span, scale)


class Bystander:
    """Finds clear, deliberate actions of the given types, whichever was asked for."""

    def __init__(self, kinds: frozenset[ChallengeType], neutral: NeutralFace) -> None:
        self._trackers = [new_tracker(kind, neutral, scale=UNASKED_SCALE) for kind in sorted(kinds)]

    def update(self, signals: Signals, captured_at_ms: int) -> tuple[Gesture, ...]:
        """The actions that became unmistakable on this frame."""
        sightings = [tracker.update(signals, captured_at_ms) for tracker in self._trackers]
        return tuple(one.reached for one in sightings if one.reached)


class Judge:
    """Follows one attempt, from the prompt on. Frames come in order of time.

    Only what began after the prompt counts: a face that is already turned, smiling or open has to
    come to rest first. A wrong action fails the attempt.
    """

    def __init__(self, challenge: Challenge, neutral: NeutralFace, prompted_at_ms: int) -> None:
        self._challenge = challenge
        self._prompted_at_ms = prompted_at_ms
        self._shortfall = Shortfall()
        self._rested = False
        self._earliest_ms = prompted_at_ms + MIN_REACTION_MS
        self._own = new_tracker(
            challenge.type, neutral, towards=challenge.direction, hold_ms=challenge.hold_ms
        )
        self._bystander = Bystander(_held_against(challenge), neutral)
        self._repeat_limit_ms = REPEAT_LIMIT_MS.get(challenge.type, 0)
        self._count = self._most = 0
        self._onset_ms: int | None = None
        self._last_done_ms = 0
        self._best = 0.0
        self._early = self._other_way = self._lingering = False
        self._too_fast = self._was_too_fast = False

    def update(self, signals: Signals, captured_at_ms: int) -> Progress:
        sighting = self._own.update(signals, captured_at_ms)
        wrong = self._find_wrong(signals, captured_at_ms, sighting.resting)
        if self._count and captured_at_ms - self._last_done_ms > self._repeat_limit_ms:
            self._count, self._onset_ms = 0, None
        if sighting.done:
            self._take(sighting.done)
        self._note(sighting, captured_at_ms)
        short = self._shortfall.update(sighting.extent, captured_at_ms)
        done = self._count >= self._challenge.count
        partial = 0.0 if done or sighting.done else sighting.progress
        progress = min(1.0, (self._count + partial) / self._challenge.count)
        self._best = max(self._best, progress)
        return Progress(
            progress,
            self._count,
            done,
            None if done else wrong,
            self._hint(),
            self._onset_ms,
            self._advice(captured_at_ms, short=short),
        )

    def _advice(self, captured_at_ms: int, *, short: bool) -> Hint | None:
        if not self._rested:
            waited_ms = captured_at_ms - self._prompted_at_ms
            return Hint.REST_FIRST if waited_ms > _REST_WAIT_MS else None
        if self._too_fast:
            return Hint.SLOWER
        return FURTHER[self._challenge.type] if short else None

    def _take(self, gesture: Gesture) -> None:
        if gesture.onset_ms < self._earliest_ms:
            self._early = True
            return
        if gesture.direction is not self._challenge.direction:
            self._other_way = True
            return
        if self._count == 0:
            self._onset_ms = gesture.onset_ms
        self._count += 1
        self._most = max(self._most, self._count)
        self._last_done_ms = gesture.end_ms

    def _find_wrong(self, signals: Signals, captured_at_ms: int, resting: bool) -> Hint | None:
        """What comes in the course of the asked action belongs to it: a turn may dip, a jaw tilt."""
        for gesture in self._bystander.update(signals, captured_at_ms):
            if gesture.onset_ms < self._earliest_ms:
                self._early = True
            elif gesture.type is not self._challenge.type:
                if resting:
                    return Hint.WRONG_ACTION
            elif gesture.direction is not self._challenge.direction:
                return Hint.WRONG_DIRECTION
        return None

    def _note(self, sighting: Sighting, captured_at_ms: int) -> None:
        self._lingering, self._too_fast = sighting.lingering, sighting.too_fast
        self._was_too_fast = self._was_too_fast or sighting.too_fast
        self._rested = self._rested or sighting.resting
        if captured_at_ms < self._earliest_ms and not sighting.resting:
            self._early = True

    def _hint(self) -> Hint:
        if self._lingering:
            return Hint.COME_BACK
        if self._most:
            return Hint.MORE_TIMES
        if self._other_way:
            return Hint.WRONG_DIRECTION
        if self._early or self._was_too_fast:
            return Hint.TOO_EARLY if self._early else Hint.SLOWER
        if self._challenge.type in HELD and self._best > WAY_SHARE:
            return Hint.HOLD_LONGER
        return self._not_enough()

    def _not_enough(self) -> Hint:
        if self._shortfall.ever:
            return FURTHER[self._challenge.type]
        return Hint.MORE_CLEARLY if self._best >= _BEGUN else Hint.TOO_LATE


def _held_against(challenge: Challenge) -> frozenset[ChallengeType]:
    """A smile may come with an open mouth; of the asked action only the other side is wrong."""
    if challenge.type is ChallengeType.SMILE:
        return DELIBERATE - {ChallengeType.MOUTH_OPEN}
    return DELIBERATE if challenge.direction else DELIBERATE - {challenge.type}
