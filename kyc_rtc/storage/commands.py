"""Commands in the store: what any process was asked of a session, for the one that runs it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final, Protocol

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.pruning import delete_in_batches
from kyc_rtc.storage.records import CommandRecord
from kyc_rtc.storage.tables import commands, sessions
from kyc_rtc.storage.values import JsonObject, can_be_id, check_integer, check_limit, copy_object

MAX_COMMANDS_LISTED: Final = 1_000
MAX_COMMANDS_WAITING: Final = 32
"""So many commands of a session may wait to be carried out."""


class CommandStore(Protocol):
    """Commands, kept until their session is deleted or they are pruned."""

    async def add(self, command: CommandRecord) -> None:
        """Store a command. The same one again changes nothing.

        Raises:
            NotFound: no such session.
            Conflict: another command has this id, or 32 of the session are not done.
        """

    async def pending(self, owner_id: str, epoch: int, limit: int = 100) -> list[CommandRecord]:
        """Commands that are not done, of sessions that this process owns, the oldest first.

        Raises:
            BadRequest: a limit outside 1..1000.
        """

    async def pending_for(self, session_id: SessionId) -> list[CommandRecord]:
        """Commands of this session that are not done, the oldest first, whoever owns it."""

    async def finish(self, command_id: str, now_ms: int, error: JsonObject | None) -> None:
        """The command was carried out, or refused with `error`. The first outcome stays.

        Raises:
            BadRequest: `error` cannot be stored.
            NotFound: no such command.
        """

    async def get(self, command_id: str) -> CommandRecord:
        """Raises NotFound."""

    async def prune(self, before_ms: int) -> int:
        """Delete commands from before then, done or not, the oldest first; how many.

        Deletes batch by batch, and stops after many of them: the next call goes on.
        """


class SqlCommandStore:
    """`CommandStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, command: CommandRecord) -> None:
        row = {field.name: getattr(command, field.name) for field in fields(command)}
        # Who adds to the same session waits here, so that all of them count right.
        session = select(sessions.c.session_id).where(sessions.c.session_id == command.session_id)
        waiting = select(func.count()).where(_waits_for(command.session_id))
        try:
            async with self._database.begin(write=True) as connection:
                await connection.execute(session.with_for_update(key_share=True))
                is_full = (await connection.scalar(waiting) or 0) >= MAX_COMMANDS_WAITING
                if not is_full:
                    await connection.execute(insert(commands).values(row))
        except IntegrityError:
            check_same_command(await self._find(command.command_id), command)
        else:
            if is_full:
                check_full(await self._find(command.command_id), command)

    async def pending(self, owner_id: str, epoch: int, limit: int = 100) -> list[CommandRecord]:
        check_limit(limit, MAX_COMMANDS_LISTED)
        statement = (
            select(commands)
            .join(sessions, sessions.c.session_id == commands.c.session_id)
            .where(
                commands.c.done_at_ms.is_(None),
                sessions.c.owner_id == owner_id,
                sessions.c.owner_epoch == epoch,
            )
            .order_by(commands.c.created_at_ms, commands.c.command_id)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [CommandRecord(**row) for row in rows]

    async def pending_for(self, session_id: SessionId) -> list[CommandRecord]:
        if not can_be_id(session_id):
            return []
        statement = (
            select(commands)
            .where(_waits_for(session_id))
            .order_by(commands.c.created_at_ms, commands.c.command_id)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [CommandRecord(**row) for row in rows]

    async def finish(self, command_id: str, now_ms: int, error: JsonObject | None) -> None:
        outcome = checked_outcome(now_ms, error)
        if not can_be_id(command_id):
            raise NotFound("no such command")
        statement = (
            update(commands)
            .where(commands.c.command_id == command_id, commands.c.done_at_ms.is_(None))
            .values(done_at_ms=now_ms, error=outcome)
        )
        async with self._database.begin(write=True) as connection:
            done = (await connection.execute(statement)).rowcount
        if not done:
            await self.get(command_id)

    async def get(self, command_id: str) -> CommandRecord:
        command = await self._find(command_id)
        if command is None:
            raise NotFound("no such command")
        return command

    async def prune(self, before_ms: int) -> int:
        due = (
            select(commands.c.command_id)
            .where(commands.c.created_at_ms < before_ms)
            .order_by(commands.c.created_at_ms)
        )
        return await delete_in_batches(self._database, commands, due)

    async def _find(self, command_id: str) -> CommandRecord | None:
        if not can_be_id(command_id):
            return None
        statement = select(commands).where(commands.c.command_id == command_id)
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else CommandRecord(**row)


def check_same_command(stored: CommandRecord | None, command: CommandRecord) -> None:
    """Return where the command is stored already; else raise Conflict, or NotFound of its session."""
    if stored is None:
        raise NotFound("no such session")
    if replace(stored, done_at_ms=None, error=None) != replace(
        command, done_at_ms=None, error=None
    ):
        raise Conflict("another command has this id")


def check_full(stored: CommandRecord | None, command: CommandRecord) -> None:
    """Return where the command, of a session that takes no more, is stored already; else raise Conflict."""
    if stored is None:
        raise Conflict(
            f"{MAX_COMMANDS_WAITING} commands of the session are not done",
            hint="wait until they are carried out",
        )
    check_same_command(stored, command)


def _waits_for(session_id: SessionId) -> ColumnElement[bool]:
    return (commands.c.session_id == session_id) & commands.c.done_at_ms.is_(None)


def checked_outcome(now_ms: int, error: JsonObject | None) -> JsonObject | None:
    """A copy of `error`; raises BadRequest where it, or the time, cannot be stored."""
    check_integer("done_at_ms", now_ms)
    return None if error is None else copy_object("error", error)
