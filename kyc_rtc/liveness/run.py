"""A run of challenges: a pure state machine, from the neutral face to the outcome.

Two axes of time: the shape of an action is judged in media time (`captured_at_ms`); deadlines, gaps
and waits run in real time (`received_at_ms`, `now_ms`: milliseconds of a monotonic clock).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.events import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeProgressed,
    ChallengeVoided,
    LivenessEvent,
    RunFinished,
    RunOutcome,
    VoidReason,
)
from kyc_rtc.liveness.gesture import MAX_STEP_MS
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.liveness.judge import DELIBERATE, Bystander
from kyc_rtc.liveness.neutral import NeutralCollector, NeutralFace
from kyc_rtc.liveness.signals import Signals, read_signals
from kyc_rtc.liveness.tries import OpenTry, Prompt, Seen, Tally
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import FaceObservation

__all__ = [
    "ChallengeEnded",
    "ChallengeIssued",
    "ChallengeProgressed",
    "ChallengeRun",
    "ChallengeVoided",
    "LivenessEvent",
    "RunFinished",
    "RunOutcome",
    "VoidReason",
]

REST_LIMIT_MS = 5_000
"""So long, beyond the pause, a prompt waits for the face to come to rest; but never without a face."""
UNASKED_LIMIT = 2
"""Who has done so many things that nobody asked for gets no more second tries."""
VOIDS_BEFORE_EXTRA = 2
"""From so many voids on one more challenge is asked: more draws have to be paid for with more answers."""
GUARANTEED = frozenset({ChallengeType.HEAD_TURN})
"""What every plan asks for (`Issuer.plan`), and what has to be answered in the end, voided or not."""
PROFILE_LIMIT_MS = 4_000
"""So long a head that was turned as asked may be out of sight: no mesh is found in a full profile. Who
renders answers gains little by it, for the side has been answered, and only the way back is left."""
_RENEWAL_MS = 500  # of a still face between two challenges: its pose is the new neutral pose


class _Phase(Enum):
    NEUTRAL = auto()
    WAITING = auto()
    ISSUED = auto()
    OPEN = auto()
    FINISHED = auto()


class ChallengeRun:
    """Asks for the challenges of `plan` one after another and judges the answers.

    A prompt that was issued is open from `sent` on, until its deadline in real time, which nothing
    moves. A gap of more than `gap_limit_ms` without a frame, as long a time without one that can be
    judged, or a new peer voids the open challenge: that costs no try, and another one is drawn in its
    place, for whoever had time to think may have had time to fake. After `settings.voids` of them, one
    more aborts the run.

    A try that fails is followed by another at the same type with a newly drawn direction or count,
    `attempts` in all; but not for those who did `UNASKED_LIMIT` things that nobody asked for, as a
    recording does. A wrong action fails a try at once; the run goes on to the end whatever fails, so
    that the other evidence gathers.

    `gap_limit_ms` is `settings.void_after_ms` unless somebody sets it.
    """

    def __init__(
        self,
        plan: Sequence[Challenge],
        settings: LivenessSettings,
        new_id: Callable[[], str],
        issuer: Issuer | None = None,
    ) -> None:
        self.gap_limit_ms: float = settings.void_after_ms
        self._plan = list(plan)
        self._settings = settings
        self._new_id = new_id
        self._issuer = issuer or Issuer(settings)
        self._collector = NeutralCollector(settings.neutral_ms)
        self._first_neutral: NeutralFace | None = None
        self._neutral: NeutralFace | None = None
        self._bystander: Bystander | None = None
        self._phase = _Phase.NEUTRAL
        self._last_received_ms: float | None = None
        self._waited_ms = self._unusable_ms = 0.0
        self._pause_ms = 0
        self._prompt: Prompt | None = None
        self._open: OpenTry | None = None
        self._aborted: VoidReason | None = None
        self._tries_made = 0
        self._index = 0
        self._tally = Tally()
        self._guaranteed = GUARANTEED & {challenge.type for challenge in plan}
        self._owed: set[ChallengeType] = set()

    @property
    def finished(self) -> bool:
        """Whether nothing more is asked. `add` may change that, unless the run was aborted."""
        return self._phase is _Phase.FINISHED

    @property
    def aborted(self) -> VoidReason | None:
        """Why the run was given up before its end: too many voids, or too long a poor picture."""
        return self._aborted

    @property
    def outcome(self) -> RunOutcome:
        """The counts so far."""
        return self._tally.outcome(len(self._plan))

    def add(self, challenge: Challenge) -> None:
        """Ask for one more challenge after those that are planned, also when the run had finished."""
        if self._aborted is not None:
            return
        self._plan.append(challenge)
        if not self.finished:
            return
        if self._neutral is None:
            self._collector = NeutralCollector(self._settings.neutral_ms)
            self._phase = _Phase.NEUTRAL
        else:
            self._begin_wait(self._neutral, after=None)

    def update(
        self,
        observation: FaceObservation,
        usable: bool,
        received_at_ms: float,
        gap_ms: float = 0.0,
    ) -> tuple[LivenessEvent, ...]:
        """Take the next frame, in order of capture.

        `usable`: the picture can be judged. `received_at_ms`: real time. `gap_ms`: the longest real
        time between decoded frames, analysed or not, since the last call.
        """
        seen = self._see(observation, usable, received_at_ms, gap_ms)
        match self._phase:
            case _Phase.NEUTRAL:
                return self._gather_neutral(seen)
            case _Phase.WAITING if self._neutral is not None:
                return self._wait(seen, self._neutral)
            case _Phase.OPEN if self._open is not None:
                return self._watch(seen, self._open)
            case _:
                return ()

    def sent(self, now_ms: float, media_ms: int) -> None:
        """The prompt that was issued has been sent: from now on it is open. Ignored without one.

        `now_ms`: real time; `media_ms`: the same moment in media time.
        """
        prompt, self._prompt = self._prompt, None
        if prompt is None:
            return
        self._tries_made += 1
        self._tally.attempts += 1
        self._tally.asked = self._index + 1
        self._phase = _Phase.OPEN
        self._open = OpenTry(prompt, now_ms, media_ms, self._settings.time_limit_ms)

    def check(self, now_ms: float, last_frame_ms: float) -> tuple[LivenessEvent, ...]:
        """See to it that an open challenge ends though no frame is analysed.

        `last_frame_ms`: real time at which the last frame was decoded.
        """
        opened = self._open
        if opened is None:
            return ()
        if now_ms - max(last_frame_ms, opened.opened_at_ms) > self.gap_limit_ms:
            return self._void_open(VoidReason.GAP, opened)
        if now_ms - opened.deadline_ms > self.gap_limit_ms:  # frames come, and none is analysed
            return self._void_open(VoidReason.GAP, opened)
        return ()

    def void(self, reason: VoidReason) -> tuple[LivenessEvent, ...]:
        """Void the open challenge, whatever it shows. One that was issued and not yet sent is withdrawn
        and drawn anew; nobody has seen it, so that this counts as no void."""
        if self._open is not None:
            return self._void_open(reason, self._open)
        prompt, self._prompt = self._prompt, None
        if prompt is None or self._neutral is None:
            return ()
        self._plan[self._index] = self._issuer.draw(prompt.challenge.type)
        self._begin_wait(self._neutral, after=None)
        return (
            ChallengeVoided(
                prompt.challenge_id, prompt.challenge, reason, will_redraw=True, shown=False
            ),
        )

    def _see(
        self, observation: FaceObservation, usable: bool, received_at_ms: float, gap_ms: float
    ) -> Seen:
        face, last_ms = observation.face, self._last_received_ms
        step_ms = 0.0 if last_ms is None else max(0.0, received_at_ms - last_ms)
        self._last_received_ms = max(received_at_ms, last_ms or received_at_ms)
        signals = read_signals(face) if face is not None and usable else None
        return Seen(
            observation.captured_at_ms, received_at_ms, signals, face is not None, gap_ms, step_ms
        )

    def _stays_unusable(self, seen: Seen) -> bool:
        """Whether this frame exhausts the time for which, while nothing is open, the picture may be
        poor. Of a gap no more counts than voids a challenge: gaps are the link's."""
        self._unusable_ms += min(seen.step_ms, self.gap_limit_ms)
        return self._unusable_ms > self._settings.quality_time_limit_ms

    def _gather_neutral(self, seen: Seen) -> tuple[LivenessEvent, ...]:
        if not self._plan:
            return self._finish()
        if seen.signals is None:
            self._collector.interrupt()
            return self._abort(VoidReason.PICTURE) if self._stays_unusable(seen) else ()
        neutral = self._collector.update(seen.signals, seen.captured_at_ms)
        if neutral is not None:
            self._neutral = self._first_neutral = neutral
            self._begin_wait(neutral, after=None)
        return ()

    def _begin_wait(self, neutral: NeutralFace, after: ChallengeType | None) -> None:
        """What people were just asked for they may go on doing; that is not an unasked action."""
        self._phase = _Phase.WAITING
        self._prompt = self._open = None
        self._waited_ms, self._pause_ms = 0.0, self._issuer.pause_ms()
        self._bystander = Bystander(DELIBERATE - {after}, neutral)
        self._collector = NeutralCollector(_RENEWAL_MS)

    def _wait(self, seen: Seen, neutral: NeutralFace) -> tuple[LivenessEvent, ...]:
        """Only time in which a face is seen counts: who comes back from a gap needs the pause too."""
        if seen.signals is None:
            self._collector.interrupt()
            return self._abort(VoidReason.PICTURE) if self._stays_unusable(seen) else ()
        self._waited_ms += min(seen.step_ms, MAX_STEP_MS)
        if self._bystander is not None:
            unasked = self._bystander.update(seen.signals, seen.captured_at_ms)
            self._tally.unasked_actions += len(unasked)
        neutral = self._renewed(neutral, seen.signals, seen.captured_at_ms)
        at_rest = neutral.is_near(seen.signals, self._plan[self._index].type)
        late = self._waited_ms >= self._pause_ms + REST_LIMIT_MS
        if late or (at_rest and self._waited_ms >= self._pause_ms):
            return (self._issue(neutral),)
        return ()

    def _renewed(self, neutral: NeutralFace, signals: Signals, captured_at_ms: int) -> NeutralFace:
        """A face that holds still again shows where it rests now, if that is not far from before."""
        later = self._collector.update(signals, captured_at_ms)
        if later is not None and later.settled and self._first_neutral is not None:
            neutral = self._neutral = self._first_neutral.with_pose_of(later)
        return neutral

    def _issue(self, neutral: NeutralFace) -> ChallengeIssued:
        challenge = self._plan[self._index]
        if self._tries_made:
            challenge = self._issuer.draw(challenge.type)
        self._phase = _Phase.ISSUED
        self._prompt = Prompt(self._new_id(), challenge, neutral)
        return ChallengeIssued(
            challenge_id=self._prompt.challenge_id,
            challenge=challenge,
            index=self._index + 1,
            total=len(self._plan),
            attempt=self._tries_made + 1,
            attempts=self._settings.attempts,
            time_limit_ms=self._settings.time_limit_ms,
        )

    def _watch(self, seen: Seen, opened: OpenTry) -> tuple[LivenessEvent, ...]:
        """The gap comes before the action, so that an answer after a gap never counts."""
        if seen.received_at_ms <= opened.opened_at_ms:
            return ()  # it was on its way before the prompt was
        if opened.gap_ms(seen) > self.gap_limit_ms:
            return self._void_open(VoidReason.GAP, opened)
        limit_ms = self.gap_limit_ms
        if opened.turned_away:
            limit_ms = max(limit_ms, PROFILE_LIMIT_MS)
        if opened.unusable_ms(seen) > limit_ms:
            return self._void_open(VoidReason.PICTURE, opened)
        if seen.received_at_ms > opened.deadline_ms:
            return self._end(opened, seen.received_at_ms, opened.missed(seen.received_at_ms))
        if seen.signals is not None:
            return self._judge(seen, seen.signals, opened)
        return (opened.progressed(seen.received_at_ms),)

    def _judge(self, seen: Seen, signals: Signals, opened: OpenTry) -> tuple[LivenessEvent, ...]:
        progress = opened.judge(signals, seen.captured_at_ms)
        if progress.done and progress.onset_ms is not None:
            self._tally.responses_ms.append(opened.response_ms(progress.onset_ms))
            self._tally.answers_ms.append(opened.answer_ms(seen.received_at_ms))
            return self._end(opened, seen.received_at_ms, None)
        if progress.wrong:
            self._tally.unasked_actions += progress.wrong is Hint.WRONG_ACTION
            return self._end(opened, seen.received_at_ms, progress.wrong, wrong=True)
        return (opened.progressed(seen.received_at_ms),)

    def _end(
        self, opened: OpenTry, now_ms: float, hint: Hint | None, *, wrong: bool = False
    ) -> tuple[LivenessEvent, ...]:
        passed = hint is None
        will_retry = not passed and self._may_retry()
        ended = ChallengeEnded(opened.challenge_id, opened.challenge, passed, hint, will_retry)
        events: list[LivenessEvent] = [opened.progressed(now_ms), ended]
        if not will_retry:
            self._tally.close(passed=passed, wrong=wrong)
            self._owed.discard(opened.challenge.type)
            self._index, self._tries_made = self._index + 1, 0
        if self._index == len(self._plan):
            if not self._owed:
                return (*events, *self._finish())
            # A plan's head turn must not be shed by voiding it.
            self._plan.append(self._issuer.draw(self._owed.pop()))
        if self._neutral is not None:
            self._begin_wait(self._neutral, after=opened.challenge.type)
        return tuple(events)

    def _may_retry(self) -> bool:
        patience = self._tally.unasked_actions < UNASKED_LIMIT
        return patience and self._tries_made < self._settings.attempts

    def _void_open(self, reason: VoidReason, opened: OpenTry) -> tuple[LivenessEvent, ...]:
        self._tally.voids += 1
        will_redraw = self._tally.voids <= self._settings.voids and self._neutral is not None
        voided = ChallengeVoided(opened.challenge_id, opened.challenge, reason, will_redraw)
        if not will_redraw or self._neutral is None:
            return (voided, *self._abort(reason))
        self._tries_made -= 1
        self._owed |= {self._plan[self._index].type} & self._guaranteed
        self._plan[self._index] = self._issuer.redraw()
        if self._tally.voids == VOIDS_BEFORE_EXTRA:
            self._plan.append(self._issuer.redraw())
        self._begin_wait(self._neutral, after=opened.challenge.type)
        return (voided,)

    def _abort(self, reason: VoidReason) -> tuple[LivenessEvent, ...]:
        """Give up: nothing is left to report, for `aborted` says it."""
        self._aborted = reason
        self._phase = _Phase.FINISHED
        self._prompt = self._open = None
        return ()

    def _finish(self) -> tuple[LivenessEvent, ...]:
        self._phase = _Phase.FINISHED
        self._prompt = self._open = None
        return (RunFinished(self.outcome),)
