"""A receiver of webhooks on a loopback port, which answers each request as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """What came, and how it is answered. `hang` never answers."""

    respond: Respond | None = None
    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        if self.respond is not None:
            return await self.respond(request)
        return web.Response(status=204)

    async def hang(self, _request: web.Request) -> web.StreamResponse:
        await self.released.wait()
        return web.Response(status=204)


@asynccontextmanager
async def receiving(respond: Respond | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens until the block ends."""
    receiver = Receiver(respond)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    receiver.url = str(server.make_url("/hook"))
    try:
        yield receiver
    finally:
        receiver.released.set()
        await server.close()
