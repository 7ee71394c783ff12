"""Pages of other origins: which may call the server (CORS, Fetch standard), and frame the applicant's page.

A tenant lists its origins. A preflight request carries no credential, so that it is answered for every
listed origin; the request itself is refused where the credential is another tenant's. In development, where
no tenant lists any, pages of every origin may make an applicant's calls, which take a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from kyc_rtc.errors import Forbidden
from kyc_rtc.scopes import without_sandbox
from kyc_rtc.settings import Settings
from signaling.headers import allow_frames

PUBLIC_FILES: Final = ("/static/sdk/", "/static/i18n/")
"""What a page of any origin may load: the SDK, and its sentences."""

ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-API-Key"
)
EXPOSED_HEADERS: Final = (
    "Accept-Patch, ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate"
)
_METHODS: Final = "GET, POST, PATCH, DELETE"
_MAX_AGE_S: Final = 600

TENANT: web.RequestKey[str] = web.RequestKey("tenant")
"""Whose data the request is about, once that is known."""


class Origins:
    """The origins that the tenants list."""

    def __init__(self, settings: Settings) -> None:
        self._of_tenants: Mapping[str, frozenset[str]] = {
            name: frozenset(tenant.allowed_origins) for name, tenant in settings.tenants.items()
        }
        self._all = frozenset().union(*self._of_tenants.values())
        self._is_open = settings.development and not self._all
        self._public_host = urlsplit(settings.public_url).netloc.lower()

    def of(self, tenant_id: str) -> frozenset[str]:
        """Those of one tenant, which are its sandbox's too."""
        return self._of_tenants.get(without_sandbox(tenant_id), frozenset())

    @property
    def are_listed(self) -> bool:
        """Whether any tenant lists one."""
        return bool(self._all)

    def admits(self, origin: str, tenant_id: str | None) -> bool:
        """Whether a page of this origin may read the answer. `tenant_id` None: it is not known whose."""
        return self._is_open or origin in (self._all if tenant_id is None else self.of(tenant_id))

    def foreign(self, request: web.Request) -> str | None:
        """The origin of the page that makes a request, where it is not the server's own; else None."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or request.headers.get("Sec-Fetch-Site") == "same-origin":
            return None
        host = urlsplit(origin).netloc.lower()
        own = host and host in (request.host.lower(), self._public_host)
        return None if own else origin

    def check(self, request: web.Request, tenant_id: str, *, has_token: bool) -> None:
        """Note whose data a request is about. `has_token`: it is an applicant's. Raises `Forbidden` for a
        page that the tenant does not list."""
        request[TENANT] = tenant_id
        origin = self.foreign(request)
        if origin is None:
            return
        if not self.admits(origin, tenant_id) or (self._is_open and not has_token):
            raise Forbidden(
                "this page's origin may not call the server",
                hint="list it in the setting tenants.<tenant>.allowed_origins",
            )

    def middleware(self) -> Middleware:
        """Answers preflight requests, and names the origin in answers that its page may read."""

        @web.middleware
        async def cross_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = self.foreign(request)
            if origin is None:
                return await handler(request)
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                return self._preflight(origin)
            response = await handler(request)
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
            if request.path.startswith(PUBLIC_FILES):
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
            elif self.admits(origin, request.get(TENANT)):
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
                response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS
            return response

        return cross_origin

    def _preflight(self, origin: str) -> web.Response:
        headers: dict[str, str] = {hdrs.VARY: hdrs.ORIGIN}
        if self.admits(origin, None):
            headers |= {
                hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ALLOWED_HEADERS,
                hdrs.ACCESS_CONTROL_MAX_AGE: str(_MAX_AGE_S),
            }
        return web.Response(status=204, headers=headers)

    def let_frame(self, response: web.StreamResponse, tenant_id: str) -> None:
        """Let the pages of a tenant show this one in a frame (CSP 3, frame-ancestors)."""
        listed = self.of(tenant_id)
        if listed:
            allow_frames(response, sorted(listed))
