"""The sessions as the HTTP side sees them. Implements `SessionInterface`."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import structlog

from kyc_rtc.errors import BadRequest, Conflict, KycError, Misdirected, NotFound, UploadsDisabled
from kyc_rtc.frames import check_picture, decode_picture
from kyc_rtc.ids import AlertId, SessionId, new_session_id, parse_session_id
from kyc_rtc.sessions.actor import SessionActor
from kyc_rtc.sessions.attempts import attempt_that_counts, attempts_spent, may_retry
from kyc_rtc.sessions.commands import Commands
from kyc_rtc.sessions.events import Cancelled, Client, Transport
from kyc_rtc.sessions.interface import (
    AlertView,
    AnswerView,
    ClientView,
    Command,
    CommandType,
    FrameView,
    HealthView,
    JournalView,
    SessionView,
)
from kyc_rtc.sessions.join_links import JoinLinks
from kyc_rtc.sessions.journal import APPLICANT, INSTITUTION, EntryType, state_payload
from kyc_rtc.sessions.messages import applicants_reasons
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.sessions.states import FINAL, LIVE, SessionState
from kyc_rtc.sessions.supervision import Supervisor
from kyc_rtc.sessions.views import address_prefix, alert_view, journal_view, session_view
from kyc_rtc.storage.alerts import AlertRepository
from kyc_rtc.storage.records import EventRecord, SessionRecord
from media.fingerprint import mismatch
from media.sdp import parse_fragment, parse_offer

DRAIN_LOOK_MS = 200.0
HEALTH_LIMIT_S = 1.0

_SURE_MISMATCH = ("/other", "/firefox")
"""Chromium and Safari write offers so alike that a mismatch between them may be a new version's."""

log = structlog.get_logger(__name__)


class SessionService:
    """Opens, finds and commands sessions; the live ones of this process are the registry's."""

    def __init__(
        self,
        services: Services,
        registry: SessionRegistry,
        commands: Commands,
        alerts: AlertRepository,
        supervisor: Supervisor,
    ) -> None:
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._store = services.store
        self._registry = registry
        self._links = JoinLinks(services, registry)
        self._commands = commands
        self._alerts = alerts
        self._supervisor = supervisor
        self._draining = False

    # Verifications and attempts

    async def open(self, user_id: str) -> SessionView:
        if not user_id.strip():
            raise BadRequest("user_id is empty", hint="send the institution's own reference")
        await self._admit_waiting()
        session_id = new_session_id()
        now_ms = self._clock.now_ms()
        record = SessionRecord(
            session_id=session_id,
            verification_id=session_id,
            user_id=user_id,
            state=SessionState.CREATED.value,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            expires_at_ms=now_ms + self._settings.limits.session_expiry_ms,
            last_seq=1,
        )
        await self._store.open(record, (_created(record, INSTITUTION),))
        return self._view(record, [record])

    async def retry(self, session_id: str) -> SessionView:
        parent = await self._store.get(parse_session_id(session_id))
        attempts = await self._store.attempts(parent.verification_id)
        latest = attempts[-1]
        if latest.state not in FINAL and latest.attempt > parent.attempt:
            return self._view(latest, attempts)  # somebody was here before: one follow-up for all
        limit = self._settings.limits.session_attempts
        if not may_retry(attempts, limit):
            if attempts_spent(attempts) >= limit:
                raise Conflict("no attempts are left", hint="ask the institution for another link")
            raise Conflict(f"a session that is {latest.state} is not repeated")
        await self._admit_waiting()
        try:
            await self._add_attempt(latest)
        except Conflict:
            log.info("retried_twice", session_id=latest.session_id)
        attempts = await self._store.attempts(parent.verification_id)
        return self._view(attempts[-1], attempts)

    async def _add_attempt(self, latest: SessionRecord) -> None:
        now_ms = self._clock.now_ms()
        record = SessionRecord(
            session_id=new_session_id(),
            verification_id=latest.verification_id,
            tenant_id=latest.tenant_id,
            user_id=latest.user_id,
            attempt=latest.attempt + 1,
            state=SessionState.CREATED.value,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            expires_at_ms=now_ms + self._settings.limits.session_expiry_ms,
            last_seq=1,
        )
        await self._store.add_attempt(record, (_created(record, APPLICANT),))

    async def status(self, session_id: str) -> SessionView:
        asked = await self._store.get(parse_session_id(session_id))
        attempts = await self._store.attempts(asked.verification_id)
        record = attempt_that_counts(attempts) if asked.attempt == 1 else asked
        return self._view(record, attempts, asked.session_id)

    async def attempt(self, session_id: str) -> SessionView:
        asked = await self._store.get(parse_session_id(session_id))
        attempts = await self._store.attempts(asked.verification_id)
        counting = attempt_that_counts(attempts)
        record = counting if counting.state == SessionState.PASSED else asked
        view = self._view(record, attempts, asked.session_id)
        if self._settings.scores_exposed:
            return view
        reasons = tuple(applicants_reasons(view.reasons))
        return dataclasses.replace(view, reasons=reasons, reason_weights=None)

    async def check_token(self, session_id: str, link_number: int, *, after_end: bool) -> None:
        await self._links.check(session_id, link_number, after_end=after_end)

    async def renew_link(self, session_id: str) -> SessionView:
        asked = await self._store.get(parse_session_id(session_id))
        attempts = await self._links.renew(asked.verification_id)
        return self._view(attempts[-1], attempts)

    async def journal(self, session_id: str, after: int) -> tuple[JournalView, ...]:
        record = await self._store.get(parse_session_id(session_id))
        return tuple(map(journal_view, await self._store.events(record.session_id, after)))

    # Media

    async def offer(self, session_id: str, sdp: str, client: ClientView) -> AnswerView:
        offer = parse_offer(sdp, self._settings.media.max_offer_bytes)
        found = mismatch(offer.sdp, client.user_agent)
        if found is not None:
            log.info("client_mismatch", session_id=session_id, found=found)
        described = Client(
            transport=Transport.WHIP if client.whip else Transport.WEBRTC,
            user_agent=client.user_agent,
            address_prefix=address_prefix(client.address),
            mismatch=found is not None and found.endswith(_SURE_MISMATCH),
            instance=client.instance,
            take_over=client.take_over,
        )
        async with self._joining(session_id) as actor:
            peer_id, answer = await actor.connect(offer, described)
        return AnswerView(peer_id, answer)

    async def trickle(self, session_id: str, peer_id: str, fragment: str) -> None:
        parsed = parse_fragment(fragment)
        await (await self._require_live(session_id)).trickle(peer_id, parsed)

    async def hang_up(self, session_id: str, peer_id: str) -> None:
        actor = await self._require_live(session_id)
        if actor.is_present(peer_id):
            await actor.ask(partial(Cancelled, APPLICANT))

    async def upload(self, session_id: str, picture: bytes, client: ClientView) -> FrameView:
        if self._settings.uploads_mode == "off":
            raise UploadsDisabled("pictures cannot be uploaded here", hint="connect the camera")
        limit = self._settings.limits.max_image_pixels
        check_picture(picture, limit)  # what is none costs no place and no turn on the pool
        described = Client(Transport.UPLOAD, client.user_agent, address_prefix(client.address))
        async with self._joining(session_id) as actor:
            result, messages = await actor.upload(
                partial(decode_picture, picture, limit), described
            )
        attempts = await self._store.attempts(actor.record.verification_id)
        return FrameView(
            session=self._view(actor.record, attempts),
            analysed=result is not None,
            face_detected=result is not None and result.observation.face is not None,
            issues=tuple(issue.value for issue in result.issues) if result else (),
            messages=messages,
        )

    async def events(self, session_id: str) -> AsyncIterator[Mapping[str, Any]]:
        actor = await self._require_live(session_id)
        follower = actor.follow()
        try:
            async for message in follower.messages():
                yield message
        finally:
            actor.unfollow(follower)

    # Commands

    async def command(self, session_id: str, command: Command) -> SessionView:
        asked = await self._store.get(parse_session_id(session_id))
        target = asked
        if asked.attempt == 1:
            attempts = await self._store.attempts(asked.verification_id)
            # An opened retry takes no verdict away; an order or a cancel means the attempt to come.
            completes = command.type is CommandType.COMPLETE
            target = attempt_that_counts(attempts) if completes else attempts[-1]
        if target.state not in FINAL:
            await self._commands.carry_out(target, command)
        elif command.type is CommandType.SEND_CHALLENGE:
            raise Conflict(f"the session is {target.state}", hint="start or retry a session")
        return await self.status(session_id)

    # Alerts

    async def active_alerts(self, limit: int) -> tuple[AlertView, ...]:
        return tuple(alert_view(alert) for alert in await self._alerts.active(limit))

    async def session_alerts(self, session_id: str) -> tuple[AlertView, ...]:
        found = await self._alerts.of_session(parse_session_id(session_id))
        return tuple(alert_view(alert) for alert in found)

    async def alert_statistics(self) -> Mapping[str, Any]:
        return dataclasses.asdict(await self._alerts.statistics(self._clock.now_ms()))

    async def acknowledge_alert(self, alert_id: str, by: str, note: str | None = None) -> AlertView:
        now_ms = self._clock.now_ms()
        return alert_view(await self._alerts.acknowledge(AlertId(alert_id), by, now_ms, note))

    # The process

    async def health(self) -> HealthView:
        problems = list(self._supervisor.problems())
        waiting: int | None = None
        try:
            async with asyncio.timeout(HEALTH_LIMIT_S):  # a probe does not wait for a database
                waiting = await self._store.count_waiting()
        except (KycError, TimeoutError):
            problems.append("storage")
        if self._draining:
            problems.append("draining")
        return HealthView(
            live_sessions=self._registry.places_taken,
            max_live_sessions=self._settings.limits.max_live_sessions,
            waiting_sessions=waiting,
            problems=tuple(problems),
        )

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

    # Small steps

    def _joining(self, session_id: str) -> AbstractAsyncContextManager[SessionActor]:
        key = parse_session_id(session_id)
        if self._draining and self._registry.find(key) is None:
            raise self._registry.at_capacity("the server is about to stop")
        return self._registry.joining(key, self._commands.take_waiting)

    async def _require_live(self, session_id: str) -> SessionActor:
        key = parse_session_id(session_id)
        actor = self._registry.find(key)
        if actor is not None:
            return actor
        record = await self._store.get(key)
        if record.state in LIVE:
            raise Misdirected("the session lives in another process", hint="try again")
        raise NotFound("no such live session", hint="send an offer first")

    async def _admit_waiting(self) -> None:
        if self._draining:
            raise self._registry.at_capacity("the server is about to stop")
        waiting = await self._store.count_waiting()
        if self._registry.is_full or waiting >= self._settings.limits.max_waiting_sessions:
            self._services.metrics.refused.inc()
            raise self._registry.at_capacity("no further session is admitted")

    def _view(
        self,
        record: SessionRecord,
        attempts: list[SessionRecord],
        session_id: SessionId | None = None,
    ) -> SessionView:
        limit = self._settings.limits.session_attempts
        return session_view(record, attempts, limit, session_id)


def _created(record: SessionRecord, actor: str) -> EventRecord:
    return EventRecord(
        session_id=record.session_id,
        seq=1,
        at_ms=record.created_at_ms,
        actor=actor,
        type=EntryType.STATE.value,
        payload=state_payload(record.state, None),
        tenant_id=record.tenant_id,
    )
