"""Serving over real sockets: what a connection may cost, and who it is from."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from structlog.testing import capture_logs

from kyc_rtc.clock import SystemClock
from kyc_rtc.settings import HttpSettings, Settings
from kyc_rtc.telemetry import Metrics
from signaling import listening
from signaling.app import create_app
from signaling.connection import MAX_HEADER_BYTES, MAX_PIPELINED, Connection, Overdue
from signaling.https import server_context
from signaling.listening import BUSY_CONNECTIONS, GIVE_BACK_AFTER, serving
from signaling.places import Listener, Places
from tests.support.clock import ManualClock
from tests.support.fake_sessions import FakeSessions
from tests.support.interfaces import interfaces
from tests.support.wire import LIMIT_S, Wire
from tests.unit.signaling.conftest import Connect, Serve

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
START = b"POST /api/v1/kyc/start-session HTTP/1.1\r\nHost: kyc.example\r\nContent-Type: application/json\r\n"
USER = b'Content-Length: 15\r\n\r\n{"user_id":"x"}'


async def arrived() -> None:
    """What was sent is there, and handled: sockets have their own time."""
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("sent", [b"", b"GET /heal", HEALTH[:-2]])
async def test_a_header_has_ten_seconds(
    serve: Serve, connect: Connect, clock: ManualClock, sent: bytes
) -> None:
    wire = await connect(await serve())
    wire.send(sent)
    await arrived()
    await clock.advance(9_400)
    wire.send(b"G")
    await arrived()
    await clock.advance(1_000)
    assert await wire.is_closed()


async def test_the_next_header_has_ten_seconds_from_its_first_byte(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    wire = await connect(await serve())
    wire.send(HEALTH)
    assert (await wire.answer())[0] == 200
    await clock.advance(60_000)  # an idle connection is kept alive
    wire.send(HEALTH[:9])
    await arrived()
    await clock.advance(9_000)
    wire.send(HEALTH[9:])
    assert (await wire.answer())[0] == 200
    wire.send(HEALTH[:9])
    await arrived()
    await clock.advance(10_600)
    assert await wire.is_closed()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health HTTP/1.1\r\n"
        + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 4_000) for n in range(9)),
        HEALTH * (MAX_PIPELINED + 3),
    ],
)
async def test_a_header_has_a_size_and_a_pipeline_a_length(
    serve: Serve, connect: Connect, sent: bytes
) -> None:
    assert len(sent) > MAX_HEADER_BYTES or sent.startswith(HEALTH)
    wire = await connect(await serve())
    wire.send(sent)
    assert await wire.is_closed()


class Stuck(asyncio.Transport):
    """A transport whose other end takes so many bytes fewer than it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.left

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        """It would close once everything was taken."""


async def test_whoever_takes_no_answer_is_overdue(clock: ManualClock) -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    loop = asyncio.get_running_loop()
    connection = Connection(web.Server(handler), HttpSettings(), clock, loop)
    transport = Stuck()
    connection.connection_made(transport)
    connection.request_began(EMPTY_PAYLOAD)
    assert connection.overdue(60_000) is None
    transport.left = 1
    assert [connection.overdue(now_ms) for now_ms in (61_000, 90_900)] == [None, None]
    transport.left = 0
    assert connection.overdue(91_000) is None
    transport.left = 9
    assert [connection.overdue(now_ms) for now_ms in (92_000, 122_000)] == [None, Overdue.ANSWER]
    connection.force_close()  # as aiohttp ends an idle connection: that alone waits for the other end
    assert connection.overdue(123_000) is Overdue.ANSWER
    connection.cut()
    assert transport.aborted
    connection.connection_lost(None)
    assert connection.overdue(124_000) is None


async def test_an_answer_that_waits_for_its_reader_is_given_up(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(web.RequestHandler, "finish_response", never)
    wire = await connect(await serve(HttpSettings(answer_timeout_s=0.05)))
    wire.send(HEALTH)
    assert await wire.is_closed()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00junk\r\n\r\n",
        b"GET /health HTTP/9.9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_malformed_http_costs_one_line(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    wire = await connect(await serve())
    with capture_logs() as lines:
        wire.send(sent)
        status, head = await wire.answer()
    assert status == 400
    assert "application/json" in head
    assert "X-Content-Type-Options: nosniff" in head
    assert [line["event"] for line in lines] == ["malformed_request"]
    assert lines[0]["address"] == "127.0.0.2"
    assert caplog.records == []


async def test_a_refused_request_closes_its_connection_and_is_not_drained(
    serve: Serve, connect: Connect
) -> None:
    wire = await connect(await serve())
    wire.send(
        b"POST /api/v1/kyc/sessions/x/offer HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nhalf"
    )
    status, head = await wire.answer()
    assert (status, "connection: close" in head.lower()) == (401, True)
    assert await wire.is_closed()


async def test_whoever_calls_too_often_keeps_its_place_for_a_while(
    serve: Serve, connect: Connect
) -> None:
    port = await serve(HttpSettings(key_burst=1, max_connections_per_address=1))
    wire = await connect(port)
    wire.send(START + USER)
    assert (await wire.answer())[0] == 201
    wire.send(START + USER)
    status, head = await wire.answer()
    assert (status, "connection: close" in head.lower()) == (429, True)
    with contextlib.suppress(ConnectionResetError):
        assert await (await connect(port)).is_closed()
    assert await wire.is_closed()
    again = await connect(port)
    again.send(HEALTH)
    assert (await again.answer())[0] == 200


async def test_one_address_has_so_many_connections(serve: Serve, connect: Connect) -> None:
    port = await serve(HttpSettings(max_connections_per_address=2))
    first = await connect(port)
    await connect(port)
    with contextlib.suppress(ConnectionResetError):
        assert await (await connect(port)).is_closed()
    other = await connect(port, "127.0.0.3")
    other.send(HEALTH)
    assert (await other.answer())[0] == 200
    await first.close()
    await arrived()
    again = await connect(port)
    again.send(HEALTH)
    assert (await again.answer())[0] == 200


async def test_trusted_proxies_say_who_the_client_is(
    serve: Serve, connect: Connect, sessions: FakeSessions, caplog: pytest.LogCaptureFixture
) -> None:
    port = await serve(trusted_proxies=(ip_network("127.0.0.3/32"),))
    claims = b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
    with caplog.at_level("INFO", "aiohttp.access"):
        for address in ("127.0.0.3", "127.0.0.2"):
            wire = await connect(port, address)
            wire.send(START + claims + USER)
            status, head = await wire.answer()
            assert status == 201
            assert ("Strict-Transport-Security" in head) is (address == "127.0.0.3")
    assert [record.message.split(" ")[0] for record in caplog.records] == [
        "203.0.113.7",
        "127.0.0.2",
    ]


async def test_what_was_refused_and_cut_is_logged_once_a_sweep(
    serve: Serve, connect: Connect, clock: ManualClock
) -> None:
    port = await serve(HttpSettings(max_connections_per_address=2))
    for _ in range(4):
        with contextlib.suppress(ConnectionResetError):
            await connect(port)
    await arrived()
    with capture_logs() as lines:
        await clock.advance(10_600)
    assert [(line["refused"], line.get("header", 0)) for line in lines] == [(2, 0), (0, 2)]


async def test_nothing_is_left_when_serving_ends(
    development: Settings, clock: ManualClock, sessions: FakeSessions
) -> None:
    before = asyncio.all_tasks()
    settings = development.model_copy(update={"port": 0})
    life = contextlib.nullcontext()
    app = create_app(settings, clock, Metrics(), interfaces(sessions, clock), life)
    async with serving(app, settings, clock) as (port,):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEALTH[:9])
        await arrived()
    async with asyncio.timeout(LIMIT_S):
        assert await reader.read() == b""
    writer.close()
    await arrived()
    assert asyncio.all_tasks() <= before
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_no_socket_is_left_when_serving_cannot_begin(
    development: Settings,
    clock: ManualClock,
    sessions: FakeSessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = listening._bound
    listeners: list[Listener] = []

    async def two(host: str, port: int, places: Places) -> list[Listener]:
        """The second cannot listen, as where another process took its address after it was bound."""
        listeners.extend([*await bound(host, port, places), *await bound(host, port, places)])
        monkeypatch.setattr(listeners[1], "listen", in_use)
        return listeners

    def in_use(*_: Any) -> None:
        raise OSError(errno.EADDRINUSE, "in use")

    monkeypatch.setattr(listening, "_bound", two)
    settings = development.model_copy(update={"port": 0})
    life = contextlib.nullcontext()
    app = create_app(settings, clock, Metrics(), interfaces(sessions, clock), life)
    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="in use"):
        async with serving(app, settings, clock):
            pytest.fail("it began")
    assert [listener.fileno() for listener in listeners] == [-1, -1]
    assert asyncio.all_tasks() <= before


async def test_memory_is_given_back_once_a_flood_is_over(
    serve: Serve, connect: Connect, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    monkeypatch.setattr("signaling.listening.give_back", lambda: given.append(clock.monotonic_ms()))
    port = await serve()
    wires = [await connect(port) for _ in range(BUSY_CONNECTIONS)]
    await arrived()
    await clock.advance(5_000)
    assert given == []
    for wire in wires:
        await wire.close()
    await arrived()
    for _ in range(60):
        await clock.advance(500)
        await asyncio.sleep(0.002)  # the thread on which it happens
    assert given == [5_000 + sweeps * 500 for sweeps in GIVE_BACK_AFTER]


async def test_a_sweep_that_fails_is_not_the_last(
    serve: Serve, connect: Connect, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue = Connection.overdue

    def fails_at_first(self: Connection, now_ms: float) -> Overdue | None:
        monkeypatch.setattr(Connection, "overdue", overdue)
        raise RuntimeError("a fault")

    wire = await connect(await serve())
    await arrived()
    monkeypatch.setattr(Connection, "overdue", fails_at_first)
    with capture_logs() as lines:
        await clock.advance(11_000)
    assert [line["event"] for line in lines] == ["sweep_failed", "connections_ended"]
    assert await wire.is_closed()


async def test_a_tls_handshake_has_the_time_of_a_header(
    development: Settings, sessions: FakeSessions, connect: Connect
) -> None:
    limits = HttpSettings(headers_timeout_s=0.2, max_connections_per_address=1)
    settings = development.model_copy(update={"port": 0, "http": limits})
    clock, life = ManualClock(), contextlib.nullcontext()
    tls = server_context(settings, SystemClock(), self_signed=True)
    app = create_app(settings, clock, Metrics(), interfaces(sessions, clock), life)
    async with serving(app, settings, clock, tls) as (port,):
        silent = await connect(port)
        with contextlib.suppress(ConnectionResetError):
            assert await (
                await connect(port)
            ).is_closed()  # its place is taken during the handshake
        assert await silent.is_closed()
        await arrived()
        trusting = ssl.create_default_context(
            cafile=str(settings.data_dir / "tls" / "self-signed.pem")
        )
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, local_addr=("127.0.0.2", 0)
        )
        wire = Wire(reader, writer)
        wire.send(HEALTH)
        assert (await wire.answer())[0] == 200
        await wire.close()
