"""A verification and its attempts: which one counts, and whether another may follow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from kyc_rtc.decision.verdict import NO_PASS, SUSPICIONS, VerdictStatus
from kyc_rtc.errors import AttemptsSpent, Conflict, VerificationExpired, Withdrawn
from kyc_rtc.sessions.states import LIVE, RETRYABLE, SessionState
from kyc_rtc.storage.records import SessionRecord

MAX_INTERRUPTED = 10
"""Attempts that the server may interrupt before a verification is given up."""


class Standing(Protocol):
    """Where an attempt stands: a record, or a summary of one."""

    @property
    def state(self) -> str: ...
    @property
    def verdict_status(self) -> str | None: ...
    @property
    def needs_review(self) -> bool: ...
    @property
    def reasons(self) -> Sequence[str]: ...


Attempt = TypeVar("Attempt", bound=Standing)


def attempt_that_counts(attempts: Sequence[Attempt]) -> Attempt:
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


def needs_review(attempts: Sequence[Standing]) -> bool:
    """Whether a person has to look before anything rests on the attempt that counts. A later attempt does
    not settle what another one raised: neither a review, nor signs of an attack for which it failed. Whoever
    only did not do what was asked, and then did, needs none. Where that attempt FAILED itself, it says so."""
    counted = attempt_that_counts(attempts)
    return any(
        attempt.needs_review
        or (
            counted.verdict_status not in (None, VerdictStatus.FAILED)
            and attempt.state == SessionState.FAILED
            and not SUSPICIONS.isdisjoint(attempt.reasons)
        )
        for attempt in attempts
    )


def attempts_spent(attempts: Sequence[SessionRecord]) -> int:
    """How many attempts count against the limit: what the server interrupted is not the applicant's."""
    return sum(attempt.state != SessionState.INTERRUPTED for attempt in attempts)


def why_no_retry(attempts: Sequence[SessionRecord], max_attempts: int, now_ms: int) -> Conflict:
    """What somebody hears who may not retry."""
    latest = attempts[-1]
    if latest.withdrawn:
        return Withdrawn("the verification was cancelled", hint="ask the institution")
    if attempts_spent(attempts) >= max_attempts:
        return AttemptsSpent("no attempts are left", hint="ask the institution for another check")
    if latest.expires_at_ms <= now_ms:
        return VerificationExpired("the verification has expired", hint="ask the institution")
    return Conflict("this session is not repeated", hint="ask for its state")


def is_overdue(attempt: SessionRecord, now_ms: int) -> bool:
    """Whether nobody joined it in its time (Unix milliseconds): it is about to become `expired`."""
    waits = attempt.state == SessionState.CREATED and attempt.owner_id is None
    return waits and attempt.expires_at_ms <= now_ms


def may_retry(attempts: Sequence[SessionRecord], max_attempts: int, now_ms: int) -> bool:
    """Whether another attempt may follow the latest one: before that one expires, as its link does, unless
    the institution cancelled the verification, and only where one could pass."""
    latest = attempts[-1]
    return (
        latest.state in RETRYABLE
        and not latest.withdrawn
        and latest.expires_at_ms > now_ms
        and attempts_spent(attempts) < max_attempts
        and latest.attempt < MAX_INTERRUPTED + max_attempts
        and all(a.state != SessionState.PASSED for a in attempts)
        and not any(NO_PASS.intersection(a.reasons) for a in attempts)
    )
