"""Commands on sessions, whichever process they live in: carried out here, or left for the owner."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from kyc_rtc.errors import Conflict, KycError, Misdirected, NotFound, StorageUnavailable
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.sessions.actor import SessionActor
from kyc_rtc.sessions.events import Cancelled, ChallengeOrdered, Completed
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.sessions.journal import INSTITUTION
from kyc_rtc.sessions.ownership import Ownership
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.sessions.terms import issuer_for
from kyc_rtc.storage.commands import CommandStore
from kyc_rtc.storage.records import CommandRecord, SessionRecord
from kyc_rtc.storage.values import JsonObject

TAKE_EVERY_MS = 400.0
LOOK_EVERY_MS = 150.0
ANSWER_LIMIT_MS = 10_000.0
"""Longer than the owner lets its own caller wait, and the time in which it looks for commands."""

STALE_AFTER_MS = 30_000.0
"""Without a look at the commands for so long: who asked for an end meanwhile was answered that it did not
happen. By our own monotonic clock: that of whoever asked may be set, or wrong."""

MAX_REMEMBERED = 1_024

_WITHDRAWN: JsonObject = {
    "code": "withdrawn",
    "message": "nobody carried it out in time",
    "hint": "",
}

log = structlog.get_logger(__name__)


class _NotYet(Exception):
    """The session is about to begin here."""


class Commands:
    """A command for a session that runs here goes to its actor; for one that runs elsewhere it becomes
    a row, which the owner takes. Of a session without an owner, a row waits for whoever will be."""

    def __init__(
        self,
        services: Services,
        registry: SessionRegistry,
        ownership: Ownership,
        store: CommandStore,
    ) -> None:
        self._services = services
        self._clock = services.clock
        self._registry = registry
        self._ownership = ownership
        self._store = store
        self._taken: dict[str, None] = {}
        self._unfinished: dict[str, JsonObject | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._looked_at_ms = services.clock.monotonic_ms()

    async def carry_out(self, session: SessionRecord, command: Command) -> None:
        """Have a command carried out on a session that is not final.

        Raises:
            Conflict: it does not fit the session's state. StorageUnavailable: the database is away, or
            the owner does not answer; what was asked may still happen.
        """
        actor = self._registry.find(session.session_id)
        if actor is not None:
            await self._apply(actor, command.type, command.arguments)
        elif session.owner_id is not None:
            await self._answer(await self._leave(session, command))
        elif command.type is CommandType.SEND_CHALLENGE:
            await self._leave(session, command)
        else:
            await self._begin_and_apply(session, command)

    async def _begin_and_apply(self, session: SessionRecord, command: Command) -> None:
        try:
            actor = await self._registry.begin(
                session.session_id,
                self.take_waiting,
                only_to_end=command.type is CommandType.CANCEL,
            )
        except Misdirected:  # another process took it meanwhile
            await self._answer(await self._leave(session, command))
        else:
            await self._apply(actor, command.type, command.arguments)

    async def take_waiting(self, actor: SessionActor) -> None:
        """Carry out what was asked of a session before it had an owner."""
        for command in await self._store.pending_for(actor.record.session_id):
            if self._is_new(command):
                await self._take(command)

    async def take(self) -> None:
        """Take the commands that other processes left for sessions of this one."""
        await self._finish_again()
        if self._closed:
            return
        now_ms = self._clock.monotonic_ms()
        late = now_ms - self._looked_at_ms > STALE_AFTER_MS
        pending: list[CommandRecord] = []
        if not self._registry.is_empty:
            owner, epoch = self._ownership.process_id, self._ownership.epoch
            pending = await self._store.pending(owner, epoch)
        self._looked_at_ms = now_ms
        for command in pending:
            if self._is_new(command) and not self._closed:
                task = asyncio.create_task(self._take(command, late=late), name="session-command")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """End what is under way. Idempotent."""
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_new(self, command: CommandRecord) -> bool:
        """Whether it was not taken yet; it counts as taken then. A row may be read once more before it
        is marked as done, and an order must not be carried out twice."""
        if command.command_id in self._taken:
            return False
        self._taken[command.command_id] = None
        if len(self._taken) > MAX_REMEMBERED:
            del self._taken[next(iter(self._taken))]
        return True

    async def _take(self, command: CommandRecord, *, late: bool = False) -> None:
        error: JsonObject | None = None
        try:
            await self._carry_out_here(command, late=late)
        except _NotYet:
            del self._taken[command.command_id]
            return
        except KycError as failure:
            error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        except Exception:  # the root of a command's task
            log.exception("command_failed", command_id=command.command_id)
            error = {"code": KycError.code, "message": "the command failed", "hint": ""}
        self._unfinished[command.command_id] = error
        await self._finish_again()

    async def _carry_out_here(self, command: CommandRecord, *, late: bool) -> None:
        kind = CommandType(command.type)
        if late and kind is not CommandType.SEND_CHALLENGE:
            raise Conflict("the command came too late", hint="ask again")
        actor = self._registry.find(command.session_id)
        if actor is None:
            if command.session_id in self._registry.running:
                raise _NotYet
            raise Conflict("the session is over")
        await self._apply(actor, kind, command.arguments)

    async def _finish_again(self) -> None:
        """Mark as done what was carried out; what the database refuses waits for the next time."""
        for command_id, error in tuple(self._unfinished.items()):
            try:
                await self._store.finish(command_id, self._clock.now_ms(), error)
            except StorageUnavailable:
                log.warning("command_not_finished", command_id=command_id)
            except NotFound:  # deleted with its session
                self._unfinished.pop(command_id, None)
            else:
                self._unfinished.pop(command_id, None)

    async def _apply(
        self, actor: SessionActor, kind: CommandType, arguments: Mapping[str, Any]
    ) -> None:
        match kind:
            case CommandType.SEND_CHALLENGE:
                issuer = issuer_for(actor.record, self._services)
                drawn = issuer.draw(ChallengeType(arguments["challenge_type"]))
                await actor.ask(partial(ChallengeOrdered, drawn))
            case CommandType.COMPLETE:
                await actor.ask(Completed)
            case CommandType.CANCEL:
                await actor.ask(partial(Cancelled, INSTITUTION))

    async def _leave(self, session: SessionRecord, command: Command) -> str:
        row = CommandRecord(
            command_id=str(uuid.uuid4()),
            session_id=session.session_id,
            type=command.type.value,
            arguments=dict(command.arguments),
            actor=INSTITUTION,
            created_at_ms=self._clock.now_ms(),
            tenant_id=session.tenant_id,
        )
        await self._store.add(row)
        return row.command_id

    async def _answer(self, command_id: str) -> None:
        """Wait until the owner has carried it out."""
        until_ms = self._clock.monotonic_ms() + ANSWER_LIMIT_MS
        while self._clock.monotonic_ms() < until_ms:
            await self._clock.sleep_ms(LOOK_EVERY_MS)
            command = await self._store.get(command_id)
            if command.done_at_ms is not None:
                _raise(command.error)
                return
        self._unfinished[command_id] = _WITHDRAWN
        await self._finish_again()
        raise StorageUnavailable("the session's process does not answer", hint="ask again")


def _raise(error: Mapping[str, Any] | None) -> None:
    if error is None:
        return
    kind = {Conflict.code: Conflict, NotFound.code: NotFound}.get(str(error.get("code")), KycError)
    if error.get("code") == StorageUnavailable.code:
        raise StorageUnavailable(str(error.get("message")), hint=str(error.get("hint")))
    raise kind(str(error.get("message")), hint=str(error.get("hint")))
