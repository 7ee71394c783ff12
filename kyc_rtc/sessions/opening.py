"""The records of attempts that begin, and the first entry of their journals. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import DEFAULT_TENANT, is_sandbox
from kyc_rtc.sessions.journal import EntryType, state_payload
from kyc_rtc.sessions.sandbox import OUTCOMES
from kyc_rtc.sessions.states import SessionState
from kyc_rtc.storage.records import EventRecord, SessionRecord
from kyc_rtc.storage.terms import Terms


def check_user(user_id: str, tenant_id: str) -> None:
    """Raises `BadRequest` for no user, and in a sandbox for one that is not among its own."""
    if not user_id.strip():
        raise BadRequest("user_id is empty", hint="send the institution's own reference")
    if is_sandbox(tenant_id) and user_id not in OUTCOMES:
        raise BadRequest(
            "user_id: a key of the sandbox starts tests only", hint=f"one of {', '.join(OUTCOMES)}"
        )


def first_attempt(
    session_id: SessionId,
    user_id: str,
    terms: Terms,
    now_ms: int,
    lifetime_ms: int,
    tenant_id: str = DEFAULT_TENANT,
) -> SessionRecord:
    """The first attempt of a tenant's new verification, which bears its id. Raises `BadRequest` as the
    record."""
    return SessionRecord(
        session_id=session_id,
        verification_id=session_id,
        tenant_id=tenant_id,
        user_id=user_id,
        state=SessionState.CREATED.value,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        expires_at_ms=now_ms + lifetime_ms,
        last_seq=1,
        terms=terms,
    )


def next_attempt(
    attempts: Sequence[SessionRecord], session_id: SessionId, now_ms: int
) -> SessionRecord:
    """The attempt that follows `attempts`, all of its verification. It has as much time as the first."""
    first, latest = attempts[0], attempts[-1]
    return SessionRecord(
        session_id=session_id,
        verification_id=latest.verification_id,
        tenant_id=latest.tenant_id,
        user_id=latest.user_id,
        attempt=latest.attempt + 1,
        state=SessionState.CREATED.value,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        expires_at_ms=now_ms + first.expires_at_ms - first.created_at_ms,
        last_seq=1,
        terms=first.terms,
    )


def opening_entry(record: SessionRecord, actor: str) -> EventRecord:
    """The first journal entry of an attempt. `actor`: who opened it."""
    return EventRecord(
        session_id=record.session_id,
        seq=1,
        at_ms=record.created_at_ms,
        actor=actor,
        type=EntryType.STATE.value,
        payload=state_payload(record.state, None),
        tenant_id=record.tenant_id,
    )
