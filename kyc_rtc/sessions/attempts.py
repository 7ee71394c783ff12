"""A verification and its attempts: which one counts, and whether another may follow. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kyc_rtc.sessions.states import FINAL, LIVE, RETRYABLE, SessionState
from kyc_rtc.storage.records import SessionRecord


def attempt_that_counts(attempts: Sequence[SessionRecord]) -> SessionRecord:
    """Whose status is the verification's. `attempts`: all of it, the first one first, at least one.

    The one that passed; else the one under way; else the latest that came to a verdict; else the
    latest. So that an applicant who only opens "try again" takes no verdict away.
    """
    passed = [a for a in attempts if a.state == SessionState.PASSED]
    under_way = [a for a in attempts if a.state in LIVE]
    judged = [a for a in attempts if a.verdict_status is not None]
    for candidates in (passed, under_way, judged, attempts):
        if candidates:
            return candidates[-1]
    raise ValueError("a verification has at least one attempt")


def may_retry(attempts: Sequence[SessionRecord], max_attempts: int) -> bool:
    """Whether another attempt may follow the latest one."""
    latest = attempts[-1]
    return (
        latest.state in RETRYABLE
        and latest.attempt < max_attempts
        and all(a.state != SessionState.PASSED for a in attempts)
    )


def is_over(attempts: Sequence[SessionRecord], max_attempts: int) -> bool:
    """Whether the verification has ended: nothing is under way, and nothing can follow."""
    latest = attempts[-1]
    return SessionState(latest.state) in FINAL and not may_retry(attempts, max_attempts)
