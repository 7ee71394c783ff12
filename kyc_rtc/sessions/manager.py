"""The sessions of this process: admission, the live ones, the stored ones. Implements the door."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog

from kyc_rtc.detection.evidence import Sign
from kyc_rtc.errors import AtCapacity, BadRequest, Conflict, NotFound
from kyc_rtc.frames import decode_picture
from kyc_rtc.ids import AlertId, SessionId, new_session_id, parse_session_id
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.memory import give_back
from kyc_rtc.sessions.door import (
    AlertView,
    AnswerView,
    Command,
    CommandType,
    FrameView,
    SessionView,
)
from kyc_rtc.sessions.live import LiveSession
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.states import FINAL, LIVE, RETRYABLE, SessionState
from kyc_rtc.sessions.views import alert_view, session_view
from kyc_rtc.storage.alerts import AlertRepository
from kyc_rtc.storage.records import SessionRecord
from kyc_rtc.storage.sessions import SessionRepository
from media.fingerprint import mismatch
from media.sdp import parse_fragment, parse_offer

SWEEP_INTERVAL_MS = 30_000.0

_SURE_MISMATCH = ("/other", "/firefox")
"""Chromium and Safari write offers so alike that a mismatch between them may be a new version's."""

log = structlog.get_logger(__name__)


class SessionManager:
    """Opens, finds, runs and ends sessions.

        new ── start() ──▶ running ── aclose() ──▶ closed

    A session becomes live (gets tasks) when somebody joins or commands it; before and after that it
    is a row in the store.
    """

    def __init__(
        self, services: Services, sessions: SessionRepository, alerts: AlertRepository
    ) -> None:
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._sessions = sessions
        self._alerts = alerts
        self._live: dict[SessionId, LiveSession] = {}
        self._tasks: dict[SessionId, asyncio.Task[None]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._retrying = asyncio.Lock()

    async def start(self) -> None:
        """Mark what an earlier process left behind, and begin to sweep."""
        live = [state.value for state in LIVE]
        count = await self._sessions.interrupt_live(live, self._clock.now_ms())
        if count:
            log.warning("sessions_interrupted", count=count)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="session-sweeper")

    async def aclose(self) -> None:
        """Interrupt every live session and wait for it. Idempotent."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
            self._sweeper = None
        for session in tuple(self._live.values()):
            await session.interrupt()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # Opening

    async def open(self, user_id: str) -> SessionView:
        if not user_id.strip():
            raise BadRequest("user_id is empty", hint="send the institution's own reference")
        await self._admit_waiting()
        return self._view(await self._add(user_id, parent=None))

    async def retry(self, session_id: str) -> SessionView:
        async with self._retrying:  # two clicks on "try again" lead to one session
            parent = await self._find(session_id)
            followed = await self._sessions.retry_of(parent.session_id)
            if followed is not None:
                return self._view(followed)
            if parent.state not in RETRYABLE:
                raise Conflict(f"a session that is {parent.state} is not repeated")
            if parent.attempt >= self._settings.limits.session_attempts:
                raise Conflict("no attempts are left", hint="ask the institution for another link")
            await self._admit_waiting()
            return self._view(await self._add(parent.user_id, parent))

    async def _add(self, user_id: str, parent: SessionRecord | None) -> SessionRecord:
        now_ms = self._clock.now_ms()
        record = SessionRecord(
            session_id=new_session_id(),
            user_id=user_id,
            state=SessionState.CREATED.value,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            expires_at_ms=now_ms + self._settings.limits.session_expiry_ms,
            parent_id=parent.session_id if parent else None,
            attempt=parent.attempt + 1 if parent else 1,
        )
        await self._sessions.add(record)
        return record

    # The door

    async def status(self, session_id: str) -> SessionView:
        return self._view(await self._find(session_id))

    async def offer(self, session_id: str, sdp: str, user_agent: str = "") -> AnswerView:
        offer = parse_offer(sdp, self._settings.media.max_offer_bytes)
        session = await self._join(session_id)
        peer_id, answer = await session.offer(offer)
        found = mismatch(offer.sdp, user_agent)
        if found is not None:
            log.info("client_mismatch", session_id=session_id, found=found)
            if found.endswith(_SURE_MISMATCH):
                session.advise(Sign.CLIENT_MISMATCH)
        return AnswerView(peer_id, answer)

    async def trickle(self, session_id: str, peer_id: str, fragment: str) -> None:
        parsed = parse_fragment(fragment)
        await self._require_live(session_id).trickle(peer_id, parsed)

    async def hang_up(self, session_id: str, peer_id: str) -> None:
        await self._require_live(session_id).hang_up(peer_id)

    async def upload(self, session_id: str, picture: bytes) -> FrameView:
        limit = self._settings.limits.max_image_pixels
        image = await self._services.pool.run(lambda: decode_picture(picture, limit))
        session = await self._join(session_id)
        follower = session.follow()
        try:
            result = await session.upload(image)
        finally:
            session.unfollow(follower)
        return FrameView(
            session=self._view(session.record),
            face_detected=result is not None and result.observation.face is not None,
            issues=tuple(issue.value for issue in result.issues) if result else (),
            messages=follower.drain(),
        )

    async def command(self, session_id: str, command: Command) -> SessionView:
        record = await self._find(session_id)
        match command.type:
            case CommandType.SEND_CHALLENGE:
                kind = ChallengeType(command.arguments["challenge_type"])
                challenge = self._services.issuer.draw(kind)
                await (await self._ensure_live(session_id)).order(challenge)
            case CommandType.COMPLETE if record.state not in FINAL:
                await (await self._ensure_live(session_id)).complete()
            case CommandType.CANCEL if record.state not in FINAL:
                await (await self._ensure_live(session_id)).cancel()
            case CommandType.COMPLETE | CommandType.CANCEL:
                pass  # over already: the stored outcome stands
        return await self.status(session_id)

    async def events(self, session_id: str) -> AsyncIterator[Mapping[str, Any]]:
        session = self._require_live(session_id)
        follower = session.follow()
        try:
            async for message in follower.messages():
                yield message
        finally:
            session.unfollow(follower)

    async def active_alerts(self, limit: int) -> tuple[AlertView, ...]:
        return tuple(alert_view(alert) for alert in await self._alerts.active(limit))

    async def alert_statistics(self) -> Mapping[str, Any]:
        return dataclasses.asdict(await self._alerts.statistics(self._clock.now_ms()))

    async def acknowledge_alert(self, alert_id: str, by: str) -> AlertView:
        return alert_view(
            await self._alerts.acknowledge(AlertId(alert_id), by, self._clock.now_ms())
        )

    async def healthy(self) -> Mapping[str, Any]:
        counts = await self._sessions.count_by_state()
        return {
            "live_sessions": self._joined_count(),
            "max_live_sessions": self._settings.limits.max_live_sessions,
            "waiting_sessions": counts.get(SessionState.CREATED.value, 0),
        }

    # Finding and running

    async def _find(self, session_id: str) -> SessionRecord:
        key = parse_session_id(session_id)
        session = self._live.get(key)
        return session.record if session is not None else await self._sessions.get(key)

    def _require_live(self, session_id: str) -> LiveSession:
        session = self._live.get(parse_session_id(session_id))
        if session is None:
            raise NotFound("no such live session", hint="send an offer first")
        return session

    async def _join(self, session_id: str) -> LiveSession:
        """The live session, with a place of its own. Raises `AtCapacity`."""
        self._require_place(self._live.get(parse_session_id(session_id)))
        session = await self._ensure_live(session_id)
        self._require_place(session)  # once more: others may have come in while this one began
        session.reserve()
        self._services.metrics.live_sessions.set(self._joined_count())
        return session

    def _require_place(self, session: LiveSession | None) -> None:
        if (session is None or not session.joined) and self._is_full():
            self._services.metrics.refused.inc()
            raise self._at_capacity("every place for a live session is taken")

    async def _ensure_live(self, session_id: str) -> LiveSession:
        """The live session, begun from its record if it has not begun.

        Raises:
            NotFound: no such session. Conflict: it is over, or was interrupted.
        """
        record = await self._find(session_id)
        key = SessionId(record.session_id)
        if key in self._live:
            return self._live[key]
        if record.state != SessionState.CREATED:
            raise Conflict(f"the session is {record.state}", hint="start or retry a session")
        session = LiveSession(record, self._services)
        self._live[key] = session
        task = asyncio.create_task(self._run(key, session), name=f"session-{key}")
        self._tasks[key] = task
        await session.started()
        return session

    async def _run(self, key: SessionId, session: LiveSession) -> None:
        try:
            await session.run()
        except Exception:  # the root of the session's task
            log.exception("session_broke", session_id=key)
        finally:
            self._live.pop(key, None)
            self._tasks.pop(key, None)
            self._services.metrics.live_sessions.set(self._joined_count())
        await self._services.pool.run(give_back)

    # Admission

    async def _admit_waiting(self) -> None:
        counts = await self._sessions.count_by_state()
        waiting = counts.get(SessionState.CREATED.value, 0)
        if self._is_full() or waiting >= self._settings.limits.max_waiting_sessions:
            self._services.metrics.refused.inc()
            raise self._at_capacity("no further session is admitted")

    def _is_full(self) -> bool:
        return self._joined_count() >= self._settings.limits.max_live_sessions

    def _joined_count(self) -> int:
        return sum(session.joined for session in self._live.values())

    def _at_capacity(self, message: str) -> AtCapacity:
        seconds = self._settings.limits.retry_after_s
        return AtCapacity(message, retry_after_s=seconds, hint=f"try again in {seconds} seconds")

    async def _sweep(self) -> None:
        """Expire sessions that nobody finished."""
        while True:
            await self._clock.sleep_ms(SWEEP_INTERVAL_MS)
            for key in await self._sessions.expire(self._clock.now_ms()):
                log.info("session_expired", session_id=key)
                if key in self._live:
                    self._tasks[key].cancel()

    def _view(self, record: SessionRecord) -> SessionView:
        return session_view(record, self._settings.limits.session_attempts)
