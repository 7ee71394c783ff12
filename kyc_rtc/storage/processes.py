"""Processes in the store: who may run sessions, and what becomes of the sessions of those who are gone.

A process holds a lease, which it renews, under an epoch, which others raise once the lease ran out.
Sessions name their owner by both; a commit under an epoch that has passed is refused. All time is the
database's clock.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.endings import MAX_AT_ONCE, end_all_sessions
from kyc_rtc.storage.leases import holds_lease, is_orphan, now_ms
from kyc_rtc.storage.tables import processes, sessions
from kyc_rtc.storage.values import MAX_ID_LENGTH, check_integer, check_text

INTERRUPTED: Final = "interrupted"
FORGOTTEN_AFTER_MS: Final = 86_400_000
"""A process whose lease ran out that long ago will not come back."""


class ProcessStore(Protocol):
    """The processes that share the database."""

    async def register(self, process_id: str, lease_ms: int) -> int:
        """The epoch under which the process holds a lease from now on; above every earlier one of it.

        Raises:
            BadRequest: the id cannot be stored, or the lease is not positive.
        """

    async def renew(self, process_id: str, epoch: int, lease_ms: int) -> bool:
        """Let the lease end `lease_ms` from now. False where the epoch has passed: register again.

        A lease that ran out can be renewed for as long as nobody noticed.

        Raises:
            BadRequest: the lease is not positive.
        """

    async def release(self, process_id: str, epoch: int) -> None:
        """End the lease. Sessions that the process still runs become `interrupted`; those that wait
        are free for another."""

    async def interrupt_orphans(self, process_id: str, epoch: int) -> list[SessionId]:
        """Interrupt the sessions in a live state that no process runs; those that wait are set free.

        Raises the epoch of every other process whose lease ran out, so that it cannot commit any more.
        Does nothing where the caller's own lease is not valid.
        """

    async def interrupt_unknown(
        self, process_id: str, epoch: int, known: Collection[str]
    ) -> list[SessionId]:
        """Interrupt the process's own live sessions that it does not run.

        `known` is looked at after the rows were read: a view of the running sessions stays right while
        this call waits. Sessions that wait beyond their time are set free, to expire.
        """


class SqlProcessStore:
    """`ProcessStore` on a `Database`."""

    def __init__(
        self, database: Database, final_states: Collection[str], live_states: Collection[str]
    ) -> None:
        """Raises ValueError where `interrupted` is not final, or a live state is."""
        check_states(final_states, live_states)
        self._database = database
        self._is_live = sessions.c.state.in_(sorted(live_states))
        self._waits = sessions.c.state.not_in(sorted({*live_states, *final_states}))

    async def register(self, process_id: str, lease_ms: int) -> int:
        check_lease(process_id, lease_ms)
        lease = {"started_at_ms": now_ms(), "lease_until_ms": now_ms() + lease_ms}
        again = (
            update(processes)
            .where(processes.c.process_id == process_id)
            .values(epoch=processes.c.epoch + 1, **lease)
            .returning(processes.c.epoch)
        )
        async with self._database.begin(write=True) as connection:
            epoch = await connection.scalar(again)
            if epoch is None:
                epoch = 1
                row = {"process_id": process_id, "epoch": epoch, **lease}
                await connection.execute(insert(processes).values(row))
        return int(epoch)

    async def renew(self, process_id: str, epoch: int, lease_ms: int) -> bool:
        check_lease(process_id, lease_ms)
        statement = (
            update(processes)
            .where(processes.c.process_id == process_id, processes.c.epoch == epoch)
            .values(lease_until_ms=now_ms() + lease_ms)
        )
        async with self._database.begin(write=True) as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def release(self, process_id: str, epoch: int) -> None:
        statement = (
            update(processes)
            .where(processes.c.process_id == process_id, processes.c.epoch == epoch)
            .values(lease_until_ms=now_ms())
        )
        owned = _owned(process_id, epoch)
        async with self._database.begin(write=True) as connection:
            if (await connection.execute(statement)).rowcount:
                await self._interrupt(connection, owned)
                await _free(connection, owned, self._waits)

    async def interrupt_orphans(self, process_id: str, epoch: int) -> list[SessionId]:
        async with self._database.begin(write=True) as connection:
            if not await connection.scalar(select(holds_lease(process_id, epoch))):
                return []
            await _raise_epochs(connection, process_id)
            orphans = await self._interrupt(connection, is_orphan())
            await _free(connection, sessions.c.owner_id.is_not(None), is_orphan(), self._waits)
            await _forget(connection)
        return orphans

    async def interrupt_unknown(
        self, process_id: str, epoch: int, known: Collection[str]
    ) -> list[SessionId]:
        owned = _owned(process_id, epoch)
        statement = select(sessions.c.session_id, self._is_live.label("is_live")).where(
            owned, self._is_live | (self._waits & (sessions.c.expires_at_ms <= now_ms()))
        )
        async with self._database.begin(write=True) as connection:
            rows = [row for row in await connection.execute(statement) if row[0] not in known]
            left = [row.session_id for row in rows if row.is_live][:MAX_AT_ONCE]
            late = [row.session_id for row in rows if not row.is_live][:MAX_AT_ONCE]
            await _free(connection, owned, sessions.c.session_id.in_(late), self._waits)
            return await self._interrupt(connection, owned, sessions.c.session_id.in_(left))

    async def _interrupt(
        self, connection: AsyncConnection, *conditions: ColumnElement[bool]
    ) -> list[SessionId]:
        at_ms = await connection.scalar(select(now_ms()))
        return await end_all_sessions(
            connection, INTERRUPTED, at_ms or 0, self._is_live, *conditions
        )


def check_states(final_states: Collection[str], live_states: Collection[str]) -> None:
    """Raise ValueError where `interrupted` is not final, or a live state is."""
    if INTERRUPTED not in final_states:
        raise ValueError("interrupted is a final state")
    if set(live_states) & set(final_states):
        raise ValueError("a live state is not final")


def check_lease(process_id: str, lease_ms: int) -> None:
    """Raise BadRequest where the id cannot be stored, or the lease is not positive."""
    check_text("process_id", process_id, MAX_ID_LENGTH)
    check_integer("lease_ms", lease_ms, minimum=1)


def _owned(process_id: str, epoch: int) -> ColumnElement[bool]:
    return (sessions.c.owner_id == process_id) & (sessions.c.owner_epoch == epoch)


async def _raise_epochs(connection: AsyncConnection, process_id: str) -> None:
    late = (
        select(processes.c.process_id)
        .where(processes.c.process_id != process_id, processes.c.lease_until_ms <= now_ms())
        .with_for_update(skip_locked=True)
    )
    ids = list(await connection.scalars(late))
    if ids:
        statement = update(processes).where(processes.c.process_id.in_(ids))
        await connection.execute(statement.values(epoch=processes.c.epoch + 1))


async def _free(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> None:
    """Take the owner away, except from rows that another transaction holds."""
    due = (
        select(sessions.c.session_id)
        .where(*conditions)
        .limit(MAX_AT_ONCE)
        .with_for_update(of=sessions, skip_locked=True)
    )
    ids = list(await connection.scalars(due))
    if ids:
        statement = update(sessions).where(sessions.c.session_id.in_(ids))
        await connection.execute(statement.values(owner_id=None, owner_epoch=0))


async def _forget(connection: AsyncConnection) -> None:
    gone = (
        select(processes.c.process_id)
        .where(processes.c.lease_until_ms <= now_ms() - FORGOTTEN_AFTER_MS)
        .with_for_update(skip_locked=True)
    )
    ids = list(await connection.scalars(gone))
    if ids:
        await connection.execute(delete(processes).where(processes.c.process_id.in_(ids)))
