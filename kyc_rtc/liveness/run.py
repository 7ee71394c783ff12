"""A run of challenges: a pure state machine in media time, from the neutral face to the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.events import (
    ChallengeEnded,
    ChallengeIssued,
    ChallengeProgressed,
    LivenessEvent,
    RunFinished,
    RunOutcome,
)
from kyc_rtc.liveness.gesture import MAX_STEP_MS
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.liveness.judge import DELIBERATE, Bystander, Judge
from kyc_rtc.liveness.neutral import NeutralCollector, NeutralFace
from kyc_rtc.liveness.signals import Signals, read_signals
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import FaceObservation

__all__ = [
    "ChallengeEnded",
    "ChallengeIssued",
    "ChallengeProgressed",
    "ChallengeRun",
    "LivenessEvent",
    "RunFinished",
    "RunOutcome",
]

REST_LIMIT_MS = 5_000
"""So long, beyond the pause, a prompt waits for the face to come to rest."""
UNASKED_LIMIT = 2
"""Who has done so many things that nobody asked for gets no more second attempts."""
_RENEWAL_MS = 500  # of a still face between two challenges: its pose is the new neutral pose


class _Phase(Enum):
    NEUTRAL = auto()
    WAITING = auto()
    ASKING = auto()
    FINISHED = auto()


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame as the run sees it. `signals`: None where there is nothing to judge; `step_ms`: what
    the challenge's clock advances by; `real_step_ms`: the same, were it not paused."""

    captured_at_ms: int
    signals: Signals | None
    has_face: bool
    step_ms: int
    real_step_ms: int


@dataclass(slots=True)
class _Attempt:
    challenge_id: str
    challenge: Challenge
    judge: Judge
    prompted_at_ms: int
    elapsed_ms: int = 0
    faceless_ms: int = 0
    progress: float = 0.0
    count_done: int = 0
    hint: Hint = Hint.TOO_LATE


class ChallengeRun:
    """Asks for the challenges of `plan` one after another and judges the answers.

    Each frame advances the run's clock by its distance from the last one, at most 250 ms: a link
    that is down, or a camera that stalls, stops the clock. A poor picture stops it too, for
    `quality_time_limit_ms` in all; a missing face does not. An attempt that fails is followed by
    another at the same type with a newly drawn direction or count, `attempts` in all; but not for
    those who did `UNASKED_LIMIT` things that nobody asked for, as a recording does.

    A wrong action fails an attempt at once; the run goes on to the end whatever fails, so that the
    other evidence gathers. It ends without a prompt when no neutral face is seen within
    `quality_time_limit_ms`.
    """

    def __init__(
        self,
        plan: Sequence[Challenge],
        settings: LivenessSettings,
        new_id: Callable[[], str],
        issuer: Issuer | None = None,
    ) -> None:
        self._plan = list(plan)
        self._settings = settings
        self._new_id = new_id
        self._issuer = issuer or Issuer(settings)
        self._collector = NeutralCollector(settings.neutral_ms)
        self._first_neutral: NeutralFace | None = None
        self._neutral: NeutralFace | None = None
        self._phase = _Phase.NEUTRAL
        self._last_ms: int | None = None
        self._pause_left_ms = settings.quality_time_limit_ms
        self._waited_ms = self._pause_ms = 0
        self._bystander: Bystander | None = None
        self._attempt: _Attempt | None = None
        self._attempts_made = 0
        self._index = 0
        self._tally = _Tally()

    @property
    def finished(self) -> bool:
        """Whether no challenge is left. `add` may change that."""
        return self._phase is _Phase.FINISHED

    @property
    def outcome(self) -> RunOutcome:
        """The counts so far."""
        return self._tally.outcome(len(self._plan))

    def add(self, challenge: Challenge) -> None:
        """Ask for one more challenge after those that are planned, also when the run had finished."""
        self._plan.append(challenge)
        if not self.finished:
            return
        if self._neutral is None:
            self._collector = NeutralCollector(self._settings.neutral_ms)
            self._waited_ms = 0
            self._phase = _Phase.NEUTRAL
        else:
            self._begin_wait(self._neutral, after=None)

    def update(self, observation: FaceObservation, usable: bool) -> tuple[LivenessEvent, ...]:
        """Take the next frame, in order of capture.

        `usable`: the picture can be judged. Where it is False and there is a face, the clock pauses.
        """
        seen = self._see(observation, usable)
        match self._phase:
            case _Phase.NEUTRAL:
                return self._gather_neutral(seen)
            case _Phase.WAITING if self._neutral is not None:
                return self._wait(seen, self._neutral)
            case _Phase.ASKING if self._attempt is not None:
                return self._ask(seen, self._attempt)
            case _:
                return ()

    def _see(self, observation: FaceObservation, usable: bool) -> _Seen:
        now_ms, face = observation.captured_at_ms, observation.face
        since_ms = 0 if self._last_ms is None else max(0, now_ms - self._last_ms)
        self._last_ms = now_ms if self._last_ms is None else max(now_ms, self._last_ms)
        real_step_ms = step_ms = min(since_ms, MAX_STEP_MS)
        signals = read_signals(face) if face is not None and usable else None
        if face is not None and not usable and self._pause_left_ms > 0:
            self._pause_left_ms -= step_ms
            step_ms = 0
        return _Seen(now_ms, signals, face is not None, step_ms, real_step_ms)

    def _gather_neutral(self, seen: _Seen) -> tuple[LivenessEvent, ...]:
        self._waited_ms += seen.real_step_ms
        if not self._plan:
            return self._finish()
        neutral = None
        if seen.signals is None:
            self._collector.interrupt()
        else:
            neutral = self._collector.update(seen.signals, seen.captured_at_ms)
        if neutral is not None:
            self._neutral = self._first_neutral = neutral
            self._begin_wait(neutral, after=None)
        elif self._waited_ms > self._settings.quality_time_limit_ms:
            return self._finish()
        return ()

    def _begin_wait(self, neutral: NeutralFace, after: ChallengeType | None) -> None:
        """What people were just asked for they may go on doing; that is not an unasked action."""
        self._phase = _Phase.WAITING
        self._attempt = None
        self._waited_ms, self._pause_ms = 0, self._issuer.pause_ms()
        self._bystander = Bystander(DELIBERATE - {after}, neutral)
        self._collector = NeutralCollector(_RENEWAL_MS)

    def _wait(self, seen: _Seen, neutral: NeutralFace) -> tuple[LivenessEvent, ...]:
        self._waited_ms += seen.step_ms
        at_rest = False
        if seen.signals is None:
            self._collector.interrupt()
        else:
            if self._bystander is not None:
                unasked = self._bystander.update(seen.signals, seen.captured_at_ms)
                self._tally.unasked_actions += len(unasked)
            neutral = self._renewed(
                neutral, self._collector.update(seen.signals, seen.captured_at_ms)
            )
            at_rest = neutral.is_near(seen.signals, self._plan[self._index].type)
        late = self._waited_ms >= self._pause_ms + REST_LIMIT_MS
        if late or (at_rest and self._waited_ms >= self._pause_ms):
            return (self._issue(seen.captured_at_ms, neutral),)
        return ()

    def _renewed(self, neutral: NeutralFace, later: NeutralFace | None) -> NeutralFace:
        """A face that holds still again shows where it rests now, if that is not far from before."""
        if later is not None and later.settled and self._first_neutral is not None:
            neutral = self._neutral = self._first_neutral.with_pose_of(later)
        return neutral

    def _issue(self, now_ms: int, neutral: NeutralFace) -> ChallengeIssued:
        challenge = self._plan[self._index]
        if self._attempts_made:
            challenge = self._issuer.draw(challenge.type)
        else:
            self._tally.asked += 1
        self._attempts_made += 1
        self._tally.attempts += 1
        self._phase = _Phase.ASKING
        judge = Judge(challenge, neutral, now_ms)
        self._attempt = _Attempt(self._new_id(), challenge, judge, now_ms)
        return ChallengeIssued(
            challenge_id=self._attempt.challenge_id,
            challenge=challenge,
            index=self._index + 1,
            total=len(self._plan),
            attempt=self._attempts_made,
            attempts=self._settings.attempts,
            time_limit_ms=self._settings.time_limit_ms,
            deadline_ms=now_ms + self._settings.time_limit_ms,
        )

    def _ask(self, seen: _Seen, attempt: _Attempt) -> tuple[LivenessEvent, ...]:
        attempt.elapsed_ms += seen.step_ms
        if not seen.has_face:
            attempt.faceless_ms += seen.step_ms
        if seen.signals is not None:
            progress = attempt.judge.update(seen.signals, seen.captured_at_ms)
            attempt.progress, attempt.count_done = progress.progress, progress.count_done
            attempt.hint = progress.hint
            if progress.done and progress.onset_ms is not None:
                self._tally.responses_ms.append(progress.onset_ms - attempt.prompted_at_ms)
                return self._end(seen, attempt, None)
            if progress.wrong:
                self._tally.unasked_actions += progress.wrong is Hint.WRONG_ACTION
                return self._end(seen, attempt, progress.wrong, wrong=True)
        if attempt.elapsed_ms >= self._settings.time_limit_ms:
            missing = attempt.faceless_ms * 2 > attempt.elapsed_ms
            return self._end(seen, attempt, Hint.NO_FACE if missing else attempt.hint)
        return (self._progressed(seen, attempt),)

    def _progressed(self, seen: _Seen, attempt: _Attempt) -> ChallengeProgressed:
        remaining_ms = max(0, self._settings.time_limit_ms - attempt.elapsed_ms)
        paused = seen.has_face and seen.signals is None and seen.step_ms == 0
        return ChallengeProgressed(
            attempt.challenge_id, attempt.progress, remaining_ms, paused, attempt.count_done
        )

    def _end(
        self, seen: _Seen, attempt: _Attempt, hint: Hint | None, *, wrong: bool = False
    ) -> tuple[LivenessEvent, ...]:
        passed = hint is None
        will_retry = not passed and self._may_retry()
        ended = ChallengeEnded(attempt.challenge_id, attempt.challenge, passed, hint, will_retry)
        events: list[LivenessEvent] = [self._progressed(seen, attempt), ended]
        if not will_retry:
            self._tally.close(passed=passed, wrong=wrong)
            self._index, self._attempts_made = self._index + 1, 0
        if self._index == len(self._plan):
            return (*events, *self._finish())
        if self._neutral is not None:
            self._begin_wait(self._neutral, after=attempt.challenge.type)
        return tuple(events)

    def _may_retry(self) -> bool:
        patience = self._tally.unasked_actions < UNASKED_LIMIT
        return patience and self._attempts_made < self._settings.attempts

    def _finish(self) -> tuple[LivenessEvent, ...]:
        self._phase = _Phase.FINISHED
        self._attempt = None
        return (RunFinished(self.outcome),)


class _Tally:
    """The counts of an outcome while they grow."""

    def __init__(self) -> None:
        self.asked = self.attempts = self.unasked_actions = 0
        self._passed = self._failed_wrong = self._timed_out = 0
        self.responses_ms: list[int] = []

    def close(self, *, passed: bool, wrong: bool) -> None:
        """Count a challenge that is over."""
        if passed:
            self._passed += 1
        elif wrong:
            self._failed_wrong += 1
        else:
            self._timed_out += 1

    def outcome(self, planned: int) -> RunOutcome:
        return RunOutcome(
            planned=planned,
            asked=self.asked,
            passed=self._passed,
            failed_wrong=self._failed_wrong,
            timed_out=self._timed_out,
            attempts=self.attempts,
            unasked_actions=self.unasked_actions,
            responses_ms=tuple(self.responses_ms),
        )
