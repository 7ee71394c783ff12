"""Finds the person who makes a request: by an access token of the OIDC provider, or by a login's cookie."""

from __future__ import annotations

from aiohttp import web

from kyc_rtc.access.logins import LoginInterface
from kyc_rtc.errors import Unauthorised
from signaling.bearers import bearer_of
from signaling.login_cookies import LoginCookies
from signaling.oidc import Oidc
from signaling.principals import Principal, of_person
from signaling.signatures import refused


class People:
    """`oidc` None: no provider, and so no bearers."""

    def __init__(self, oidc: Oidc | None, logins: LoginInterface, cookies: LoginCookies) -> None:
        self._oidc = oidc
        self._logins = logins
        self._cookies = cookies

    async def by_bearer(self, token: str) -> Principal:
        """Raises as `Oidc.bearer`."""
        if self._oidc is None:
            raise refused()
        return of_person(await self._oidc.bearer(token))

    async def by_cookie(self, request: web.Request) -> Principal | None:
        """None where there is no cookie, or its login has ended.

        Raises:
            Forbidden: another site may have made the browser send the call.
            StorageUnavailable: the login cannot be looked up.
        """
        value = self._cookies.value(request)
        login = await self._logins.find(value) if value else None
        if login is None:
            return None
        self._cookies.check_csrf(request, login.login_id)
        if login.secret is not None:
            self._cookies.renew(request, login.secret, login.left_s)
        return of_person(login.person, login.login_id)

    async def check_login(self, login_id: str) -> None:
        """Raises `Unauthorised` where a login has ended. Asking keeps it no longer."""
        if not await self._logins.is_valid(login_id):
            raise Unauthorised("the login has ended", hint="log in at /login")

    async def required(self, request: web.Request) -> Principal:
        """By either. Raises as both, and `Unauthorised` where there is nobody."""
        bearer = bearer_of(request)
        person = await (self.by_bearer(bearer) if bearer else self.by_cookie(request))
        if person is None:
            raise Unauthorised("a login is needed", hint="log in at /login")
        return person
