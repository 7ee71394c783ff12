"""The states of a session and the moves between them."""

from __future__ import annotations

from enum import StrEnum

from kyc_rtc.decision.verdict import VerdictStatus


class SessionState(StrEnum):
    """Where a session stands. The last six are final."""

    CREATED = "created"
    CONNECTING = "connecting"
    CHECKING_QUALITY = "checking_quality"
    CHALLENGING = "challenging"
    DECIDING = "deciding"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


FINAL = frozenset(
    {
        SessionState.PASSED,
        SessionState.FAILED,
        SessionState.INCONCLUSIVE,
        SessionState.EXPIRED,
        SessionState.CANCELLED,
        SessionState.INTERRUPTED,
    }
)

LIVE = frozenset(
    {
        SessionState.CONNECTING,
        SessionState.CHECKING_QUALITY,
        SessionState.CHALLENGING,
        SessionState.DECIDING,
    }
)
"""States of a session that a process runs: once its lease has run out, they read `interrupted`."""

RETRYABLE = frozenset(
    {
        SessionState.FAILED,
        SessionState.INCONCLUSIVE,
        SessionState.CANCELLED,
        SessionState.INTERRUPTED,
    }
)

_VERDICTS = frozenset({SessionState.PASSED, SessionState.FAILED, SessionState.INCONCLUSIVE})
_ENDINGS = frozenset({SessionState.CANCELLED, SessionState.INTERRUPTED, SessionState.EXPIRED})

MOVES: dict[SessionState, frozenset[SessionState]] = {
    SessionState.CREATED: frozenset({SessionState.CONNECTING, SessionState.INCONCLUSIVE})
    | _ENDINGS,
    SessionState.CONNECTING: frozenset({SessionState.CHECKING_QUALITY}) | _VERDICTS | _ENDINGS,
    SessionState.CHECKING_QUALITY: (
        frozenset({SessionState.CHALLENGING, SessionState.DECIDING}) | _VERDICTS | _ENDINGS
    ),
    SessionState.CHALLENGING: frozenset({SessionState.DECIDING}) | _VERDICTS | _ENDINGS,
    SessionState.DECIDING: _VERDICTS | _ENDINGS,
    **{state: frozenset() for state in FINAL},
}
"""What may follow each state. A final state is never left."""


def state_of(status: VerdictStatus) -> SessionState:
    """The final state that a verdict leads to."""
    match status:
        case VerdictStatus.PASSED:
            return SessionState.PASSED
        case VerdictStatus.FAILED:
            return SessionState.FAILED
        case VerdictStatus.INCONCLUSIVE:
            return SessionState.INCONCLUSIVE
