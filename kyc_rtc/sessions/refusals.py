"""What a session answers whom it does not serve."""

from __future__ import annotations

from kyc_rtc.errors import Conflict, KycError, NotFound, OpensNoCamera, StorageUnavailable
from kyc_rtc.sessions.effects import Effect, Reply
from kyc_rtc.sessions.events import (
    AnalysisFailed,
    Cancelled,
    CannotDo,
    ChallengeOrdered,
    Completed,
    FrameAnalysed,
    FrameArrived,
    PeerJoined,
    SessionEvent,
)
from kyc_rtc.sessions.states import FINAL, WITHOUT_VERDICT, SessionState

MAX_UNSTORED = 64
"""Journal entries that may wait for the database before clients are refused."""


def over(state: SessionState) -> Conflict:
    """What a caller gets who comes too late. Which verdict it was is not an applicant's to learn."""
    how = state.value if state in WITHOUT_VERDICT else "decided"
    return Conflict(f"the session is {how}", hint="start or retry a session")


def of_a_newcomer(state: SessionState, unstored: int) -> KycError | None:
    """Why nobody may connect, whoever it is; None where somebody may. `unstored`: journal entries."""
    if state in FINAL:
        return over(state)
    if unstored >= MAX_UNSTORED:
        return StorageUnavailable("the database is away", hint="try again")
    return None


def not_live() -> NotFound:
    """What a caller gets who needs a session that runs, where it has not begun, or is gone."""
    return NotFound("no such live session", hint="send an offer first")


def without_camera() -> OpensNoCamera:
    """What a caller gets who would join a test of the sandbox."""
    return OpensNoCamera(
        "a test of the sandbox opens no camera",
        hint="its outcome comes by itself: ask for its state",
    )


def not_running(state: str) -> KycError:
    """What a caller gets whose session takes no media any more."""
    if state in FINAL:
        return over(SessionState(state))
    return StorageUnavailable("the session's state is being settled", hint="try again")


def after_the_end(event: SessionEvent, state: SessionState) -> tuple[Effect, ...]:
    """What an event gets that comes after the end: only callers are answered. `state`: as it is stored.

    Where that is not final, the session only left this process: nothing follows from what is asked, and a
    caller who heard otherwise would take it for done.
    """
    match event:
        case PeerJoined(request=request):
            return (Reply(request, not_running(state)),)
        case (
            FrameArrived(request=int(request))
            | FrameAnalysed(request=int(request))
            | AnalysisFailed(request=int(request))
            | ChallengeOrdered(request=int(request))
            | CannotDo(request=int(request))
            | Completed(request=int(request))
            | Cancelled(request=int(request))
        ):
            return (Reply(request, None if state in FINAL else not_running(state)),)
        case _:
            return ()
