"""A run of challenges: a pure state machine, from the neutral face to the outcome.

Two axes of time: the shape of an action is judged in media time (`captured_at_ms`); deadlines, gaps
and waits run in real time (`received_at_ms`, `now_ms`: milliseconds of a monotonic clock).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from kyc_rtc.liveness.catalogue import MAX_EXCLUDED, Challenge, ChallengeType
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
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.liveness.mirror import Mirror
from kyc_rtc.liveness.neutral import NeutralCollector, NeutralFace
from kyc_rtc.liveness.plan import Plan
from kyc_rtc.liveness.signals import Signals, read_signals
from kyc_rtc.liveness.tries import OpenTry, Prompt, Seen, Tally
from kyc_rtc.liveness.waiting import Wait
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import FaceObservation

__all__ = ["ChallengeEnded", "ChallengeIssued", "ChallengeProgressed", "ChallengeRun"]
__all__ += ["ChallengeVoided", "LivenessEvent", "RunFinished", "RunOutcome", "VoidReason"]
UNASKED_LIMIT = 2
"""Who has done so many things that nobody asked for gets no more second tries."""
VOIDS_BEFORE_EXTRA = 2
"""From so many voids on one more challenge is asked: more draws have to be paid for with more answers."""
PROFILE_LIMIT_MS = 4_000
"""So long a head that was turned as asked may be out of sight: no mesh is found in a full profile. Who
renders answers gains little by it, for the side has been answered, and only the way back is left."""
OUTAGE_SHARE = 1 / 3
"""Of the gap that voids a challenge, with or without a picture: after a longer one the try begins anew, for
what was begun before it may have been ended by another. 0.5 s of 1.5 s over WebRTC."""


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
    more aborts the run. What follows an outage starts afresh, with another neutral face; a shorter one
    (`OUTAGE_SHARE`) begins the open try anew.

    A try that fails is followed by another at the same type with a newly drawn direction or count,
    `attempts` in all; but not for those who did `UNASKED_LIMIT` things that nobody asked for, as a
    recording does. A wrong action fails a try at once; the run goes on to the end whatever fails, so
    that the other evidence gathers. The first head turn to the other side may be a calibrating turn
    (`mirror.py`). What the applicant cannot do is voided, and its type is not asked for again (`cannot`).

    `gap_limit_ms` is `settings.void_after_ms` unless somebody sets it.
    """

    def __init__(
        self,
        plan: Sequence[Challenge],
        settings: LivenessSettings,
        new_id: Callable[[], str],
        issuer: Issuer | None = None,
        cannot: Sequence[ChallengeType] = (),
    ) -> None:
        """`cannot`: types that the applicant cannot do, as they said before; `issuer` draws none of them."""
        self.gap_limit_ms: float = settings.void_after_ms
        self._settings = settings
        self._new_id = new_id
        self._issuer = issuer or Issuer(settings)
        self._plan = Plan(plan, self._issuer)
        self._collector = NeutralCollector(settings.neutral_ms)
        self._first_neutral: NeutralFace | None = None
        self._neutral: NeutralFace | None = None
        self._phase = _Phase.NEUTRAL
        self._last_received_ms: float | None = None
        self._unusable_ms = self._blind_ms = 0.0
        self._wait: Wait | None = None
        self._prompt: Prompt | None = None
        self._open: OpenTry | None = None
        self._aborted: VoidReason | None = None
        self._tries_made = 0
        self._tally = Tally(cannot)

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
        return self._tally.outcome(self._plan.total)

    @property
    def excluded(self) -> frozenset[ChallengeType]:
        """The types that are not asked for."""
        return self._plan.excluded

    def add(self, challenge: Challenge) -> None:
        """Ask for one more challenge after those that are planned, also when the run had finished."""
        if self._aborted is not None:
            return
        self._plan.add(challenge)
        if not self.finished:
            return
        if self._neutral is None:
            self._begin_afresh()
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
            case _Phase.WAITING if self._wait is not None:
                return self._wait_on(seen, self._wait)
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
        self._tally.asked = self._plan.index + 1
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
        self._plan.draw_again()
        self._begin_afresh()
        return (
            ChallengeVoided(
                prompt.challenge_id, prompt.challenge, reason, will_redraw=True, shown=False
            ),
        )

    def cannot(self, challenge_id: str) -> tuple[LivenessEvent, ...]:
        """Void the open challenge because the applicant cannot do it: no try and no void is counted, its
        type is not asked for again, and another type comes in its place. Where `MAX_EXCLUDED` types are
        excluded already, the run is over. Ignored where another challenge is open."""
        opened = self._open
        if opened is None or opened.challenge_id != challenge_id:
            return ()
        kind, may_go_on = opened.challenge.type, len(self._plan.excluded) < MAX_EXCLUDED
        self._tally.excluded.append(kind)
        self._tries_made = 0
        goes_on = self._plan.exclude(kind) and may_go_on and self._neutral is not None
        voided = ChallengeVoided(challenge_id, opened.challenge, VoidReason.CANNOT, goes_on)
        if not goes_on or self._neutral is None:
            return (voided, *self._finish())
        self._begin_wait(self._neutral, after=kind)
        return (voided,)

    def _see(
        self, observation: FaceObservation, usable: bool, received_at_ms: float, gap_ms: float
    ) -> Seen:
        face, last_ms = observation.face, self._last_received_ms
        step_ms = 0.0 if last_ms is None else max(0.0, received_at_ms - last_ms)
        self._last_received_ms = max(received_at_ms, last_ms or received_at_ms)
        signals = read_signals(face, observation.image_size) if face and usable else None
        blind_ms = self._blind_ms + step_ms if self._blind_ms or signals is None else 0.0
        self._blind_ms = blind_ms if signals is None else 0.0
        return Seen(
            captured_at_ms=observation.captured_at_ms,
            received_at_ms=received_at_ms,
            signals=signals,
            has_face=face is not None,
            gap_ms=gap_ms,
            step_ms=step_ms,
            blind_ms=blind_ms,
        )

    @property
    def _outage_limit_ms(self) -> float:
        return OUTAGE_SHARE * self.gap_limit_ms

    def _stays_unusable(self, seen: Seen) -> bool:
        """Whether this frame exhausts the time for which, while nothing is open, the picture may be
        poor. Of a gap no more counts than voids a challenge: gaps are the link's."""
        self._unusable_ms += min(seen.step_ms, self.gap_limit_ms)
        return self._unusable_ms > self._settings.quality_time_limit_ms

    def _gather_neutral(self, seen: Seen) -> tuple[LivenessEvent, ...]:
        if self._plan.is_done:
            return self._finish()
        if seen.gap_ms > self._outage_limit_ms:
            self._collector.interrupt()
        if seen.signals is None:
            self._collector.interrupt()
            return self._abort(VoidReason.PICTURE) if self._stays_unusable(seen) else ()
        neutral = self._collector.update(seen.signals, seen.captured_at_ms)
        if neutral is not None:
            self._neutral = self._first_neutral = neutral
            self._begin_wait(neutral, after=None)
        return ()

    def _begin_afresh(self) -> None:
        """As at the beginning: with a neutral face that is gathered anew."""
        self._phase = _Phase.NEUTRAL
        self._prompt = self._open = self._wait = None
        self._collector = NeutralCollector(self._settings.neutral_ms)

    def _begin_wait(self, neutral: NeutralFace, after: ChallengeType | None) -> None:
        self._phase = _Phase.WAITING
        self._prompt = self._open = None
        first = self._first_neutral or neutral
        self._wait = Wait(first, neutral, self._issuer.pause_ms(), after)

    def _wait_on(self, seen: Seen, wait: Wait) -> tuple[LivenessEvent, ...]:
        if seen.signals is None:
            wait.interrupt()
            return self._abort(VoidReason.PICTURE) if self._stays_unusable(seen) else ()
        outage_ms = max(seen.gap_ms, seen.blind_ms)
        if outage_ms > self.gap_limit_ms:
            self._begin_afresh()
            return self._gather_neutral(seen)
        if outage_ms > self._outage_limit_ms:
            wait.begin_anew()
        self._tally.unasked_actions += wait.unasked(seen.signals, seen.captured_at_ms)
        is_over = wait.is_over(seen, seen.signals, self._plan.current.type)
        self._neutral = wait.neutral
        return (self._issue(wait.neutral),) if is_over else wait.hint()

    def _issue(self, neutral: NeutralFace) -> ChallengeIssued:
        challenge = self._plan.draw_again() if self._tries_made else self._plan.current
        self._phase = _Phase.ISSUED
        self._prompt = Prompt(self._new_id(), challenge, neutral, self._tally.mirror)
        return ChallengeIssued(
            challenge_id=self._prompt.challenge_id,
            challenge=challenge,
            index=self._plan.index + 1,
            total=self._plan.total,
            attempt=self._tries_made + 1,
            attempts=self._settings.attempts,
            time_limit_ms=self._settings.time_limit_ms,
        )

    def _watch(self, seen: Seen, opened: OpenTry) -> tuple[LivenessEvent, ...]:
        """The gap comes before the action, so that an answer after a gap never counts."""
        if seen.received_at_ms <= opened.opened_at_ms:
            return ()  # it was on its way before the prompt was
        cut_short = seen.signals is not None and opened.was_cut_short(seen, self._outage_limit_ms)
        if opened.gap_ms(seen) > self.gap_limit_ms or (cut_short and not opened.may_restart):
            return self._void_open(VoidReason.GAP, opened)
        limit_ms = self.gap_limit_ms
        if opened.turned_away:
            limit_ms = max(limit_ms, PROFILE_LIMIT_MS)
        if opened.unusable_ms(seen) > limit_ms:
            return self._void_open(VoidReason.PICTURE, opened)
        if seen.received_at_ms > opened.deadline_ms:
            return self._end(opened, seen.received_at_ms, opened.missed(seen.received_at_ms))
        if seen.signals is not None:
            if cut_short:
                opened.restart(seen.captured_at_ms)
            return self._judge(seen, seen.signals, opened)
        return (opened.progressed(seen.received_at_ms),)

    def _judge(self, seen: Seen, signals: Signals, opened: OpenTry) -> tuple[LivenessEvent, ...]:
        progress = opened.judge(signals, seen.captured_at_ms)
        if progress.done and progress.onset_ms is not None:
            self._tally.responses_ms.append(opened.response_ms(progress.onset_ms))
            self._tally.answers_ms.append(opened.answer_ms(seen.received_at_ms))
            if opened.challenge.type is ChallengeType.HEAD_TURN:
                self._tally.mirror = self._tally.mirror.after(progress)
            return self._end(opened, seen.received_at_ms, None)
        if progress.wrong:
            self._tally.unasked_actions += progress.wrong is Hint.WRONG_ACTION
            return self._end(opened, seen.received_at_ms, progress.wrong, wrong=True)
        return (opened.progressed(seen.received_at_ms),)

    def _end(
        self, opened: OpenTry, now_ms: float, hint: Hint | None, *, wrong: bool = False
    ) -> tuple[LivenessEvent, ...]:
        if hint is Hint.WRONG_DIRECTION and self._may_calibrate():
            return (opened.progressed(now_ms), self._calibrate(opened))
        passed = hint is None
        will_retry = not passed and self._may_retry()
        ended = ChallengeEnded(opened.challenge_id, opened.challenge, passed, hint, will_retry)
        events: list[LivenessEvent] = [opened.progressed(now_ms), ended]
        if not will_retry:
            self._tally.close(opened.challenge.type, hint, wrong=wrong)
            self._plan.close()
            self._tries_made = 0
        if self._plan.is_done:
            return (*events, *self._finish())
        if self._neutral is not None:
            self._begin_wait(self._neutral, after=opened.challenge.type)
        return tuple(events)

    def _may_retry(self) -> bool:
        patience = self._tally.unasked_actions < UNASKED_LIMIT
        return patience and self._tries_made < self._settings.attempts

    def _may_calibrate(self) -> bool:
        patience = self._tally.unasked_actions < UNASKED_LIMIT
        first = self._tally.mirror is Mirror.UNKNOWN
        return self._settings.calibrating_turn and patience and first

    def _calibrate(self, opened: OpenTry) -> ChallengeVoided:
        """The other side, for the first time: another head turn tells whether the picture is mirrored. It
        is one of the tries, but there always is one."""
        self._tally.mirror = Mirror.SUSPECTED
        self._tries_made = min(self._tries_made, self._settings.attempts - 1)
        self._plan.draw_again()
        if self._neutral is not None:
            self._begin_wait(self._neutral, after=ChallengeType.HEAD_TURN)
        return ChallengeVoided(
            opened.challenge_id, opened.challenge, VoidReason.CALIBRATION, will_redraw=True
        )

    def _void_open(self, reason: VoidReason, opened: OpenTry) -> tuple[LivenessEvent, ...]:
        self._tally.voids += 1
        will_redraw = self._tally.voids <= self._settings.voids and self._neutral is not None
        voided = ChallengeVoided(opened.challenge_id, opened.challenge, reason, will_redraw)
        if not will_redraw or self._neutral is None:
            return (voided, *self._abort(reason))
        self._tries_made -= 1
        self._plan.replace_voided()
        if self._tally.voids == VOIDS_BEFORE_EXTRA:
            self._plan.ask_for_one_more()
        self._begin_afresh()
        return (voided,)

    def _abort(self, reason: VoidReason) -> tuple[LivenessEvent, ...]:
        """Give up: nothing is left to report, for `aborted` says it."""
        self._aborted = reason
        self._phase = _Phase.FINISHED
        self._prompt = self._open = self._wait = None
        return ()

    def _finish(self) -> tuple[LivenessEvent, ...]:
        self._phase = _Phase.FINISHED
        self._prompt = self._open = self._wait = None
        return (RunFinished(self.outcome),)
