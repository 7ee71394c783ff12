"""A try while it is open, and the counts of a run while they grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.events import ChallengeProgressed, RunOutcome
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.judge import Judge, Progress
from kyc_rtc.liveness.mirror import EitherSide, Mirror, judge_for
from kyc_rtc.liveness.neutral import NeutralFace
from kyc_rtc.liveness.shortfall import TOO_SMALL
from kyc_rtc.liveness.signals import Signals

_BEGUN = 0.3
"""Progress from which an action that was cut short counts as begun anew."""

MAX_RESTARTS = 2
"""So many outages of a try are forgotten; the next one voids it. Who stops the picture again and again could
hide every wrong action in that."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame as the run sees it.

    `signals`: None where there is nothing to judge. `gap_ms`: the longest real time between decoded
    frames since the run last saw one. `step_ms`: real time since that frame was received. `blind_ms`: for
    how long no frame could be judged up to this one; 0 where the one before could.
    """

    captured_at_ms: int
    received_at_ms: float
    signals: Signals | None
    has_face: bool
    gap_ms: float
    step_ms: float
    blind_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was issued and not yet sent. `mirror`: what is known of the picture."""

    challenge_id: str
    challenge: Challenge
    neutral: NeutralFace
    mirror: Mirror = Mirror.UNKNOWN


class OpenTry:
    """One go at a challenge, from the sent prompt on.

    `opened_at_ms` and `deadline_ms` are real time; the judge goes by media time, in which the prompt
    stood at `prompted_at_ms`. Nothing moves the deadline.
    """

    def __init__(
        self, prompt: Prompt, opened_at_ms: float, prompted_at_ms: int, time_limit_ms: int
    ) -> None:
        self.challenge_id, self.challenge = prompt.challenge_id, prompt.challenge
        self.opened_at_ms = self._last_usable_ms = opened_at_ms
        self.deadline_ms = opened_at_ms + time_limit_ms
        self._prompted_at_ms = prompted_at_ms
        self._prompt = prompt
        self._judge = self._new_judge(prompted_at_ms)
        self._restarts = 0
        self._faceless_ms = 0.0
        self._latest = Progress(0.0, 0, done=False, wrong=None, hint=Hint.TOO_LATE, onset_ms=None)

    def _new_judge(self, from_ms: int) -> Judge | EitherSide:
        prompt = self._prompt
        return judge_for(prompt.challenge, prompt.neutral, from_ms, prompt.mirror)

    def restart(self, captured_at_ms: int) -> None:
        """Begin anew after an outage: what was done before it, or meanwhile, counts neither for nor
        against anybody. The deadline stays."""
        self._judge = self._new_judge(captured_at_ms)
        self._restarts += 1

    @property
    def may_restart(self) -> bool:
        """Whether another outage may be forgotten: each one hides what was done in it."""
        return self._restarts < MAX_RESTARTS

    def gap_ms(self, seen: Seen) -> float:
        """Real time without a frame, of the time that the prompt has stood."""
        return min(seen.gap_ms, seen.received_at_ms - self.opened_at_ms)

    def was_cut_short(self, seen: Seen, limit_ms: float) -> bool:
        """Whether an outage of more than `limit_ms` ends with `seen`. A head that turns may be out of
        sight meanwhile."""
        blind_ms = min(seen.blind_ms, seen.received_at_ms - self.opened_at_ms)
        if self.challenge.type is ChallengeType.HEAD_TURN:
            blind_ms = 0.0
        return max(self.gap_ms(seen), blind_ms) > limit_ms

    def unusable_ms(self, seen: Seen) -> float:
        """For how long no frame could be judged, up to `seen`; 0 where that one can."""
        if seen.signals is not None:
            self._last_usable_ms = max(self._last_usable_ms, seen.received_at_ms)
            return 0.0
        if not seen.has_face:
            self._faceless_ms += seen.step_ms
        return seen.received_at_ms - self._last_usable_ms

    @property
    def turned_away(self) -> bool:
        """Whether the head was turned as asked, and has not come back."""
        is_turn = self.challenge.type is ChallengeType.HEAD_TURN
        return is_turn and self._latest.hint is Hint.COME_BACK

    def judge(self, signals: Signals, captured_at_ms: int) -> Progress:
        """What the answer comes to with this frame."""
        self._latest = self._judge.update(signals, captured_at_ms)
        return self._latest

    def response_ms(self, onset_ms: int) -> int:
        """Media time from the prompt to the beginning of the answer."""
        return onset_ms - self._prompted_at_ms

    def answer_ms(self, received_at_ms: float) -> int:
        """Real time from the sent prompt to the frame that completed the answer."""
        return round(received_at_ms - self.opened_at_ms)

    def missed(self, now_ms: float) -> Hint:
        """What to say when the time is up."""
        missing = self._faceless_ms * 2 > now_ms - self.opened_at_ms
        return Hint.NO_FACE if missing else self._latest.hint

    def progressed(self, now_ms: float) -> ChallengeProgressed:
        """Where it stands at `now_ms`, real time."""
        return ChallengeProgressed(
            challenge_id=self.challenge_id,
            progress=self._latest.progress,
            remaining_ms=max(0, round(self.deadline_ms - now_ms)),
            paused=False,
            count_done=self._latest.count_done,
            hint=self._advice(),
        )

    def _advice(self) -> Hint | None:
        """What the judge advises, or that an action that an outage cut short is to be done anew."""
        begun = self._latest.progress >= _BEGUN or self._latest.done
        if self._latest.advice is None and self._restarts > 0 and not begun:
            return Hint.AGAIN
        return self._latest.advice


class Tally:
    """The counts of an outcome while they grow."""

    def __init__(self, cannot: Sequence[ChallengeType] = ()) -> None:
        self.asked = self.attempts = self.unasked_actions = self.voids = 0
        self.mirror = Mirror.UNKNOWN
        self.excluded = list(cannot)
        self._passed = self._failed_wrong = self._timed_out = self._unsettled = 0
        self._too_small = 0
        self.responses_ms: list[int] = []
        self.answers_ms: list[int] = []

    def close(self, kind: ChallengeType, hint: Hint | None, *, wrong: bool) -> None:
        """Count a challenge that is over. `hint`: why its last try failed; None where it passed."""
        if hint is None:
            self._passed += 1
        elif kind is ChallengeType.HEAD_TURN and not self.mirror.settled:
            self._unsettled += 1
        elif wrong:
            self._failed_wrong += 1
        elif hint in TOO_SMALL:
            self._too_small += 1
        else:
            self._timed_out += 1

    def outcome(self, planned: int) -> RunOutcome:
        """The counts so far, of a plan of so many challenges."""
        return RunOutcome(
            planned=planned,
            asked=self.asked,
            passed=self._passed,
            failed_wrong=self._failed_wrong,
            timed_out=self._timed_out,
            attempts=self.attempts,
            unasked_actions=self.unasked_actions,
            responses_ms=tuple(self.responses_ms),
            voids=self.voids,
            answers_ms=tuple(self.answers_ms),
            too_small=self._too_small,
            unsettled=self._unsettled,
            mirrored=self.mirror is Mirror.MIRRORED,
            excluded=tuple(self.excluded),
        )
