"""The applicant's page, the operator's pages, the development page, and their static files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from kyc_rtc.errors import NotFound, StorageUnavailable
from kyc_rtc.ids import parse_session_id
from kyc_rtc.sessions.interface import SessionInterface
from signaling.endpoints import Endpoint
from signaling.origins import Origins
from signaling.principals import Access, Principal

STATIC_PATH = "/static"
FOLDERS = ("apply", "i18n", "ops", "sdk", "style")
"""Static folders that every server serves."""

DEVELOPMENT_FOLDERS = ("dev",)
"""Static folders that are served in development only."""


@web.middleware
async def static_caching(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let browsers keep the static files, and ask by ETag whether they are still good."""
    if not request.path.startswith(f"{STATIC_PATH}/"):
        return await handler(request)
    try:
        response = await handler(request)
    except OSError:  # such as a name that is longer than a file's can be
        raise web.HTTPNotFound from None
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-cache")
    return response


class Pages:
    """Serves the applicant's page, and in development the one that starts sessions."""

    def __init__(
        self, folder: Path, sessions: SessionInterface, origins: Origins, *, development: bool
    ) -> None:
        self._folder = folder
        self._sessions = sessions
        self._origins = origins
        self._development = development

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The pages, as they are routed; their files come from `folders`."""
        pages = [
            Endpoint("GET", "/apply/{session_id}", self.apply, "The page", Access.ANYONE),
            Endpoint("GET", "/apply", self.damaged, "The page", Access.ANYONE),
            Endpoint("GET", "/apply/{rest:.*}", self.damaged, "The page", Access.ANYONE),
            Endpoint("GET", "/ops/", self.ops, "The operator's pages", Access.ANYONE),
            Endpoint("GET", "/favicon.ico", self.favicon, "No icon", Access.ANYONE),
        ]
        if self._development:
            pages.append(Endpoint("GET", "/", self.start, "Start a session", Access.ANYONE))
        return tuple(pages)

    def folders(self) -> dict[str, Path]:
        """The static folders by the paths at which they are served, each closed in itself."""
        names = FOLDERS + (DEVELOPMENT_FOLDERS if self._development else ())
        return {f"{STATIC_PATH}/{name}": self._folder / name for name in names}

    async def apply(self, request: web.Request, _principal: Principal) -> web.StreamResponse:
        """The same page for every session; the page reads the id and token from its address."""
        try:
            session_id = parse_session_id(request.match_info["session_id"])
        except NotFound:
            return self._page("apply", status=404)
        page = self._page("apply")
        if self._origins.are_listed:
            with suppress(NotFound, StorageUnavailable):  # then nobody may frame it
                self._origins.let_frame(page, await self._sessions.tenant_of(session_id))
        return page

    async def damaged(self, _request: web.Request, _principal: Principal) -> web.StreamResponse:
        """The page for a link that lost or gained something on its way: it says so, or mends the link."""
        return self._page("apply", status=404)

    async def ops(self, _request: web.Request, _principal: Principal) -> web.StreamResponse:
        """The same for everybody: what it shows comes from calls that know who asks."""
        return self._page("ops")

    async def start(self, _request: web.Request, _principal: Principal) -> web.StreamResponse:
        return self._page("dev")

    async def favicon(self, _request: web.Request, _principal: Principal) -> web.StreamResponse:
        return web.Response(status=204, headers={hdrs.CACHE_CONTROL: "max-age=86400"})

    def _page(self, name: str, *, status: int = 200) -> web.FileResponse:
        return web.FileResponse(
            self._folder / name / "index.html",
            status=status,
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )
