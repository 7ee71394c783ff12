"""The cookies of a login, and what has to come with them so that no other site uses them (CSRF)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from kyc_rtc.errors import Forbidden

CSRF_HEADER: Final = "X-CSRF-Token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
HOME: Final = "/ops/"
_NEXT: Final = re.compile(r"/ops/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]{0,512}", re.ASCII)
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)|//|%2f|%5c", re.IGNORECASE)
_NEW_VALUE: web.RequestKey[tuple[str, int]] = web.RequestKey("new_login_value")


class LoginCookies:
    """Reads and writes the cookies, and checks where a call with one comes from."""

    def __init__(self, secret: str, public_url: str, *, development: bool) -> None:
        self._key = hashlib.sha256(f"kyc-rtc/csrf\n{secret}".encode()).digest()
        self._origin = origin_of(public_url)
        self._development = development

    def value(self, request: web.Request) -> str:
        """What the login's cookie says; empty where there is none."""
        return request.cookies.get(self._name(request, "kyc_login"), "")

    def begun(self, request: web.Request) -> str:
        """What the cookie of a login that was begun says."""
        return request.cookies.get(self._name(request, "kyc_login_begun"), "")

    def put(self, request: web.Request, response: web.StreamResponse, value: str, s: int) -> None:
        """Give the browser the login's cookie, for so many seconds."""
        self._set(request, response, "kyc_login", value, s)

    def put_begun(
        self, request: web.Request, response: web.StreamResponse, value: str, s: int
    ) -> None:
        """Give the browser the cookie of a login that was begun; empty and 0: take it."""
        self._set(request, response, "kyc_login_begun", value, s)

    def renew(self, request: web.Request, value: str, s: int) -> None:
        """Give the browser another value with whatever the answer will be."""
        request[_NEW_VALUE] = (value, s)

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Of the application, before the header of an answer goes out."""
        renewed = request.get(_NEW_VALUE)
        if renewed is None or self._name(request, "kyc_login") in response.cookies:
            return
        written = web.Response()
        self.put(request, written, *renewed)
        for morsel in written.cookies.values():  # aiohttp has read the answer's own cookies by now
            response.headers.add(hdrs.SET_COOKIE, morsel.OutputString())

    def csrf_token(self, login_id: str) -> str:
        """What calls with the cookie have to bring along. Other sites cannot read it."""
        digest = hmac.new(self._key, login_id.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check_csrf(self, request: web.Request, login_id: str) -> None:
        """Raises `Forbidden` for a call that another site may have made the browser send."""
        if request.method in SAFE_METHODS:
            return
        self.check_origin(request)
        given = request.headers.get(CSRF_HEADER, "")
        if not same(given, self.csrf_token(login_id)):
            raise Forbidden(
                f"the header {CSRF_HEADER} is missing or wrong", hint="send that of /api/v1/me"
            )

    def check_origin(self, request: web.Request) -> None:
        """Raises `Forbidden` where the browser does not say that its page is of this server."""
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get(hdrs.ORIGIN)
        own = {f"{request.scheme}://{request.host}".lower(), self._origin} - {""}
        is_own = (
            (site is not None or origin is not None)
            and site in (None, "same-origin")
            and (origin is None or origin.lower() in own)
        )
        if not is_own:
            raise Forbidden("the call comes from another site", hint="use the pages of this server")

    def _name(self, request: web.Request, name: str) -> str:
        return f"__Host-{name}" if self._is_secure(request) else name

    def _is_secure(self, request: web.Request) -> bool:
        """Only development serves people without TLS."""
        return request.secure or not self._development

    def _set(
        self, request: web.Request, response: web.StreamResponse, name: str, value: str, s: int
    ) -> None:
        # Lax, not Strict: the provider sends the browser back, and a link in a message opens a page.
        response.set_cookie(
            self._name(request, name),
            value,
            max_age=s,
            path="/",
            secure=self._is_secure(request),
            httponly=True,
            samesite="Lax",
        )


def same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ. Strangers send bytes
    that are no text, which aiohttp makes surrogates of."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def origin_of(url: str) -> str:
    """Scheme and host of a URL, in lower case; empty where there is none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""


def next_path(given: str) -> str:
    """Where to go after a login: within the operator's pages, whatever was asked for."""
    is_within = _NEXT.fullmatch(given) is not None and _DOTS.search(given) is None
    return given if is_within else HOME
