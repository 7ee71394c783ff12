"""What a session answers whom it does not serve."""

from __future__ import annotations

from kyc_rtc.errors import Conflict, KycError, StorageUnavailable
from kyc_rtc.sessions.effects import Effect, Reply
from kyc_rtc.sessions.events import (
    AnalysisFailed,
    Cancelled,
    ChallengeOrdered,
    Completed,
    FrameAnalysed,
    FrameArrived,
    PeerJoined,
    SessionEvent,
)
from kyc_rtc.sessions.states import FINAL, SessionState

MAX_UNSTORED = 64
"""Journal entries that may wait for the database before clients are refused."""


def over(state: SessionState) -> Conflict:
    """What a caller gets who comes too late."""
    return Conflict(f"the session is {state}", hint="start or retry a session")


def of_a_newcomer(state: SessionState, unstored: int) -> KycError | None:
    """Why nobody may connect, whoever it is; None where somebody may. `unstored`: journal entries."""
    if state in FINAL:
        return over(state)
    if unstored >= MAX_UNSTORED:
        return StorageUnavailable("the database is away", hint="try again")
    return None


def not_running(state: str) -> KycError:
    """What a caller gets whose session takes no media any more."""
    if state in FINAL:
        return Conflict(f"the session is {state}", hint="start or retry a session")
    return StorageUnavailable("the session's state is being settled", hint="try again")


def after_the_end(event: SessionEvent) -> tuple[Effect, ...]:
    """What an event gets that comes after the end: only callers are answered."""
    match event:
        case PeerJoined(request=request):
            return (Reply(request, Conflict("the session is over", hint="retry the session")),)
        case (
            FrameArrived(request=int(request))
            | FrameAnalysed(request=int(request))
            | AnalysisFailed(request=int(request))
            | ChallengeOrdered(request=int(request))
            | Completed(request=int(request))
            | Cancelled(request=int(request))
        ):
            return (Reply(request),)
        case _:
            return ()
