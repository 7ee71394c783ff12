"""Commands in the store: what any process was asked of a session, for the one that runs it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final, Protocol

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import CommandRecord
from kyc_rtc.storage.tables import commands, sessions
from kyc_rtc.storage.values import JsonObject, can_be_id, check_integer, check_limit, copy_object

MAX_COMMANDS_LISTED: Final = 1_000


class CommandStore(Protocol):
    """Commands, kept until their session is deleted or they are pruned."""

    async def add(self, command: CommandRecord) -> None:
        """Store a command. The same one again changes nothing.

        Raises:
            NotFound: no such session. Conflict: another command has this id.
        """

    async def pending(self, owner_id: str, epoch: int, limit: int = 100) -> list[CommandRecord]:
        """Commands that are not done, of sessions that this process owns, the oldest first.

        Raises:
            BadRequest: a limit outside 1..1000.
        """

    async def pending_for(self, session_id: SessionId) -> list[CommandRecord]:
        """Commands on a session that are not done, whoever owns it, the oldest first."""

    async def finish(self, command_id: str, now_ms: int, error: JsonObject | None) -> None:
        """The command was carried out, or refused with `error`. The first outcome stays.

        Raises:
            BadRequest: `error` cannot be stored.
            NotFound: no such command.
        """

    async def get(self, command_id: str) -> CommandRecord:
        """Raises NotFound."""

    async def prune(self, before_ms: int) -> int:
        """Delete commands from before then, done or not; how many."""


class SqlCommandStore:
    """`CommandStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, command: CommandRecord) -> None:
        row = {field.name: getattr(command, field.name) for field in fields(command)}
        try:
            async with self._database.begin(write=True) as connection:
                await connection.execute(insert(commands).values(row))
        except IntegrityError:
            check_same_command(await self._find(command.command_id), command)

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
        statement = (
            select(commands)
            .where(commands.c.session_id == session_id, commands.c.done_at_ms.is_(None))
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
        statement = delete(commands).where(commands.c.created_at_ms < before_ms)
        async with self._database.begin(write=True) as connection:
            return (await connection.execute(statement)).rowcount

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


def checked_outcome(now_ms: int, error: JsonObject | None) -> JsonObject | None:
    """A copy of `error`; raises BadRequest where it, or the time, cannot be stored."""
    check_integer("done_at_ms", now_ms)
    return None if error is None else copy_object("error", error)
