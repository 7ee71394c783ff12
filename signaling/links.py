"""Links to the applicant's page, and the exchange of a link for a short-lived token.

A link is opened by a POST from the page: the preview of a chat, which only fetches the page, uses nothing
up. It can be opened again, on another device too, until its verification expires.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from kyc_rtc.clock import Clock
from kyc_rtc.errors import LinkExpired
from kyc_rtc.sessions.interface import SessionInterface, SessionView
from kyc_rtc.sessions.states import LIVE
from kyc_rtc.settings import Settings
from signaling import answers, schemas
from signaling.addresses import check_host
from signaling.endpoints import Endpoint, answer
from signaling.principals import Access, Principal
from signaling.tokens import Tokens


class Links:
    """Makes links and client tokens for the sessions that a view shows."""

    def __init__(self, tokens: Tokens, settings: Settings) -> None:
        self._tokens = tokens
        self._settings = settings

    def origin(self, request: web.Request) -> str:
        """What links begin with. Raises `BadRequest` where neither a setting nor the Host says it."""
        configured = self._settings.public_url.rstrip("/")
        return configured or f"{request.scheme}://{check_host(request.host)}"

    def join_url(self, origin: str, view: SessionView) -> str:
        """The address of the applicant's page; its fragment, which no log sees, is the link's token."""
        # Whoever is in the middle of a check may need it a little longer; `open` looks at that.
        until_ms = view.expires_at_ms + self._settings.limits.session_time_limit_ms
        token = self._tokens.issue_link(view.session_id, view.link_number, until_ms, view.tenant_id)
        return f"{origin}/apply/{view.session_id}#{token}"

    def started(
        self, origin: str, view: SessionView, warnings: Sequence[str] = ()
    ) -> schemas.StartedSession:
        """The answer to a call that made a session."""
        token = self._tokens.issue(view.session_id, view.link_number, view.tenant_id)
        return answers.started(view, self.join_url(origin, view), token, warnings)

    def client_token(self, session_id: str, link_number: int, tenant_id: str) -> web.Response:
        """The answer to a call that asks for a client token."""
        return answer(
            schemas.ClientToken(
                session_id=session_id,
                client_token=self._tokens.issue(session_id, link_number, tenant_id),
                expires_in_s=self._tokens.ttl_s,
            )
        )


class LinkApi:
    """Handlers of the calls on links and client tokens."""

    def __init__(self, sessions: SessionInterface, links: Links, clock: Clock) -> None:
        self._clock = clock
        self._sessions = sessions
        self._links = links

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        one = "/api/v1/kyc/sessions/{session_id}"
        return (
            Endpoint(
                "POST", f"{one}/open", self.open, "Exchange a link for a client token",
                Access.LINK, schemas.ClientToken, problems=(401, 403, 404, 503), after_end=True, creates=True,
            ),
            Endpoint(
                "POST", f"{one}/renew", self.renew, "Get a client token that lives longer",
                Access.APPLICANT, schemas.ClientToken, problems=(401, 403, 404, 409, 503),
            ),
            Endpoint(
                "POST", f"{one}/link", self.replace, "End the link and get a new one",
                Access.INSTITUTION, schemas.NewLink, 201, problems=(400, 401, 403, 404, 409, 503),
                creates=True,
            ),
        )  # fmt: skip

    async def open(self, _request: web.Request, principal: Principal) -> web.Response:
        """A token for the latest attempt, which may have begun on another device."""
        view = await self._sessions.status(principal.session_id)
        if view.expires_at_ms <= self._clock.now_ms() and view.state not in LIVE:
            raise LinkExpired("the link has expired", hint="ask the institution for another check")
        latest = view.attempts[-1].session_id if view.attempts else view.session_id
        return self._links.client_token(latest, principal.link_number, principal.tenant_id)

    async def renew(self, _request: web.Request, principal: Principal) -> web.Response:
        return self._links.client_token(
            principal.session_id, principal.link_number, principal.tenant_id
        )

    async def replace(self, request: web.Request, _principal: Principal) -> web.Response:
        # What makes no link is refused before anything is stored.
        origin = self._links.origin(request)
        view = await self._sessions.renew_link(request.match_info["session_id"])
        return answer(answers.new_link(view, self._links.join_url(origin, view)), status=201)
