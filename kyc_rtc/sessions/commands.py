"""Commands on sessions, whichever process they live in: carried out here, or left for the owner."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from kyc_rtc.errors import Conflict, KycError, NotFound, StorageUnavailable
from kyc_rtc.ids import SessionId
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.sessions.actor import SessionActor
from kyc_rtc.sessions.events import Cancelled, ChallengeOrdered, Completed
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.sessions.journal import INSTITUTION
from kyc_rtc.sessions.ownership import Ownership
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.storage.commands import CommandStore
from kyc_rtc.storage.records import CommandRecord, SessionRecord

TAKE_EVERY_MS = 400.0
LOOK_EVERY_MS = 150.0
ANSWER_LIMIT_MS = 8_000.0

log = structlog.get_logger(__name__)


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
        self._taken: dict[str, asyncio.Task[None]] = {}

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
            actor = await self._registry.begin(session.session_id, self.take_waiting)
            await self._apply(actor, command.type, command.arguments)

    async def take_waiting(self, actor: SessionActor) -> None:
        """Carry out what was asked of a session before it had an owner."""
        session_id = actor.record.session_id
        for waiting in await self._pending():
            if waiting.session_id == session_id:
                await self._take(waiting)

    async def take(self) -> None:
        """Take the commands that other processes left for sessions of this one."""
        if self._registry.is_empty:
            return
        for command in await self._pending():
            if command.command_id not in self._taken:
                task = asyncio.create_task(self._take(command), name="session-command")
                self._taken[command.command_id] = task
                task.add_done_callback(partial(self._forget, command.command_id))

    async def aclose(self) -> None:
        """End what is under way. Idempotent."""
        tasks = tuple(self._taken.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pending(self) -> list[CommandRecord]:
        return await self._store.pending(self._ownership.process_id, self._ownership.epoch)

    async def _take(self, command: CommandRecord) -> None:
        error: Mapping[str, Any] | None = None
        try:
            actor = self._registry.find(SessionId(command.session_id))
            if actor is None:
                raise Conflict("the session is over")
            await self._apply(actor, CommandType(command.type), command.arguments)
        except KycError as failure:
            error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        except Exception:  # the root of a command's task
            log.exception("command_failed", command_id=command.command_id)
            error = {"code": KycError.code, "message": "the command failed", "hint": ""}
        try:
            await self._store.finish(command.command_id, self._clock.now_ms(), error)
        except StorageUnavailable:  # it is taken again, which changes nothing twice but an order
            log.warning("command_not_finished", command_id=command.command_id)

    def _forget(self, command_id: str, _task: asyncio.Task[None]) -> None:
        self._taken.pop(command_id, None)

    async def _apply(
        self, actor: SessionActor, kind: CommandType, arguments: Mapping[str, Any]
    ) -> None:
        match kind:
            case CommandType.SEND_CHALLENGE:
                drawn = self._services.issuer.draw(ChallengeType(arguments["challenge_type"]))
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
        raise StorageUnavailable("the session's process does not answer", hint="ask again")


def _raise(error: Mapping[str, Any] | None) -> None:
    if error is None:
        return
    kind = {Conflict.code: Conflict, NotFound.code: NotFound}.get(str(error.get("code")), KycError)
    if error.get("code") == StorageUnavailable.code:
        raise StorageUnavailable(str(error.get("message")), hint=str(error.get("hint")))
    raise kind(str(error.get("message")), hint=str(error.get("hint")))
