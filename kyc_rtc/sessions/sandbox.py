"""The sandbox: verifications whose outcome their user id says, a few seconds after the start.

Nothing is seen or measured: no camera, no footage, no features. Journal, alerts and outbox are written as
those of any other verification, so that whoever reads them needs no second way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from kyc_rtc.alerts.policy import alerts_for
from kyc_rtc.alerts.rules import AlertRules
from kyc_rtc.clock import Clock
from kyc_rtc.decision.verdict import ReasonCode, Verdict, VerdictStatus
from kyc_rtc.ids import new_alert_id
from kyc_rtc.sessions.journal import (
    APPLICANT,
    SERVER,
    SYSTEM,
    EntryType,
    alert_payload,
    state_payload,
    verdict_payload,
)
from kyc_rtc.sessions.states import SessionState, state_of
from kyc_rtc.storage.records import AlertRecord, Commit, EventRecord, SessionRecord
from kyc_rtc.storage.sandbox import SandboxStore

OUTCOME_AFTER_MS: Final = 3_000
LOOK_EVERY_MS: Final = 1_000.0
_AT_ONCE: Final = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test ends. `verdict`: None of an end without one, which `actor` brings about."""

    state: SessionState
    verdict: Verdict | None = None
    actor: str = SERVER


def _judged(verdict: Verdict) -> Outcome:
    return Outcome(state_of(verdict.status), verdict)


_FAILED_REASONS = (ReasonCode.FACE_SWAP, ReasonCode.DEEPFAKE_SCORE_HIGH)

OUTCOMES: Final[Mapping[str, Outcome]] = {
    "test-passed": _judged(
        Verdict(VerdictStatus.PASSED, (ReasonCode.CHALLENGES_PASSED,), 0.97, 0.02, (1.0,))
    ),
    "test-failed": _judged(Verdict(VerdictStatus.FAILED, _FAILED_REASONS, 0.9, 0.93, (1.0, 0.5))),
    "test-inconclusive": _judged(
        Verdict(VerdictStatus.INCONCLUSIVE, (ReasonCode.POOR_QUALITY,), None, None, (1.0,))
    ),
    "test-needs-review": _judged(
        Verdict(VerdictStatus.INCONCLUSIVE, (ReasonCode.DEEPFAKE_SUSPECTED,), 0.8, 0.58, (1.0,))
    ),
    "test-expired": Outcome(SessionState.EXPIRED, actor=SYSTEM),
    "test-cancelled": Outcome(SessionState.CANCELLED, actor=APPLICANT),
}
"""What each user id of the sandbox leads to."""

_WAY: Final = (
    SessionState.CONNECTING,
    SessionState.CHECKING_QUALITY,
    SessionState.CHALLENGING,
)
"""The states on the way of a test that somebody joins, as it were."""


class Sandbox:
    """Brings the tests that are due to their end."""

    def __init__(self, store: SandboxStore, rules: AlertRules, clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    async def step(self) -> None:
        """Raises `StorageUnavailable`."""
        now_ms = self._clock.now_ms()
        for record in await self._store.due(now_ms - OUTCOME_AFTER_MS, _AT_ONCE):
            if await self._store.carry_out(course_of(record, self._rules, now_ms)):
                log.info("test_ended", session_id=record.session_id)


def course_of(waiting: SessionRecord, rules: AlertRules, now_ms: int) -> tuple[Commit, ...]:
    """All that happens to a test, as commits that follow each other. A user id that an older program knew
    ends without an outcome."""
    outcome = OUTCOMES.get(waiting.user_id, OUTCOMES["test-inconclusive"])
    if outcome.state is SessionState.EXPIRED:
        return (_ended(waiting, outcome, rules, now_ms),)
    joined = _moved(waiting, _WAY, SERVER, now_ms)
    return joined, _ended(joined.record, outcome, rules, now_ms)


def _moved(
    record: SessionRecord, states: tuple[SessionState, ...], actor: str, now_ms: int
) -> Commit:
    entries: list[EventRecord] = []
    for state in states:
        payload = state_payload(state.value, record.state)
        record = _after(record, now_ms, state=state.value)
        entries.append(_entry(record, EntryType.STATE, payload, actor))
    return Commit(record, record.last_seq - len(entries), tuple(entries))


def _ended(record: SessionRecord, outcome: Outcome, rules: AlertRules, now_ms: int) -> Commit:
    moved = _moved(record, (outcome.state,), outcome.actor, now_ms)
    verdict = outcome.verdict
    if verdict is None:
        return moved
    ended = _after(
        moved.record,
        now_ms,
        verdict_status=verdict.status.value,
        needs_review=verdict.needs_review,
        reasons=tuple(code.value for code in verdict.reasons),
        reason_weights=verdict.weights,
        liveness_score=verdict.liveness_score,
        deepfake_score=verdict.deepfake_score,
    )
    entries = [*moved.events, _entry(ended, EntryType.VERDICT, verdict_payload(verdict, None))]
    alerts = _alerts(ended, verdict, rules)
    for alert in alerts:
        ended = _after(ended, now_ms)
        entries.append(_entry(ended, EntryType.ALERT, alert_payload(alert)))
    return Commit(ended, record.last_seq, tuple(entries), alerts)


def _alerts(record: SessionRecord, verdict: Verdict, rules: AlertRules) -> tuple[AlertRecord, ...]:
    return tuple(
        AlertRecord(
            alert_id=new_alert_id(),
            session_id=record.session_id,
            type=draft.type.value,
            severity=draft.severity.value,
            message_key=draft.message_key,
            details=draft.details,
            created_at_ms=record.updated_at_ms,
            tenant_id=record.tenant_id,
        )
        for draft in alerts_for(verdict, rules)
    )


def _after(record: SessionRecord, now_ms: int, **changes: Any) -> SessionRecord:
    """The record with one entry more in its journal."""
    return replace(record, last_seq=record.last_seq + 1, updated_at_ms=now_ms, **changes)


def _entry(
    record: SessionRecord, kind: EntryType, payload: Mapping[str, Any], actor: str = SERVER
) -> EventRecord:
    """The newest entry of the record's journal."""
    return EventRecord(
        session_id=record.session_id,
        seq=record.last_seq,
        at_ms=record.updated_at_ms,
        actor=actor,
        type=kind.value,
        payload=payload,
        tenant_id=record.tenant_id,
    )
