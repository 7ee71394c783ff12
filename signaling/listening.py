"""Serving: sockets, connections with limits, and the sweep that ends what takes too long."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from ssl import SSLContext
from typing import Any

import structlog
from aiohttp import hdrs, web

from kyc_rtc.addresses import Network, is_trusted
from kyc_rtc.clock import Clock
from kyc_rtc.memory import give_back
from kyc_rtc.settings import Settings
from signaling.addresses import Source, source_of
from signaling.bodies import Bodies
from signaling.connection import Connection
from signaling.endpoints import BODIES
from signaling.expectations import keep_expectation, split_expectation
from signaling.places import Listener, Places, connection_limit, descriptors

ACCEPTED_AT_ONCE = 16
"""Connections in one turn of the event loop, so that a flood of them keeps no other request waiting."""

SWEEP_EVERY_MS = 500.0
OPEN_REQUESTS_LIMIT_S = 1.0
"""For so long an open request may hold up the end of the process."""

RECEIVE_BUFFER_BYTES = 64 * 1024
"""Of a socket, in the kernel; also what is read at once, so that a connection costs little."""

BUSY_CONNECTIONS = 32
BUSY_BYTES = 8 * 1024 * 1024
GIVE_BACK_AFTER = (6, 40)
"""After a time with so many connections or bytes of bodies, memory is given back to the system: so many
sweeps after it, when the requests and sessions that it started are over."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def serving(
    app: web.Application, settings: Settings, clock: Clock, tls: SSLContext | None = None
) -> AsyncIterator[tuple[int, ...]]:
    """Serve meanwhile, on the settings' host and port; gives the ports. Raises `OSError` where that fails."""
    limits, live = settings.http, settings.limits.live_sessions
    places = Places(
        connection_limit(limits.max_connections, descriptors(), live),
        limits.max_connections_per_address,
        settings.trusted_proxies,
    )
    runner = web.AppRunner(app, shutdown_timeout=OPEN_REQUESTS_LIMIT_S)
    await runner.setup()
    manager = runner.server
    if manager is None:
        raise RuntimeError("the runner has no server after its setup")
    manager.request_factory = _requests(manager.request_factory, settings.trusted_proxies)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as ending:  # in the opposite order, whatever fails
        ending.push_async_callback(runner.cleanup)
        sockets = await _bound(settings.host, settings.port, places)
        for listener in sockets:
            ending.callback(listener.close)  # one that no server has taken over yet
        for listener in sockets:
            server = await loop.create_server(
                lambda: Connection(manager, limits, clock, loop),
                sock=listener,
                ssl=tls,
                backlog=ACCEPTED_AT_ONCE,
                ssl_handshake_timeout=None if tls is None else limits.headers_timeout_s,
            )
            ending.callback(server.close)
        sweep = asyncio.create_task(_sweep(manager, places, app[BODIES], clock), name="connections")
        ending.push_async_callback(_ended, sweep)
        yield tuple(listener.getsockname()[1] for listener in sockets)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _bound(host: str, port: int, places: Places) -> list[Listener]:
    """A listening socket for each address of the host. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[Listener] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            listener = Listener(family, places)
            sockets.append(listener)
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def _requests(make_request: Callable[..., Any], trusted: tuple[Network, ...]) -> Callable[..., Any]:
    """A factory of requests: it reports the request to its connection, takes out `Expect`, and sets the
    client's address and scheme as a trusted proxy gives them."""

    def make(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Any:
        protocol.request_began(payload)
        head, expected = split_expectation(message)
        request = make_request(head, payload, protocol, writer, task)
        keep_expectation(request, expected)
        peer = request.remote or ""
        if not trusted or not is_trusted(peer, trusted):
            return request
        source = _source(request, peer, trusted)
        scheme = {None: request.scheme, True: "https", False: "http"}[source.secure]
        return request.clone(remote=source.address, scheme=scheme)

    return make


def _source(request: web.BaseRequest, peer: str, trusted: tuple[Network, ...]) -> Source:
    headers = request.headers
    return source_of(
        peer,
        headers.getall(hdrs.X_FORWARDED_FOR, []),
        request.forwarded,
        headers.getall(hdrs.X_FORWARDED_PROTO, []),
        trusted,
    )


async def _sweep(manager: web.Server, places: Places, bodies: Bodies, clock: Clock) -> None:
    """Cut what is overdue, and give memory back after a flood, for ever."""
    calm_for = max(GIVE_BACK_AFTER)
    while True:
        await clock.sleep_ms(SWEEP_EVERY_MS)
        busy = places.taken >= BUSY_CONNECTIONS or bodies.in_flight >= BUSY_BYTES
        calm_for = 0 if busy else calm_for + 1
        try:
            _cut_overdue(manager, places, clock.monotonic_ms())
            if calm_for in GIVE_BACK_AFTER:
                await asyncio.to_thread(give_back)
        except Exception:  # the root of the task: without it nothing has a time-out any more
            log.exception("sweep_failed")


def _cut_overdue(manager: web.Server, places: Places, now_ms: float) -> None:
    cut: Counter[str] = Counter()
    for connection in manager.connections:
        if isinstance(connection, Connection) and (why := connection.overdue(now_ms)) is not None:
            connection.cut()
            cut[why.value] += 1
    refused = places.refused()
    if cut or refused:
        log.info("connections_ended", refused=refused, open=places.taken, **cut)
