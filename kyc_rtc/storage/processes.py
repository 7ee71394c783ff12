"""Processes in the store: who may run sessions, and what becomes of the sessions of those who are gone.

A process holds a lease, which it renews, under an epoch, which others raise once the lease ran out.
Sessions name their owner by both; a commit under an epoch that has passed is refused. All time is the
database's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    delete,
    exists,
    insert,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.endings import MAX_AT_ONCE, end_all_sessions
from kyc_rtc.storage.leases import holds_lease, is_orphan, now_ms
from kyc_rtc.storage.sessions import CREATED
from kyc_rtc.storage.tables import processes, sessions
from kyc_rtc.storage.values import MAX_ID_LENGTH, check_integer, check_text

INTERRUPTED: Final = "interrupted"
ROOM_BYTES: Final = 16_384
"""What a database that can be written has room for: more than a session writes at once."""

FORGOTTEN_AFTER_MS: Final = 86_400_000
"""A process whose lease ran out that long ago will not come back."""


class ProcessStore(Protocol):
    """The processes that share the database."""

    async def register(self, process_id: str, lease_ms: int) -> int:
        """The epoch under which the process holds a lease from now on; above every earlier one of it.

        Raises:
            BadRequest: the id cannot be stored, or the lease is not positive.
        """

    async def renew(self, process_id: str, epoch: int, lease_ms: int) -> int | None:
        """Let the lease end `lease_ms` from now; when that is, by the database's clock. None where the
        epoch has passed: register again.

        A lease that ran out can be renewed for as long as nobody noticed.

        Raises:
            BadRequest: the lease is not positive.
        """

    async def check_writable(self, process_id: str) -> None:
        """Write, in a transaction of its own that leaves everything as it was.

        Raises:
            StorageUnavailable: nothing can be written, there is no room to grow, or SQLite's file is not
                the one that was opened any more: what is written into a deleted one is lost.
        """

    async def release(self, process_id: str, epoch: int) -> None:
        """End the lease. Sessions that the process still runs become `interrupted`; those that wait
        are free for another."""

    async def interrupt_orphans(self, process_id: str, epoch: int) -> list[SessionId]:
        """Interrupt the sessions in a live state that no process runs; those that wait are set free.

        Raises the epoch of every other process whose lease ran out and that still owns one of them, so
        that it cannot commit any more. Does nothing where the caller's own lease is not valid.
        """

    async def interrupt_unknown(
        self, process_id: str, epoch: int, known: Collection[str]
    ) -> list[SessionId]:
        """Interrupt the process's own live sessions that it does not run; those that wait are set free.

        `known` is looked at after the rows were read, the last time while nobody else can change them:
        a view of the running sessions stays right while this call waits, if a session is in it before
        the process acquires it. At most 1000 at once; the next call goes on.
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
        self._waits = sessions.c.state == CREATED
        self._is_open = sessions.c.state.in_(sorted({CREATED, *live_states}))

    async def register(self, process_id: str, lease_ms: int) -> int:
        check_lease(process_id, lease_ms)
        try:
            return await self._register(process_id, lease_ms)
        except IntegrityError:  # another call registered it in between
            return await self._register(process_id, lease_ms)

    async def _register(self, process_id: str, lease_ms: int) -> int:
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

    async def renew(self, process_id: str, epoch: int, lease_ms: int) -> int | None:
        check_lease(process_id, lease_ms)
        statement = (
            update(processes)
            .where(processes.c.process_id == process_id, processes.c.epoch == epoch)
            .values(lease_until_ms=now_ms() + lease_ms)
            .returning(processes.c.lease_until_ms)
        )
        async with self._database.begin(write=True) as connection:
            until_ms: int | None = await connection.scalar(statement)
        return until_ms

    async def check_writable(self, process_id: str) -> None:
        await self._database.check_file()
        own = processes.c.process_id == process_id
        async with self._database.begin(write=True) as connection:
            if connection.dialect.name == "sqlite":
                await _check_room(connection)
            # There and back: SQLite writes nothing for a row that stays as it is.
            for step in (1, -1):
                later = {"lease_until_ms": processes.c.lease_until_ms + step}
                await connection.execute(update(processes).where(own).values(later))

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
        leased = holds_lease(process_id, epoch)
        is_due = or_(
            exists(self._late(process_id)),
            exists().where(self._is_live, is_orphan()),
            exists().where(self._waits, sessions.c.owner_id.is_not(None), is_orphan()),
            exists(_gone()),
        )
        async with self._database.begin() as connection:
            if not await connection.scalar(select(leased & is_due)):
                return []
        async with self._database.begin(write=True) as connection:
            if not await connection.scalar(select(leased)):
                return []
            await _raise_epochs(connection, self._late(process_id))
            orphans = await self._interrupt(connection, is_orphan())
            await _free(connection, self._waits, sessions.c.owner_id.is_not(None), is_orphan())
            await _forget(connection)
        return orphans

    async def interrupt_unknown(
        self, process_id: str, epoch: int, known: Collection[str]
    ) -> list[SessionId]:
        owned = (_owned(process_id, epoch), self._is_open)
        columns = (sessions.c.session_id, self._is_live.label("is_live"))
        statement = select(*columns).where(*owned)
        async with self._database.begin() as connection:
            seen = _unknown((await connection.execute(statement)).all(), known)
        if not seen:
            return []
        ids = [row.session_id for row in seen][:MAX_AT_ONCE]
        statement = statement.where(sessions.c.session_id.in_(ids)).with_for_update(
            of=sessions, skip_locked=True
        )
        async with self._database.begin(write=True) as connection:
            rows = _unknown((await connection.execute(statement)).all(), known)
            await _disown(connection, [row.session_id for row in rows if not row.is_live])
            left = [row.session_id for row in rows if row.is_live]
            if not left:
                return []
            return await self._interrupt(connection, sessions.c.session_id.in_(left))

    def _late(self, process_id: str) -> Select[Any]:
        """Other processes whose lease ran out, and that own a session that is not over."""
        owners = select(sessions.c.owner_id, sessions.c.owner_epoch).where(
            self._is_open, sessions.c.owner_id.is_not(None)
        )
        return select(processes.c.process_id).where(
            processes.c.process_id != process_id,
            processes.c.lease_until_ms <= now_ms(),
            tuple_(processes.c.process_id, processes.c.epoch).in_(owners),
        )

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


async def _check_room(connection: AsyncConnection) -> None:
    """Let SQLite's file grow, and take it back: a change of a row that is there needs no page more."""
    row = {"process_id": "x" * ROOM_BYTES, "epoch": 0, "started_at_ms": 0, "lease_until_ms": 0}
    # Not `begin_nested`: a full SQLite has ended the whole transaction, and there is nothing to go back to.
    await connection.execute(text("SAVEPOINT room"))
    await connection.execute(insert(processes).values(row))
    await connection.execute(text("ROLLBACK TO room"))


def _owned(process_id: str, epoch: int) -> ColumnElement[bool]:
    return (sessions.c.owner_id == process_id) & (sessions.c.owner_epoch == epoch)


def _unknown(rows: Iterable[Row[Any]], known: Collection[str]) -> list[Row[Any]]:
    return [row for row in rows if row.session_id not in known]


def _gone() -> Select[Any]:
    return select(processes.c.process_id).where(
        processes.c.lease_until_ms <= now_ms() - FORGOTTEN_AFTER_MS
    )


async def _raise_epochs(connection: AsyncConnection, late: Select[Any]) -> None:
    late = late.with_for_update(of=processes, skip_locked=True)
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
    await _disown(connection, list(await connection.scalars(due)))


async def _disown(connection: AsyncConnection, ids: Sequence[str]) -> None:
    if ids:
        statement = update(sessions).where(sessions.c.session_id.in_(ids))
        await connection.execute(statement.values(owner_id=None, owner_epoch=0))


async def _forget(connection: AsyncConnection) -> None:
    gone = _gone().with_for_update(skip_locked=True)
    ids = list(await connection.scalars(gone))
    if ids:
        await connection.execute(delete(processes).where(processes.c.process_id.in_(ids)))
