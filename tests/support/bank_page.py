"""A bank's own site, on another origin than the server's: the page of docs/sdk.md, and its backend."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.support.browser_server import REPOSITORY, LiveServer

FRAME = '<!doctype html><title>Bank</title><iframe src="{url}" allow="camera" width="390"></iframe>'


def documented_page() -> str:
    """The page that docs/sdk.md shows."""
    text = (REPOSITORY / "docs" / "sdk.md").read_text("utf-8")
    found = re.search(r"```html\n(.*?)```", text, re.DOTALL)
    if found is None:
        raise RuntimeError("docs/sdk.md shows no page")
    return found[1]


class Bank:
    """Serves `/` (the documented page), `/framed` (the server's page in a frame) and `/kyc` (the backend).
    `sessions`: what it started."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self.sessions: list[dict[str, Any]] = []
        self.url = ""

    async def page(self, _request: web.Request) -> web.Response:
        return web.Response(text=documented_page(), content_type="text/html")

    async def framed(self, _request: web.Request) -> web.Response:
        session = await self._start()
        return web.Response(text=FRAME.format(url=session["join_url"]), content_type="text/html")

    async def backend(self, _request: web.Request) -> web.Response:
        session = await self._start()
        told = {name: session[name] for name in ("session_id", "client_token")}
        return web.json_response({"server": self._server.url, **told})

    async def _start(self) -> dict[str, Any]:
        session = await asyncio.to_thread(self._server.start_session)
        self.sessions.append(session)
        return session


@asynccontextmanager
async def bank_site(server: LiveServer, port: int) -> AsyncIterator[Bank]:
    """The site, on this port of localhost."""
    bank = Bank(server)
    app = web.Application()
    app.router.add_get("/", bank.page)
    app.router.add_get("/framed", bank.framed)
    app.router.add_post("/kyc", bank.backend)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        bank.url = f"http://localhost:{port}"
        yield bank
    finally:
        await runner.cleanup()
