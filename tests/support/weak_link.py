"""A link between an applicant's page and the server that can go dark: media through a relay of our own.

Chromium's own emulation of packet loss does not reach WebRTC. So the page's offers and the server's
answers name the relay as the only ICE candidate, and the relay forwards datagrams, or drops them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page, Route

LOOPBACK = "127.0.0.1"
Address = tuple[str, int]
_CANDIDATE = re.compile(
    r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", re.I | re.M
)
_CANDIDATE_LINES = re.compile(r"^a=candidate:.*\r?\n", re.M)
_END_OF_CANDIDATES = re.compile(r"^a=end-of-candidates\r?\n", re.M)
_ICE_UFRAG = re.compile(r"^(a=ice-ufrag:.*\r?\n)", re.M)


class WeakLink:
    """All media and requests of one page. `down` starts as False."""

    def __init__(self) -> None:
        self.down = False
        self.dropped = 0
        self._page: Page | None = None
        self._relays: list[_Relay] = []

    async def attach(self, page: Page) -> None:
        """Put the link between the page and its server; before the page is loaded."""
        self._page = page
        await page.route("**/offer", self._relay_offer)

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Nothing gets through meanwhile, and the browser knows that it is offline."""
        assert self._page is not None
        self.down = True
        await self._page.context.set_offline(True)
        try:
            yield
        finally:
            self.down = False
            await self._page.context.set_offline(False)

    def close(self) -> None:
        for relay in self._relays:
            relay.close()

    async def _relay_offer(self, route: Route) -> None:
        """The offer is sent on with the relay as the page, and answered with the relay as the server."""
        if self.down:
            await route.abort("internetdisconnected")
            return
        offer: dict[str, Any] = json.loads(route.request.post_data or "")
        relay = _Relay(self)
        self._relays.append(relay)
        for_the_server, for_the_page = await relay.open()
        sdp = reached_at(offer["sdp"], for_the_server)
        response = await route.fetch(post_data=json.dumps(offer | {"sdp": sdp}))
        if not response.ok:
            await route.fulfill(response=response)
            return
        answer: dict[str, Any] = await response.json()
        relay.server = first_address(answer["sdp"])
        answer["sdp"] = reached_at(answer["sdp"], for_the_page)
        await route.fulfill(response=response, json=answer)


def first_address(sdp: str) -> Address:
    """The first IPv4 host candidate. Raises `ValueError` where there is none."""
    found = _CANDIDATE.search(sdp)
    if found is None:
        raise ValueError("no IPv4 host candidate")
    return found[1], int(found[2])


def reached_at(sdp: str, address: Address) -> str:
    """The session description with `address` as its only candidate."""
    bare = _END_OF_CANDIDATES.sub("", _CANDIDATE_LINES.sub("", sdp))
    host, port = address
    line = f"a=candidate:1 1 udp 2122260223 {host} {port} typ host\r\n"
    return _ICE_UFRAG.sub(rf"{line}\1", bare)


class _Side(asyncio.DatagramProtocol):
    """One socket of a relay, on the loopback."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> Address:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (LOOPBACK, 0))
        host, port = self._transport.get_extra_info("sockname")
        return host, port

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)

    def send(self, data: bytes, to: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(data, to)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Relay:
    """Two sockets: the server meets the page at one, the page meets the server at the other."""

    def __init__(self, link: WeakLink) -> None:
        self.server: Address | None = None
        self._link = link
        self._page: Address | None = None
        self._to_server, self._to_page = _Side(self._from_server), _Side(self._from_page)

    async def open(self) -> tuple[Address, Address]:
        """Where the server meets the page, and where the page meets the server."""
        return await self._to_server.open(), await self._to_page.open()

    def close(self) -> None:
        self._to_server.close()
        self._to_page.close()

    def _from_page(self, data: bytes, source: Address) -> None:
        self._page = source
        self._forward(self._to_server, data, self.server)

    def _from_server(self, data: bytes, _source: Address) -> None:
        self._forward(self._to_page, data, self._page)

    def _forward(self, side: _Side, data: bytes, to: Address | None) -> None:
        if self._link.down:
            self._link.dropped += 1
        elif to is not None:
            side.send(data, to)
