"""Lists for the institution, in pages: verifications as they stand, and alerts."""

from __future__ import annotations

from kyc_rtc.errors import BadRequest, NotFound
from kyc_rtc.ids import SessionId, parse_session_id
from kyc_rtc.sessions.attempts import attempt_that_counts, needs_review
from kyc_rtc.sessions.interface import (
    AlertFilter,
    AlertPage,
    VerificationFilter,
    VerificationPage,
    VerificationRow,
)
from kyc_rtc.sessions.states import states_with
from kyc_rtc.sessions.views import alert_view
from kyc_rtc.storage.alerts import AlertQuery, AlertRepository
from kyc_rtc.storage.cursors import cursor_of, position_of
from kyc_rtc.storage.lists import VerificationLists, VerificationQuery, VerificationSummary
from kyc_rtc.storage.records import AlertRecord, Position

ALERTS, VERIFICATIONS = "a", "v"
READ_FILTERED = 100
"""So many are read at once, at least, where a filter may leave some of them out."""
MAX_ROUNDS = 20
"""Reads for one page. Where a filter leaves out nearly all that was read, the page is short."""


class Lists:
    """Reads pages from the stores."""

    def __init__(self, verifications: VerificationLists, alerts: AlertRepository) -> None:
        self._verifications = verifications
        self._alerts = alerts

    async def alerts(self, wanted: AlertFilter, after: str, limit: int) -> AlertPage:
        """See `SessionInterface.active_alerts`."""
        query = AlertQuery(
            wanted.tenant_id, wanted.severity, wanted.type, _session_id(wanted.session_id)
        )
        position = position_of(ALERTS, after)
        found = await self._alerts.active(query, limit + 1, position)
        page = found[:limit]
        following = cursor_of(ALERTS, _position(page[-1])) if len(found) > limit else None
        return AlertPage(tuple(map(alert_view, page)), following)

    async def verifications(
        self, wanted: VerificationFilter, after: str, limit: int
    ) -> VerificationPage:
        """See `SessionInterface.verifications`."""
        states = _states(wanted)
        query = VerificationQuery(
            wanted.tenant_id, wanted.user_id, states, wanted.from_ms, wanted.to_ms
        )
        position = position_of(VERIFICATIONS, after)
        rows: list[VerificationRow] = []
        size = limit if states is None else max(limit, READ_FILTERED)
        for _ in range(MAX_ROUNDS):
            found = await self._verifications.page(query, position, size + 1)
            for summary in found[:size]:
                position = _place(summary)
                row = _row(summary)
                # The store finds what has any attempt in these states; the one that counts decides.
                if states is None or row.state in states:
                    rows.append(row)
                if len(rows) == limit:
                    break
            if not found or position is None or position == _place(found[-1]):
                return VerificationPage(tuple(rows), None)
            if len(rows) == limit:
                break
        following = None if position is None else cursor_of(VERIFICATIONS, position)
        return VerificationPage(tuple(rows), following)


def _states(wanted: VerificationFilter) -> frozenset[str] | None:
    """The states that both filters admit; None: any."""
    if wanted.status is None:
        return None if wanted.state is None else frozenset({wanted.state})
    states = states_with(wanted.status)
    return states if wanted.state is None else states & {wanted.state}


def _row(summary: VerificationSummary) -> VerificationRow:
    counting = attempt_that_counts(summary.attempts)
    return VerificationRow(
        session_id=summary.verification_id,
        user_id=summary.user_id,
        profile=summary.profile,
        state=counting.state,
        verdict_status=counting.verdict_status,
        attempt=counting.attempt,
        attempts=len(summary.attempts),
        needs_review=needs_review(summary.attempts),
        created_at_ms=summary.created_at_ms,
        updated_at_ms=counting.updated_at_ms,
        expires_at_ms=counting.expires_at_ms,
    )


def _place(summary: VerificationSummary) -> Position:
    return Position(summary.created_at_ms, summary.verification_id)


def _session_id(text: str | None) -> SessionId | None:
    try:
        return None if text is None else parse_session_id(text)
    except NotFound:
        raise BadRequest("session_id: is not a UUID") from None


def _position(alert: AlertRecord) -> Position:
    return Position(alert.created_at_ms, alert.alert_id)
