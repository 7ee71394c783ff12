"""Sessions in the store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any, Final, Protocol

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import SessionRecord
from kyc_rtc.storage.tables import sessions
from kyc_rtc.storage.values import can_be_id, check_limit

INTERRUPTED: Final = "interrupted"
EXPIRED: Final = "expired"
MAX_EXPIRED_AT_ONCE: Final = 1_000

FIXED_FIELDS: Final = frozenset({"session_id", "user_id", "created_at_ms", "parent_id", "attempt"})
"""Fields of a session that an update never changes."""


class SessionRepository(Protocol):
    """Sessions, kept. A session in a final state never changes again."""

    async def add(self, record: SessionRecord) -> None:
        """Raises Conflict where the id exists already, NotFound where the parent does not."""

    async def get(self, session_id: SessionId) -> SessionRecord:
        """Raises NotFound."""

    async def retry_of(self, session_id: SessionId) -> SessionRecord | None:
        """The session that repeats this one; the first, should there be several."""

    async def update(self, record: SessionRecord) -> bool:
        """Write everything but `FIXED_FIELDS`. False, and nothing is written, in a final state.

        Raises:
            NotFound: no such session.
        """

    async def interrupt_live(self, live_states: Collection[str], now_ms: int) -> int:
        """Sessions that an earlier process left in a live state become `interrupted`; how many."""

    async def expire(self, now_ms: int, limit: int = MAX_EXPIRED_AT_ONCE) -> list[SessionId]:
        """Sessions past `expires_at_ms` and not final become `expired`, the oldest first.

        At most `limit` (1..1000) at once: call again until the list is empty. The ids come in no
        particular order.

        Raises:
            BadRequest: another limit.
        """

    async def count_by_state(self) -> dict[str, int]:
        """How many sessions are in each state; a state without sessions is absent."""

    async def delete(self, session_id: SessionId) -> bool:
        """Delete the session with its alerts; a later attempt stays. False where there is none."""


class SqlSessionRepository:
    """`SessionRepository` on a `Database`."""

    def __init__(self, database: Database, final_states: Collection[str]) -> None:
        """`final_states`: the states that never change; `expired` has to be one of them."""
        if EXPIRED not in final_states:
            raise ValueError("expired is a final state")
        self._database = database
        self._not_final = sessions.c.state.not_in(sorted(final_states))

    async def add(self, record: SessionRecord) -> None:
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(sessions).values(_row(record)))
        except IntegrityError:
            async with self._database.begin() as connection:
                known = await _exists(connection, record.session_id)
            missing = NotFound("no such parent session")
            raise (Conflict("the session exists already") if known else missing) from None

    async def get(self, session_id: SessionId) -> SessionRecord:
        if not can_be_id(session_id):
            raise NotFound("no such session")
        statement = select(sessions).where(sessions.c.session_id == session_id)
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound("no such session")
        return SessionRecord(**row)

    async def retry_of(self, session_id: SessionId) -> SessionRecord | None:
        statement = (
            select(sessions)
            .where(sessions.c.parent_id == session_id)
            .order_by(sessions.c.created_at_ms, sessions.c.session_id)
            .limit(1)
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else SessionRecord(**row)

    async def update(self, record: SessionRecord) -> bool:
        values = {name: value for name, value in _row(record).items() if name not in FIXED_FIELDS}
        statement = (
            update(sessions)
            .where(sessions.c.session_id == record.session_id, self._not_final)
            .values(values)
        )
        async with self._database.begin() as connection:
            if (await connection.execute(statement)).rowcount:
                return True
            if not await _exists(connection, record.session_id):
                raise NotFound("no such session")
            return False

    async def interrupt_live(self, live_states: Collection[str], now_ms: int) -> int:
        statement = (
            update(sessions)
            .where(sessions.c.state.in_(sorted(live_states)), self._not_final)
            .values(state=INTERRUPTED, updated_at_ms=now_ms)
        )
        async with self._database.begin() as connection:
            return (await connection.execute(statement)).rowcount

    async def expire(self, now_ms: int, limit: int = MAX_EXPIRED_AT_ONCE) -> list[SessionId]:
        check_limit(limit, MAX_EXPIRED_AT_ONCE)
        statement = (
            update(sessions)
            # Asked for twice: PostgreSQL looks at the outer condition again when it had to wait.
            .where(sessions.c.session_id.in_(self._due(now_ms, limit)), self._not_final)
            .values(state=EXPIRED, updated_at_ms=now_ms)
            .returning(sessions.c.session_id)
        )
        async with self._database.begin() as connection:
            return [SessionId(text) for text in await connection.scalars(statement)]

    async def count_by_state(self) -> dict[str, int]:
        statement = select(sessions.c.state, func.count()).group_by(sessions.c.state)
        async with self._database.begin() as connection:
            return dict((await connection.execute(statement)).all())

    async def delete(self, session_id: SessionId) -> bool:
        if not can_be_id(session_id):
            return False
        statement = delete(sessions).where(sessions.c.session_id == session_id)
        async with self._database.begin() as connection:
            return bool((await connection.execute(statement)).rowcount)

    def _due(self, now_ms: int, limit: int) -> Select[tuple[str]]:
        return (
            select(sessions.c.session_id)
            .where(sessions.c.expires_at_ms <= now_ms, self._not_final)
            .order_by(sessions.c.expires_at_ms)
            .limit(limit)
        )


def _row(record: SessionRecord) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


async def _exists(connection: AsyncConnection, session_id: SessionId) -> bool:
    statement = select(sessions.c.session_id).where(sessions.c.session_id == session_id)
    return await connection.scalar(statement) is not None
