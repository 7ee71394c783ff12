"""What a run of challenges reports, and what came out of it."""

from __future__ import annotations

from dataclasses import dataclass

from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.liveness.hints import Hint


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The counts of a run, whether it is over or not.

    `asked`: challenges that were prompted. Each ends in one of `passed`, `failed_wrong` (a wrong
    action on the last attempt) and `timed_out`; where these do not add up to `asked`, one is still
    open. `attempts`: prompts, repeated ones included. `responses_ms`: from the prompt to the onset
    of the answer, for each challenge passed.

    `unasked_actions`: clear, deliberate actions that nobody had asked for, between prompts or in
    answer to another; a looped video makes them, a live person hardly ever. A turn to the wrong side
    is none: people mix up left and right.
    """

    planned: int
    asked: int
    passed: int
    failed_wrong: int
    timed_out: int
    attempts: int
    unasked_actions: int
    responses_ms: tuple[int, ...]

    @property
    def all_passed(self) -> bool:
        """Every planned challenge was asked and passed, and there was at least one."""
        return self.passed == self.planned > 0


@dataclass(frozen=True, slots=True)
class ChallengeIssued:
    """A prompt. `index` and `attempt` count from 1; `deadline_ms` is media time if nothing pauses."""

    challenge_id: str
    challenge: Challenge
    index: int
    total: int
    attempt: int
    attempts: int
    time_limit_ms: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class ChallengeProgressed:
    """Where the open challenge stands. `paused`: its clock stands still, for the picture is poor."""

    challenge_id: str
    progress: float
    remaining_ms: int
    paused: bool
    count_done: int


@dataclass(frozen=True, slots=True)
class ChallengeEnded:
    """An attempt is over. `hint` says why it failed; None when it passed."""

    challenge_id: str
    challenge: Challenge
    passed: bool
    hint: Hint | None
    will_retry: bool


@dataclass(frozen=True, slots=True)
class RunFinished:
    """No challenge is left."""

    outcome: RunOutcome


LivenessEvent = ChallengeIssued | ChallengeProgressed | ChallengeEnded | RunFinished
