"""What a run of challenges reports, and what came out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyc_rtc.liveness.catalogue import Challenge, ChallengeType
from kyc_rtc.liveness.hints import Hint


class VoidReason(StrEnum):
    """Why an open challenge was voided. None of them blames the applicant."""

    GAP = "gap"
    """No picture came for too long."""
    PICTURE = "picture"
    """Pictures came, and for too long none of them could be judged, or showed a face."""
    PEER = "peer"
    """Another transport took over."""
    CANNOT = "cannot"
    """The applicant said that they cannot do it: its type is not asked for again."""
    CALIBRATION = "calibration"
    """A head turn to the other side, which may mean that the picture is mirrored (`mirror.py`)."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The counts of a run, whether it is over or not.

    `asked`: challenges whose prompt was sent. Each ends in one of `passed`, `failed_wrong` (a wrong
    action on the last try), `timed_out`, `too_small` (the asked movement, but less of it than was asked for
    on the last try) and `unsettled` (head turns that were not answered where the picture may be mirrored);
    where these do not add up to `asked`, one is still open, or was voided and nothing was asked in its
    place yet. `attempts`: prompts that were sent, repeated and voided ones included. `voids`: open
    challenges that an outage, a poor picture or a new peer voided. `mirrored`: turns went to the other side
    throughout.
    `excluded`: the types that the applicant cannot do. `responses_ms`: media time from the prompt to the
    onset of the answer, `answers_ms`: real time from the sent prompt to the frame that completed it,
    one for each challenge passed.

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
    voids: int
    answers_ms: tuple[int, ...]
    too_small: int = 0
    unsettled: int = 0
    mirrored: bool = False
    excluded: tuple[ChallengeType, ...] = ()

    @property
    def all_passed(self) -> bool:
        """Every planned challenge was asked and passed, and there was at least one."""
        return self.passed == self.planned > 0


@dataclass(frozen=True, slots=True)
class ChallengeIssued:
    """A prompt to be sent; it is open only from `ChallengeRun.sent` on, for `time_limit_ms` of real
    time. `index` and `attempt` count from 1."""

    challenge_id: str
    challenge: Challenge
    index: int
    total: int
    attempt: int
    attempts: int
    time_limit_ms: int


@dataclass(frozen=True, slots=True)
class ChallengeProgressed:
    """Where the open challenge stands. `remaining_ms`: real time. `paused` is always False: nothing
    stops the clock of a challenge. `hint`: what to do differently, or None."""

    challenge_id: str
    progress: float
    remaining_ms: int
    paused: bool
    count_done: int
    hint: Hint | None = None


@dataclass(frozen=True, slots=True)
class ChallengeEnded:
    """A try is over. `hint` says why it failed; None when it passed."""

    challenge_id: str
    challenge: Challenge
    passed: bool
    hint: Hint | None
    will_retry: bool


@dataclass(frozen=True, slots=True)
class ChallengeVoided:
    """A challenge does not count, neither for nor against anybody. `will_redraw`: another one comes in
    its place; else the run was aborted. `shown`: False where the prompt had not been sent, so that no
    void is counted."""

    challenge_id: str
    challenge: Challenge
    reason: VoidReason
    will_redraw: bool
    shown: bool = True


@dataclass(frozen=True, slots=True)
class RestAwaited:
    """The next prompt waits for the face to come to rest, or to make room for what it asks. `hint`: which."""

    hint: Hint


@dataclass(frozen=True, slots=True)
class RunFinished:
    """No challenge is left."""

    outcome: RunOutcome


LivenessEvent = (
    ChallengeIssued
    | ChallengeProgressed
    | ChallengeEnded
    | ChallengeVoided
    | RestAwaited
    | RunFinished
)
