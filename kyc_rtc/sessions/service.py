"""The sessions as the HTTP side sees them. Implements `SessionInterface`."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog

from kyc_rtc.errors import (
    Conflict,
    Misdirected,
    NotFound,
    StorageUnavailable,
    UploadsDisabled,
)
from kyc_rtc.frames import check_picture, decode_picture
from kyc_rtc.ids import AlertId, SessionId, new_session_id, parse_session_id
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.sessions.actor import SessionActor
from kyc_rtc.sessions.attempts import (
    attempt_that_counts,
    is_overdue,
    may_retry,
    why_no_retry,
)
from kyc_rtc.sessions.catch_up import challenge_at
from kyc_rtc.sessions.clients import client_of
from kyc_rtc.sessions.commands import Commands
from kyc_rtc.sessions.events import CannotDo, Client, Transport
from kyc_rtc.sessions.exclusions import excluded, refuse_excluded
from kyc_rtc.sessions.interface import (
    NO_ORDER,
    AlertFilter,
    AlertPage,
    AlertView,
    AnswerView,
    ClientView,
    Command,
    CommandType,
    ConsentView,
    FrameView,
    HealthView,
    JournalView,
    Order,
    SessionView,
    VerificationFilter,
    VerificationPage,
)
from kyc_rtc.sessions.join_links import JoinLinks
from kyc_rtc.sessions.journal import APPLICANT, INSTITUTION
from kyc_rtc.sessions.lists import Lists
from kyc_rtc.sessions.opening import check_user, first_attempt, next_attempt, opening_entry
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.probe import ANSWER_LIMIT_MS, Probe
from kyc_rtc.sessions.readiness import Cause, Readiness
from kyc_rtc.sessions.refusals import not_live, over
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.sessions.states import FINAL, LIVE, SessionState
from kyc_rtc.sessions.supervision import Supervisor
from kyc_rtc.sessions.terms import lifetime_ms, terms_of
from kyc_rtc.sessions.views import (
    address_prefix,
    alert_view,
    applicants_view,
    consent_view,
    issues_of,
    journal_view,
    session_view,
    with_challenge,
)
from kyc_rtc.storage.alerts import AlertRepository
from kyc_rtc.storage.consents import Consent
from kyc_rtc.storage.records import SessionRecord
from media.sdp import parse_fragment, parse_offer

DRAIN_LOOK_MS = 200.0
HEALTH_WAIT_MS = 800.0

log = structlog.get_logger(__name__)


class SessionService:
    """Opens, finds and commands sessions; the live ones of this process are the registry's."""

    def __init__(
        self,
        services: Services,
        registry: SessionRegistry,
        commands: Commands,
        alerts: AlertRepository,
        lists: Lists,
        supervisor: Supervisor,
        readiness: Readiness,
    ) -> None:
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._store = services.store
        self._registry = registry
        self._links = JoinLinks(services, registry)
        self._commands = commands
        self._alerts = alerts
        self._lists = lists
        self._supervisor = supervisor
        self._readiness = readiness
        self._waiting = Probe("waiting", self._count_waiting, services.clock)
        self._draining = False

    # Verifications and attempts

    async def open(
        self, user_id: str, order: Order = NO_ORDER, new_id: str | None = None
    ) -> SessionView:
        check_user(user_id, order.tenant_id)
        terms = terms_of(order, self._settings)
        session_id = new_session_id() if new_id is None else parse_session_id(new_id)
        opened = None if new_id is None else await self._opened(session_id)
        if opened is not None:
            return opened
        self._admit()
        lifetime = lifetime_ms(order, self._settings)
        record = first_attempt(
            session_id, user_id, terms, self._clock.now_ms(), lifetime, order.tenant_id
        )
        try:
            await self._store.open(record, (opening_entry(record, INSTITUTION),))
        except Conflict:
            opened = await self._opened(session_id)  # by a repeat of the call, at the same time
            if new_id is None or opened is None:
                raise
            return opened
        return self._view(record, [record])

    async def _opened(self, session_id: SessionId) -> SessionView | None:
        try:
            return await self.status(session_id)
        except NotFound:
            return None

    async def retry(self, session_id: str, new_id: str | None = None) -> SessionView:
        parent, attempts = await self._look_up(session_id)
        for attempt in attempts:
            if attempt.session_id == new_id:
                return self._view(attempt, attempts)  # the call is a repeat
        latest = attempts[-1]
        if latest.state not in FINAL and latest.attempt > parent.attempt:
            return self._view(latest, attempts)  # somebody was here before: one follow-up for all
        limit = self._settings.limits.session_attempts
        now_ms = self._clock.now_ms()
        if not may_retry(attempts, limit, now_ms):
            raise why_no_retry(attempts, limit, now_ms)
        self._admit()
        key = new_session_id() if new_id is None else parse_session_id(new_id)
        following = next_attempt(attempts, key, now_ms)
        try:
            await self._store.add_attempt(following, (opening_entry(following, APPLICANT),))
        except Conflict:
            log.info("retried_twice", session_id=latest.session_id)
        attempts = await self._store.attempts(parent.verification_id)
        return self._view(attempts[-1], attempts)

    async def status(self, session_id: str) -> SessionView:
        asked, attempts = await self._look_up(session_id)
        record = attempt_that_counts(attempts) if asked.attempt == 1 else asked
        return self._view(self._registry.seen(record), attempts, asked.session_id)

    async def attempt(self, session_id: str) -> SessionView:
        asked, attempts = await self._look_up(session_id)
        counting = attempt_that_counts(attempts)
        record = counting if counting.state == SessionState.PASSED else asked
        view = self._view(record, attempts, asked.session_id)
        if record.state == SessionState.CHALLENGING:
            entries = await self._store.events(record.session_id, 0)
            view = with_challenge(view, challenge_at(entries, self._clock.now_ms()))
        return view if self._settings.scores_exposed else applicants_view(view)

    async def verifications(
        self, wanted: VerificationFilter, after: str, limit: int
    ) -> VerificationPage:
        return await self._lists.verifications(wanted, after, limit)

    async def tenant_of(self, session_id: str) -> str:
        return (await self._store.get(parse_session_id(session_id))).tenant_id

    async def check_token(self, session_id: str, link_number: int, *, after_end: bool) -> None:
        await self._links.check(session_id, link_number, after_end=after_end)

    async def renew_link(self, session_id: str) -> SessionView:
        asked, _ = await self._look_up(session_id)
        attempts = await self._links.renew(asked.verification_id)
        return self._view(attempts[-1], attempts)

    async def agree(self, session_id: str, version: str, locale: str) -> ConsentView:
        asked, _ = await self._look_up(session_id)
        consent = Consent(version, locale, self._clock.now_ms())
        if asked.consent is not None and consent.is_to_the_same(asked.consent):
            return consent_view(asked.consent)
        await self._store.agree(asked.verification_id, consent)
        return consent_view(consent)

    async def journal(self, session_id: str, after: int) -> tuple[JournalView, ...]:
        record = await self._store.get(parse_session_id(session_id))
        return tuple(map(journal_view, await self._store.events(record.session_id, after)))

    # Media

    async def offer(self, session_id: str, sdp: str, client: ClientView) -> AnswerView:
        limit = self._settings.media.max_offer_bytes
        offer = parse_offer(sdp, limit, as_dtls_server=client.whip)
        described = client_of(client, offer.sdp, session_id)
        key = self._key_while_not_draining(session_id)
        waiting = self._commands.take_waiting
        async with self._registry.connecting(key, waiting, client.address) as actor:
            peer_id, answer = await actor.connect(offer, described, client.address)
        return AnswerView(peer_id, answer)

    async def trickle(self, session_id: str, peer_id: str, fragment: str) -> None:
        parsed = parse_fragment(fragment)
        await (await self._require_live(session_id)).trickle(peer_id, parsed)

    async def hang_up(self, session_id: str, peer_id: str) -> None:
        key = parse_session_id(session_id)
        actor = self._registry.find(key)
        if actor is None and (await self._store.get(key)).state in FINAL:
            return  # said again, or after the verdict
        await (await self._require_live(session_id)).hang_up(peer_id)

    async def upload(
        self, session_id: str, picture: bytes, client: ClientView, cannot: str | None = None
    ) -> FrameView:
        if self._settings.uploads_mode == "off":
            raise UploadsDisabled("pictures cannot be uploaded here", hint="connect the camera")
        check_picture(picture)  # what is none costs no place and no turn on the pool
        described = Client(Transport.UPLOAD, client.user_agent, address_prefix(client.address))
        async with self._joining(session_id) as actor:
            if cannot is not None:
                await actor.ask(partial(CannotDo, cannot))
            result, messages = await actor.upload(partial(decode_picture, picture), described)
        attempts = await self._store.attempts(actor.record.verification_id)
        return FrameView(
            session=self._view(actor.seen, attempts),
            analysed=result is not None,
            face_detected=result is not None and result.observation.face is not None,
            issues=issues_of(result, few=actor.reading.has_few_pictures),
            messages=messages,
        )

    @asynccontextmanager
    async def following(
        self, session_id: str, after: int
    ) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        actor = await self._require_live(session_id)
        reader = actor.reading.begin(after)
        try:
            yield reader.messages()
        finally:
            actor.reading.end(reader)

    # Commands

    async def command(self, session_id: str, command: Command) -> SessionView:
        asked, attempts = await self._look_up(session_id)
        target = asked
        if command.type is CommandType.CANCEL:
            target = attempts[-1]
            if attempt_that_counts(attempts).state != SessionState.PASSED:
                await self._store.withdraw(asked.verification_id)
        elif asked.attempt == 1:
            # An opened retry does not change the verdict; an order means the attempt to come.
            completes = command.type is CommandType.COMPLETE
            target = attempt_that_counts(attempts) if completes else attempts[-1]
        if command.type is CommandType.SEND_CHALLENGE:
            refuse_excluded(ChallengeType(command.arguments["challenge_type"]), excluded(attempts))
        if target.state not in FINAL:
            await self._commands.carry_out(target, command)
        elif command.type is CommandType.SEND_CHALLENGE:
            raise over(SessionState(target.state))
        return await self.status(session_id)

    # Alerts

    async def active_alerts(self, wanted: AlertFilter, after: str, limit: int) -> AlertPage:
        return await self._lists.alerts(wanted, after, limit)

    async def session_alerts(self, session_id: str) -> tuple[AlertView, ...]:
        found = await self._alerts.of_session(parse_session_id(session_id))
        return tuple(alert_view(alert) for alert in found)

    async def alert_statistics(self, tenant_id: str) -> Mapping[str, Any]:
        found = await self._alerts.statistics(tenant_id, self._clock.now_ms())
        return dataclasses.asdict(found)

    async def acknowledge_alert(
        self, alert_id: str, tenant_id: str, by: str, note: str | None = None
    ) -> AlertView:
        key, now_ms = AlertId(alert_id), self._clock.now_ms()
        record = await self._alerts.acknowledge(key, tenant_id, by, now_ms, note)
        log.info("alert_acknowledged", alert_id=alert_id)
        return alert_view(record)

    # The process

    async def health(self) -> HealthView:
        """Within a second, whatever hangs: what has not answered yet is as it was."""
        waiting, causes = await asyncio.gather(
            self._waiting.answer(HEALTH_WAIT_MS), self._causes(HEALTH_WAIT_MS)
        )
        steps = self._supervisor.problems()  # which of the sweepers
        others = self._readiness.other_problems()
        found = (c.value for c in causes if c is not Cause.SWEEPERS)
        problems = dict.fromkeys((*steps, *found, *others))
        return HealthView(
            live_sessions=self._registry.live_sessions,
            max_live_sessions=self._settings.limits.live_sessions,
            waiting_sessions=waiting,
            problems=tuple(problems),
        )

    async def readiness(self) -> tuple[str, ...]:
        return tuple(cause.value for cause in await self._causes(ANSWER_LIMIT_MS))

    async def _causes(self, wait_ms: float) -> tuple[Cause, ...]:
        found = await self._readiness.causes(wait_ms)
        return (*found, Cause.DRAINING) if self._draining else found

    async def _count_waiting(self) -> int:
        return await self._store.count_waiting(self._clock.now_ms())

    async def drain(self) -> None:
        """Take no new sessions, and wait for the live ones, for `drain_s` at most."""
        self._draining = True
        until_ms = self._clock.monotonic_ms() + 1000 * self._settings.limits.drain_s
        while not self._registry.is_empty and self._clock.monotonic_ms() < until_ms:
            await self._clock.sleep_ms(DRAIN_LOOK_MS)

    async def aclose(self) -> None:
        self._draining = True
        await self._commands.aclose()
        await self._registry.aclose()
        await asyncio.gather(self._readiness.aclose(), self._waiting.aclose())

    # Small steps

    async def _look_up(self, session_id: str) -> tuple[SessionRecord, list[SessionRecord]]:
        """A session, and all attempts of its verification. One whose time is over is `expired`, whenever
        the sweep comes. Raises `NotFound`."""
        now_ms = self._clock.now_ms()
        asked = await self._store.get(parse_session_id(session_id))
        attempts = await self._store.attempts(asked.verification_id)
        if any(is_overdue(attempt, now_ms) for attempt in attempts):
            with suppress(StorageUnavailable):  # it can be read, and may be written later
                await self._store.expire(now_ms)
            asked = await self._store.get(asked.session_id)
            attempts = await self._store.attempts(asked.verification_id)
        if not attempts:  # deleted meanwhile
            raise NotFound("no such session")
        return asked, attempts

    def _joining(self, session_id: str) -> AbstractAsyncContextManager[SessionActor]:
        key = self._key_while_not_draining(session_id)
        return self._registry.joining(key, self._commands.take_waiting)

    def _key_while_not_draining(self, session_id: str) -> SessionId:
        key = parse_session_id(session_id)
        if self._draining and self._registry.find(key) is None:
            raise self._registry.at_capacity("the server is about to stop")
        return key

    async def _require_live(self, session_id: str) -> SessionActor:
        key = parse_session_id(session_id)
        actor = self._registry.find(key)
        if actor is not None:
            return actor
        record = await self._store.get(key)
        if record.state in LIVE:
            raise Misdirected("the session lives in another process", hint="try again")
        raise not_live()

    def _admit(self) -> None:
        """A session that waits takes no place: it is a row. Full is answered to whoever joins."""
        if self._draining:
            raise self._registry.at_capacity("the server is about to stop")

    def _view(
        self,
        record: SessionRecord,
        attempts: list[SessionRecord],
        session_id: SessionId | None = None,
    ) -> SessionView:
        limit = self._settings.limits.session_attempts
        return session_view(record, attempts, limit, self._clock.now_ms(), session_id)
