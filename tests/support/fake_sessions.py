"""Sessions with nothing behind them but dictionaries: for tests of the HTTP side."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from kyc_rtc.errors import Conflict, KycError, LinkReplaced, NotFound, Unauthorised
from kyc_rtc.scopes import DEFAULT_TENANT
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
    VerificationRow,
)
from kyc_rtc.sessions.states import FINAL


class FakeSessions:
    """Implements `SessionInterface`. `refusal` is raised by the next call that could be refused."""

    def __init__(self) -> None:
        self.sessions: dict[str, SessionView] = {}
        self.alerts: dict[str, AlertView] = {}
        self.calls: list[tuple[str, Any]] = []
        self.clients: list[ClientView] = []
        self.refused_challenges: list[str] = []
        self.orders: list[Order] = []
        self.refusal: KycError | None = None
        self.problems: tuple[str, ...] = ()
        self.causes: tuple[str, ...] = ()
        self.messages: tuple[Mapping[str, Any], ...] = ()
        self.over = asyncio.Event()
        self.over.set()

    def _check(self, name: str, detail: Any = None) -> None:
        self.calls.append((name, detail))
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    async def open(
        self, user_id: str, order: Order = NO_ORDER, new_id: str | None = None
    ) -> SessionView:
        self._check("open", user_id)
        self.orders.append(order)
        session_id = new_id or str(uuid.uuid4())
        if session_id in self.sessions:
            return self.sessions[session_id]
        view = SessionView(
            session_id=session_id,
            verification_id=session_id,
            attempt_id=session_id,
            user_id=user_id,
            state="created",
            attempt=1,
            created_at_ms=1_700_000_000_000,
            updated_at_ms=1_700_000_000_000,
            expires_at_ms=1_700_086_400_000,
            frames_processed=0,
            face_detected=False,
            liveness_score=None,
            deepfake_score=None,
            status=None,
            reasons=(),
            can_retry=False,
            profile=order.profile,
            locale=order.locale,
            return_url=order.return_url,
            metadata=order.metadata,
            exclude=order.exclude,
            tenant_id=order.tenant_id,
        )
        self.sessions[view.session_id] = view
        return view

    async def retry(self, session_id: str, new_id: str | None = None) -> SessionView:
        self._check("retry", session_id)
        return await self.open((await self.status(session_id)).user_id, new_id=new_id)

    async def status(self, session_id: str) -> SessionView:
        if session_id not in self.sessions:
            raise NotFound("no such session")
        return self.sessions[session_id]

    async def tenant_of(self, session_id: str) -> str:
        """Of one that is not there, the operator: whether it exists is for the call itself to find out."""
        view = self.sessions.get(session_id)
        return DEFAULT_TENANT if view is None else view.tenant_id

    async def check_token(self, session_id: str, link_number: int, *, after_end: bool) -> None:
        view = self.sessions.get(session_id)
        if view is None:
            raise Unauthorised("the verification was deleted")
        if view.link_number != link_number:
            raise LinkReplaced("there is a newer link")
        if view.state in FINAL and not after_end:
            raise Conflict(f"the session is {view.state}")

    async def agree(self, session_id: str, version: str, locale: str) -> ConsentView:
        self._check("agree", (session_id, version, locale))
        view = await self.status(session_id)
        consent = ConsentView(version, locale, 1_700_000_000_000)
        self.sessions[session_id] = dataclasses.replace(view, consent=consent)
        return consent

    async def renew_link(self, session_id: str) -> SessionView:
        self._check("renew_link", session_id)
        view = await self.status(session_id)
        view = dataclasses.replace(view, link_number=view.link_number + 1)
        self.sessions[session_id] = view
        return view

    async def attempt(self, session_id: str) -> SessionView:
        return await self.status(session_id)

    async def journal(self, session_id: str, after: int) -> tuple[JournalView, ...]:
        await self.status(session_id)
        entries = (
            JournalView(1, 1_700_000_000_000, "institution", "state", {"state": "created"}),
            JournalView(2, 1_700_000_000_500, "server", "state", {"state": "connecting"}),
        )
        return tuple(entry for entry in entries if entry.seq > after)

    async def offer(self, session_id: str, sdp: str, client: ClientView) -> AnswerView:
        self._check("offer", sdp)
        self.clients.append(client)
        await self.status(session_id)
        return AnswerView("the-peer", "v=0\r\n")

    async def trickle(self, session_id: str, peer_id: str, fragment: str) -> None:
        self._check("trickle", fragment)
        await self.status(session_id)
        if peer_id != "the-peer":
            raise NotFound("this peer is gone", hint="send a new offer")

    async def hang_up(self, session_id: str, peer_id: str) -> None:
        self._check("hang_up", peer_id)
        await self.status(session_id)

    async def upload(
        self, session_id: str, picture: bytes, client: ClientView, cannot: str | None = None
    ) -> FrameView:
        self._check("upload", picture)
        self.refused_challenges += [] if cannot is None else [cannot]
        self.clients.append(client)
        return FrameView(
            session=await self.status(session_id),
            analysed=True,
            face_detected=True,
            issues=("too_dark",),
            messages=({"type": "hello"},),
        )

    async def command(self, session_id: str, command: Command) -> SessionView:
        self._check("command", command)
        view = await self.status(session_id)
        if command.type is CommandType.COMPLETE:
            view = dataclasses.replace(
                view, state="inconclusive", status="INCONCLUSIVE", reasons=("completed_early",)
            )
            self.sessions[session_id] = view
        if command.type is CommandType.CANCEL:
            view = dataclasses.replace(view, state="cancelled", reasons=("cancelled",))
            self.sessions[session_id] = view
        return view

    @asynccontextmanager
    async def following(
        self, session_id: str, after: int
    ) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        self._check("following", after)
        await self.status(session_id)
        yield self._said()
        self.calls.append(("unfollowed", session_id))

    async def _said(self) -> AsyncIterator[Mapping[str, Any]]:
        for message in self.messages:
            yield message
        await self.over.wait()

    async def verifications(
        self, wanted: VerificationFilter, after: str, limit: int
    ) -> VerificationPage:
        self._check("verifications", (wanted, after, limit))
        rows = tuple(
            VerificationRow(
                view.session_id, view.user_id, view.profile, view.state, view.status, view.attempt,
                1, view.needs_review, view.created_at_ms, view.updated_at_ms, view.expires_at_ms,
            )
            for view in self.sessions.values()
            if view.tenant_id == wanted.tenant_id
        )  # fmt: skip
        return VerificationPage(rows[:limit], "more" if len(rows) > limit else None)

    async def active_alerts(self, wanted: AlertFilter, after: str, limit: int) -> AlertPage:
        self._check("active_alerts", (wanted, after, limit))
        alerts = tuple(self._alerts_of(wanted.tenant_id))
        return AlertPage(alerts[:limit], "more" if len(alerts) > limit else None)

    def _alerts_of(self, tenant_id: str) -> list[AlertView]:
        sessions = self.sessions
        return [
            alert
            for alert in self.alerts.values()
            if alert.session_id not in sessions or sessions[alert.session_id].tenant_id == tenant_id
        ]

    async def alert_statistics(self, tenant_id: str) -> Mapping[str, Any]:
        count = len(self._alerts_of(tenant_id))
        return {
            "total": count,
            "active": count,
            "acknowledged": 0,
            "last_24_h": count,
            "by_severity": {},
            "by_type": {},
        }

    async def acknowledge_alert(
        self, alert_id: str, tenant_id: str, by: str, note: str | None = None
    ) -> AlertView:
        if alert_id not in {alert.alert_id for alert in self._alerts_of(tenant_id)}:
            raise NotFound("no such alert")
        view = dataclasses.replace(
            self.alerts[alert_id],
            acknowledged_at_ms=5,
            acknowledged_by=by,
            acknowledged_note=note,
        )
        self.alerts[alert_id] = view
        return view

    async def session_alerts(self, session_id: str) -> tuple[AlertView, ...]:
        return tuple(a for a in self.alerts.values() if a.session_id == session_id)

    async def health(self) -> HealthView:
        return HealthView(0, 100, len(self.sessions), self.problems)

    async def readiness(self) -> tuple[str, ...]:
        return self.causes

    async def aclose(self) -> None:
        self.calls.append(("aclose", None))
