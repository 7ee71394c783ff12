"""Logins in a browser: by the OIDC provider, or locally in development; and who is asking."""

from __future__ import annotations

from pathlib import Path

import structlog
from aiohttp import hdrs, web

from kyc_rtc.access.local import LocalLogin
from kyc_rtc.access.logins import LoginInterface
from kyc_rtc.access.people import Person
from kyc_rtc.errors import BadRequest, KycError, RateLimited, Unauthorised
from signaling import schemas
from signaling.code_flow import BEGUN_TTL_S, Begins, CodeFlow
from signaling.endpoints import Endpoint, answer, read_body
from signaling.errors import retry_after, status_of
from signaling.links import Links
from signaling.login_cookies import LoginCookies, next_path
from signaling.principals import Access, Principal

PROBLEM_SLOT = 'data-problem=""'
"""In the login's page: takes the code of what went wrong."""

log = structlog.get_logger(__name__)


class Entries:
    """Begins and ends logins, with their cookies."""

    def __init__(self, logins: LoginInterface, cookies: LoginCookies) -> None:
        self._logins = logins
        self.cookies = cookies

    async def enter(self, request: web.Request, response: web.Response, person: Person) -> None:
        """A new login in the place of the one that the browser may have had."""
        login = await self._logins.begin(person)
        earlier = await self._logins.find(self.cookies.value(request))
        if earlier is not None:
            await self._logins.end(earlier.login_id)
        self.cookies.put(request, response, login.secret or "", login.left_s)

    async def leave(self, request: web.Request, response: web.Response, login_id: str) -> None:
        await self._logins.end(login_id)
        self.cookies.put(request, response, "", 0)


class PersonApi:
    """Handlers of the calls of somebody who is logged in."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        return (
            Endpoint("GET", "/api/v1/me", self.me, "Who is asking", Access.PERSON, schemas.Me),
            Endpoint(
                "POST", "/logout", self.logout, "End the login", Access.PERSON, status=204,
                problems=(400,),
            ),
        )  # fmt: skip

    async def me(self, _request: web.Request, principal: Principal) -> web.Response:
        login_id = principal.login_id
        return answer(
            schemas.Me(
                name=principal.name,
                roles=[role.value for role in principal.roles],
                tenant=principal.tenant_id,
                scopes=sorted(scope.value for scope in principal.scopes),
                csrf_token=self._entries.cookies.csrf_token(login_id) if login_id else None,
            )
        )

    async def logout(self, request: web.Request, principal: Principal) -> web.Response:
        if not principal.login_id:
            raise BadRequest("there is no login to end", hint="an access token ends by itself")
        response = web.Response(status=204)
        await self._entries.leave(request, response, principal.login_id)
        return response


class LocalLoginApi:
    """Handlers of the local login, which is there in development only."""

    def __init__(self, local: LocalLogin, entries: Entries, page: Path) -> None:
        self._local = local
        self._entries = entries
        self._page = page

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        return (
            Endpoint(
                "GET", "/login", self.page, "The page of the login", Access.ANYONE,
                produces="text/html",
            ),
            Endpoint(
                "POST", "/login", self.login, "Log in locally, in development", Access.ANYONE,
                schemas.LoggedIn, body=schemas.LocalCredentials, problems=(401, 403), creates=True,
            ),
        )  # fmt: skip

    async def page(self, _request: web.Request, _principal: Principal) -> web.StreamResponse:
        return web.FileResponse(self._page, headers={hdrs.CACHE_CONTROL: "no-store"})

    async def login(self, request: web.Request, principal: Principal) -> web.Response:
        self._entries.cookies.check_origin(request)
        body = await read_body(request, principal, schemas.LocalCredentials)
        try:
            person = await self._local.check(body.user, body.password)
        except (Unauthorised, RateLimited) as error:
            log.warning("login_refused", reason=error.code)
            raise
        response = answer(schemas.LoggedIn(next=next_path(body.next)))
        await self._entries.enter(request, response, person)
        return response


class ProviderLoginApi:
    """Handlers of the two steps of a login at the OIDC provider."""

    def __init__(
        self, flow: CodeFlow, begins: Begins, entries: Entries, links: Links, page: Path
    ) -> None:
        self._flow = flow
        self._begins = begins
        self._entries = entries
        self._links = links
        self._page = page.read_text("utf-8")

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        return (
            Endpoint(
                "GET", "/login", self.begin, "Go to the OIDC provider to log in", Access.ANYONE,
                status=303, problems=(400, 503), headers=("Location",),
            ),
            Endpoint(
                "GET", "/login/callback", self.finish, "Come back from the OIDC provider", Access.ANYONE,
                status=303, problems=(400, 401, 403, 503), headers=("Location",), creates=True,
            ),
        )  # fmt: skip

    async def begin(self, request: web.Request, _principal: Principal) -> web.StreamResponse:
        begun = self._begins.begin(next_path(request.query.get("next", "")))
        try:
            address = await self._flow.address(begun, self._redirect_uri(request))
        except KycError as error:
            return self._problem(request, error)
        response = _redirect(address)
        self._entries.cookies.put_begun(request, response, self._begins.seal(begun), BEGUN_TTL_S)
        return response

    async def finish(self, request: web.Request, _principal: Principal) -> web.StreamResponse:
        cookies = self._entries.cookies
        try:
            begun = self._begins.open(cookies.begun(request))
            uri = self._redirect_uri(request)
            person = await self._flow.person(begun, request.query, uri)
            response = _redirect(begun.next_path)
            await self._entries.enter(request, response, person)
        except KycError as error:
            log.warning("login_refused", reason=error.code)
            return self._problem(request, error)
        cookies.put_begun(request, response, "", 0)  # what was begun is over, and counts once
        return response

    def _redirect_uri(self, request: web.Request) -> str:
        return f"{self._links.origin(request)}/login/callback"

    def _problem(self, request: web.Request, error: KycError) -> web.Response:
        """A page that says what went wrong to whoever reads pages. Raises the error for others."""
        if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
            raise error
        response = web.Response(
            status=status_of(error),
            text=self._page.replace(PROBLEM_SLOT, f'data-problem="{error.code}"'),
            content_type="text/html",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )
        retry_after(response, error)
        return response


def _redirect(address: str) -> web.Response:
    return web.Response(
        status=303, headers={hdrs.LOCATION: address, hdrs.CACHE_CONTROL: "no-store"}
    )
