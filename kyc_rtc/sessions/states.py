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

WITHOUT_VERDICT = frozenset(
    {SessionState.CANCELLED, SessionState.INTERRUPTED, SessionState.EXPIRED}
)
"""Ends that need no verdict. The state is the reason: `reason.<state>` in the catalogue."""

ACTIVE = "active"
_VERDICTS = FINAL - WITHOUT_VERDICT

MOVES: dict[SessionState, frozenset[SessionState]] = {
    SessionState.CREATED: frozenset({SessionState.CONNECTING, SessionState.INCONCLUSIVE})
    | WITHOUT_VERDICT,
    SessionState.CONNECTING: frozenset({SessionState.CHECKING_QUALITY})
    | _VERDICTS
    | WITHOUT_VERDICT,
    SessionState.CHECKING_QUALITY: (
        frozenset({SessionState.CHALLENGING, SessionState.DECIDING}) | _VERDICTS | WITHOUT_VERDICT
    ),
    SessionState.CHALLENGING: frozenset({SessionState.DECIDING}) | _VERDICTS | WITHOUT_VERDICT,
    SessionState.DECIDING: _VERDICTS | WITHOUT_VERDICT,
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


def outcome(state: str, verdict_status: str | None) -> str:
    """A session's status for the institution: its verdict; INCONCLUSIVE where it ended without one, for
    nobody was verified; `active` until then."""
    if verdict_status is not None:
        return verdict_status
    return VerdictStatus.INCONCLUSIVE.value if state in WITHOUT_VERDICT else ACTIVE


def applicants_state(state: str) -> str:
    """A state as an applicant may know it where scores are not exposed: FAILED and INCONCLUSIVE are one,
    for the difference would say what a detector saw."""
    return SessionState.INCONCLUSIVE.value if state == SessionState.FAILED else state


def applicants_status(status: str | None) -> str | None:
    """A verdict's status, likewise; None where there is no verdict."""
    failed = status == VerdictStatus.FAILED.value
    return VerdictStatus.INCONCLUSIVE.value if failed else status


def states_with(status: str) -> frozenset[str]:
    """The states of the sessions whose `outcome` is this one."""
    verdicts = {state_of(verdict): verdict.value for verdict in VerdictStatus}
    return frozenset(
        state.value for state in SessionState if outcome(state, verdicts.get(state)) == status
    )
