"""The live sessions of this process: find, admit, begin, end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from kyc_rtc.errors import AtCapacity, Conflict, Misdirected, OwnershipLost, StorageUnavailable
from kyc_rtc.ids import SessionId
from kyc_rtc.memory import give_back
from kyc_rtc.scopes import is_sandbox
from kyc_rtc.sessions.actor import SessionActor
from kyc_rtc.sessions.attempts import attempts_spent
from kyc_rtc.sessions.events import Interrupted, OwnershipEnded
from kyc_rtc.sessions.exclusions import excluded_by_applicant, issuer_without
from kyc_rtc.sessions.ownership import Ownership
from kyc_rtc.sessions.pending import PENDING_PER_PLACE, client_key
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.refusals import over, without_camera
from kyc_rtc.sessions.session import Session
from kyc_rtc.sessions.states import FINAL, SessionState
from kyc_rtc.sessions.terms import settings_for
from kyc_rtc.settings import Settings
from kyc_rtc.storage.records import SessionRecord

ENDING_LIMIT_S = 12.0
"""For so long a session may take to store its end and to close its peer when the server stops."""

CANCEL_LIMIT_S = 3.0
"""And so long, once it was cancelled."""

_FULL = "every place for a live session is taken"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Turn:
    """Who wants to begin a session, one after another."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    callers: int = 0


class SessionRegistry:
    """Actors by session id. An actor runs in a task of its own, whose errors end here."""

    def __init__(self, services: Services, ownership: Ownership) -> None:
        self._services = services
        self._ownership = ownership
        self._actors: dict[SessionId, SessionActor] = {}
        self._tasks: dict[SessionId, asyncio.Task[None]] = {}
        self._placed: set[SessionId] = set()
        self._joining: Counter[SessionId] = Counter()
        self._offering: Counter[str] = Counter()
        self._closed = False
        self._beginning: dict[SessionId, _Turn] = {}
        services.metrics.live_sessions.set_function(lambda: self.live_sessions)

    @property
    def running(self) -> Collection[str]:
        """The sessions that this process runs, or is about to: a view, which follows what happens."""
        return _InEither(self._actors.keys(), self._beginning.keys())

    @property
    def is_full(self) -> bool:
        return self.places_taken >= self._services.settings.limits.live_sessions

    @property
    def places_taken(self) -> int:
        """How many sessions have, or had, a peer whose DTLS was up, or a picture."""
        return len(self._with_a_place())

    @property
    def live_sessions(self) -> int:
        """How many sessions have a place and are not over, as far as that is stored."""
        return sum(
            actor.record.state not in FINAL
            for session_id in self._with_a_place()
            if (actor := self._actors.get(session_id)) is not None
        )

    @property
    def is_empty(self) -> bool:
        return not self._actors and not self._beginning

    def find(self, session_id: SessionId) -> SessionActor | None:
        """The actor of a session that runs here."""
        return self._actors.get(session_id)

    def seen(self, record: SessionRecord) -> SessionRecord:
        """The stored record, with what was measured since where its session runs here."""
        actor = self._actors.get(SessionId(record.session_id))
        return record if actor is None or record.state in FINAL else actor.seen

    @asynccontextmanager
    async def joining(
        self, session_id: SessionId, prepare: Callable[[SessionActor], Awaitable[None]]
    ) -> AsyncIterator[SessionActor]:
        """The actor of a session, begun where it has not begun, with a place of its own for as long as the
        caller is inside; what it does there may keep it.

        Raises:
            AtCapacity: every place is taken. Besides, what `begin` raises.
        """
        if session_id not in self._with_a_place() and self.is_full:
            self._services.metrics.refused.inc()
            raise self.at_capacity(_FULL)
        self._joining[session_id] += 1
        try:
            yield await self.begin(session_id, prepare)
        finally:
            self._joining[session_id] -= 1
            if not self._joining[session_id]:
                del self._joining[session_id]

    @asynccontextmanager
    async def connecting(
        self,
        session_id: SessionId,
        prepare: Callable[[SessionActor], Awaitable[None]],
        address: str,
    ) -> AsyncIterator[SessionActor]:
        """The actor of a session that a peer is about to be made for. The peer gets its place later,
        when its DTLS is up; until then it is pending, and so is the caller as long as it is inside.

        Raises:
            AtCapacity: every place is taken, or too many peers are pending, in all or of this address.
            Besides, what `begin` raises.
        """
        key = self._client_key(address)
        self._admit_peer(session_id, key)
        self._offering[key] += 1
        try:
            yield await self.begin(session_id, prepare)
        finally:
            self._offering -= Counter((key,))  # which leaves no zeros behind

    def _admit_peer(self, session_id: SessionId, key: str) -> None:
        limits = self._services.settings.limits
        pending = +self._offering
        for actor in self._actors.values():
            pending.update(map(self._client_key, actor.pending.addresses))
        if session_id not in self._with_a_place() and self.is_full:
            problem = _FULL
        elif pending.total() >= PENDING_PER_PLACE * limits.live_sessions:
            problem = "too many connections are on their way"
        elif key and pending[key] >= limits.max_pending_per_address:
            problem = "too many connections are on their way from this address"
        else:
            return
        self._services.metrics.refused.inc()
        raise self.at_capacity(problem)

    def _client_key(self, address: str) -> str:
        return client_key(address, self._services.settings.trusted_proxies)

    def _take_place(self, session_id: SessionId) -> AtCapacity | None:
        """Give a session a place, from now on until it ends; why it gets none."""
        if session_id not in self._with_a_place() and self.is_full:
            self._services.metrics.refused.inc()
            return self.at_capacity(_FULL)
        self._placed.add(session_id)
        return None

    def _with_a_place(self) -> set[SessionId]:
        return self._placed | set(self._joining)

    async def begin(
        self,
        session_id: SessionId,
        prepare: Callable[[SessionActor], Awaitable[None]],
        *,
        only_to_end: bool = False,
    ) -> SessionActor:
        """The actor of a session, begun where it has not begun. `prepare` runs before the caller gets it.
        `only_to_end`: the caller ends it at once, which needs no profile.

        Raises:
            NotFound: no such session. Conflict: it is over. Misdirected: it lives in another process.
            StorageUnavailable: the database is away.
        """
        turn = self._beginning.setdefault(session_id, _Turn())
        turn.callers += 1
        try:
            async with turn.lock:
                actor = self._actors.get(session_id)
                if actor is None:
                    actor = await self._begin(session_id, prepare, only_to_end=only_to_end)
                return actor
        finally:
            turn.callers -= 1
            if not turn.callers:
                del self._beginning[session_id]

    async def _begin(
        self,
        session_id: SessionId,
        prepare: Callable[[SessionActor], Awaitable[None]],
        *,
        only_to_end: bool,
    ) -> SessionActor:
        if self._closed:
            raise self.at_capacity("the server stops")
        known = await self._services.store.get(session_id)
        settings = self._settings_of(known, only_to_end=only_to_end)  # before anything is taken
        attempts = await self._services.store.attempts(known.verification_id)
        record = await self._acquire(session_id)
        can_retry = attempts_spent(attempts) < settings.limits.session_attempts
        issuer = issuer_without(self._services.issuer.under(settings.liveness), attempts)
        cannot = excluded_by_applicant(attempts)
        rules = self._services.alert_rules
        session = Session(record, settings, issuer, rules, can_retry=can_retry, cannot=cannot)
        actor = SessionActor(session, self._services, self._take_place)
        if self._closed:  # meanwhile: nobody would wait for its task
            raise self.at_capacity("the server stops")
        self._tasks[session_id] = asyncio.create_task(
            self._run(session_id, actor), name=f"session-{session_id}"
        )
        self._actors[session_id] = actor
        await actor.started()
        await prepare(actor)
        return actor

    def _settings_of(self, record: SessionRecord, *, only_to_end: bool) -> Settings:
        if is_sandbox(record.tenant_id) and not only_to_end:
            raise without_camera()
        try:
            return settings_for(record, self._services.settings)
        except Conflict:
            if only_to_end:
                return self._services.settings
            raise

    async def _acquire(self, session_id: SessionId) -> SessionRecord:
        owner, epoch = self._ownership.process_id, self._ownership.epoch
        try:
            record = await self._services.store.acquire(session_id, owner, epoch)
        except OwnershipLost:  # another lease is on its way
            raise StorageUnavailable("this process has no lease", hint="try again") from None
        if record.state in FINAL:
            raise over(SessionState(record.state))
        if (record.owner_id, record.owner_epoch) != (owner, epoch):
            raise Misdirected("the session lives in another process", hint="try again")
        if record.state != SessionState.CREATED:
            raise Conflict("the session broke off", hint="retry the session")
        return record

    async def _run(self, session_id: SessionId, actor: SessionActor) -> None:
        try:
            await actor.run()
            await self._tidy(actor.record)  # while nobody can begin the session anew
            await self._services.pool.run(give_back)
        except Exception:  # the root of the session's task; the sweep marks it as interrupted
            log.exception("session_broke", session_id=session_id)
        finally:
            self._actors.pop(session_id, None)
            self._tasks.pop(session_id, None)
            self._placed.discard(session_id)

    async def _tidy(self, record: SessionRecord) -> None:
        """What is left in the store: a session that nobody joined, the face of one that has passed."""
        try:
            if record.state == SessionState.CREATED:  # any process may have it
                await self._services.store.disown(record)
            if record.state == SessionState.PASSED:
                await self._services.store.erase_face(record.verification_id)
        except StorageUnavailable:
            log.warning("session_not_tidied", session_id=record.session_id)

    def abandon(self) -> None:
        """Another process may have the sessions by now: end them all without storing anything."""
        for actor in self._actors.values():
            actor.post(OwnershipEnded())

    async def aclose(self) -> None:
        """Interrupt every session and wait for it, for a bounded time. Idempotent."""
        self._closed = True
        tasks = set(self._tasks.values())
        for actor in self._actors.values():
            actor.post(Interrupted())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=ENDING_LIMIT_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CANCEL_LIMIT_S)

    def at_capacity(self, message: str) -> AtCapacity:
        seconds = self._services.settings.limits.retry_after_s
        return AtCapacity(message, retry_after_s=seconds, hint=f"try again in {seconds} seconds")


class _InEither(Collection[str]):
    """What is in one of two collections."""

    def __init__(self, one: Collection[SessionId], other: Collection[SessionId]) -> None:
        self._both = (one, other)

    def __contains__(self, item: object) -> bool:
        return any(item in part for part in self._both)

    def __iter__(self) -> Iterator[str]:
        return iter(set().union(*self._both))

    def __len__(self) -> int:
        return len(set().union(*self._both))
