"""Verifications of sandboxes in the store: those that wait for their outcome, and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from sqlalchemy import exists, select, update

from kyc_rtc.scopes import SANDBOX_SUFFIX
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.outbox import write_journal_of
from kyc_rtc.storage.records import Commit, SessionRecord
from kyc_rtc.storage.rows import FIXED_FIELDS, session_of, session_row, sessions_with_people
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.tables import sessions
from kyc_rtc.storage.values import check_limit

CREATED: Final = "created"
MAX_DUE: Final = 500


class SandboxStore(Protocol):
    """What brings tests to their end. Several processes may use it at once."""

    async def due(self, before_ms: int, limit: int) -> list[SessionRecord]:
        """At most `limit` (1..500) sessions of sandboxes that nobody has joined and that were opened before
        then, the oldest first.

        Raises:
            BadRequest: another limit.
        """

    async def carry_out(self, course: Sequence[Commit]) -> bool:
        """Write all commits of one session in one transaction, or nothing: False where it is no longer as
        the first of them takes it to be."""


class SqlSandboxStore:
    """`SandboxStore` on a `Database`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def due(self, before_ms: int, limit: int) -> list[SessionRecord]:
        check_limit(limit, MAX_DUE)
        waiting = (
            sessions.c.state == CREATED,
            sessions.c.owner_id.is_(None),
            sessions.c.created_at_ms <= before_ms,
            sessions.c.tenant_id.endswith(SANDBOX_SUFFIX, autoescape=True),
        )
        oldest = (
            sessions_with_people().where(*waiting).order_by(sessions.c.created_at_ms).limit(limit)
        )
        async with self._database.begin() as connection:
            if not await connection.scalar(select(exists().where(*waiting))):
                return []
            rows = (await connection.execute(oldest)).mappings().all()
        return [session_of(row, self._sealer) for row in rows]

    async def carry_out(self, course: Sequence[Commit]) -> bool:
        async with self._database.begin(write=True) as connection:
            for commit in course:
                record = commit.record
                values = session_row(record)
                for name in FIXED_FIELDS:
                    values.pop(name, None)
                as_expected = (
                    sessions.c.session_id == record.session_id,
                    sessions.c.owner_id.is_(None),
                    sessions.c.last_seq == commit.base_seq,
                )
                statement = update(sessions).where(*as_expected).values(values)
                if not (await connection.execute(statement)).rowcount:
                    return False  # the first one: whoever else would change it waits for this
                await write_journal_of(connection, record, commit.events, commit.alerts)
        return True
