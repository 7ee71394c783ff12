"""Sessions that nobody runs are ended here: the row and its journal entry in one transaction."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.outbox import Subject, write_journal
from kyc_rtc.storage.records import EventRecord
from kyc_rtc.storage.tables import sessions
from kyc_rtc.storage.topics import STATE_EVENT

SYSTEM_ACTOR: Final = "system"
MAX_AT_ONCE: Final = 1_000
"""Well below the number of parameters that a statement may have in either database."""


async def end_sessions(
    connection: AsyncConnection,
    state: str,
    at_ms: int,
    *conditions: ColumnElement[bool],
    limit: int = MAX_AT_ONCE,
) -> list[SessionId]:
    """Bring at most `limit` sessions that meet the conditions to a final state, the oldest first.

    Rows that another transaction holds are left out: a stuck one holds up nobody.
    """
    columns = (
        sessions.c.session_id,
        sessions.c.verification_id,
        sessions.c.tenant_id,
        sessions.c.state,
        sessions.c.last_seq,
    )
    due = (
        select(*columns)
        .where(*conditions)
        .order_by(sessions.c.expires_at_ms, sessions.c.session_id)
        .limit(limit)
        .with_for_update(of=sessions, skip_locked=True)
    )
    rows = (await connection.execute(due)).all()
    if not rows:
        return []
    ids = [SessionId(row.session_id) for row in rows]
    changes = {
        "state": state,
        "updated_at_ms": at_ms,
        "last_seq": sessions.c.last_seq + 1,
    }
    await connection.execute(update(sessions).where(sessions.c.session_id.in_(ids)).values(changes))
    entries = [
        EventRecord(
            session_id=SessionId(row.session_id),
            seq=row.last_seq + 1,
            at_ms=at_ms,
            actor=SYSTEM_ACTOR,
            type=STATE_EVENT,
            payload={"state": state, "previous": row.state},
            tenant_id=row.tenant_id,
        )
        for row in rows
    ]
    subjects = {SessionId(row.session_id): Subject(SessionId(row.verification_id)) for row in rows}
    await write_journal(connection, subjects, entries)
    return ids


async def end_all_sessions(
    connection: AsyncConnection, state: str, at_ms: int, *conditions: ColumnElement[bool]
) -> list[SessionId]:
    """`end_sessions` without a limit. `conditions` must fail for `state`."""
    ended: list[SessionId] = []
    while found := await end_sessions(connection, state, at_ms, *conditions):
        ended += found
    return ended
