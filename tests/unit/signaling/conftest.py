"""The HTTP application over fake sessions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kyc_rtc.access.keys import KeyService
from kyc_rtc.access.logins import LoginService
from kyc_rtc.settings import HttpSettings, Settings
from kyc_rtc.telemetry import Metrics
from signaling.app import create_app
from signaling.listening import serving
from tests.support.clock import ManualClock
from tests.support.fake_keys import no_keys
from tests.support.fake_labels import FakeLabels
from tests.support.fake_logins import MemoryLogins
from tests.support.fake_provider import FakeProvider
from tests.support.fake_sessions import FakeSessions
from tests.support.interfaces import interfaces
from tests.support.wire import Wire

Client = TestClient[Any, Any]
MakeClient = Callable[[Settings], Any]
Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[Wire]]


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def labels() -> FakeLabels:
    return FakeLabels()


@pytest.fixture
def keys(clock: ManualClock) -> KeyService:
    """Those of the store: none yet."""
    return no_keys(clock)


@pytest.fixture
def login_rows() -> MemoryLogins:
    return MemoryLogins()


@pytest.fixture
def provider(clock: ManualClock) -> FakeProvider:
    """The OIDC provider of whoever has one."""
    return FakeProvider(clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def make_client(
    sessions: FakeSessions,
    labels: FakeLabels,
    keys: KeyService,
    clock: ManualClock,
    login_rows: MemoryLogins,
    provider: FakeProvider,
) -> AsyncIterator[MakeClient]:
    async with contextlib.AsyncExitStack() as stack:

        async def make(settings: Settings) -> Client:
            life = contextlib.nullcontext()
            app = create_app(
                settings,
                clock,
                Metrics(),
                interfaces(
                    sessions,
                    clock,
                    labels=labels,
                    keys=keys,
                    logins=LoginService(login_rows, settings.oidc, clock),
                ),
                life,
                provider,
            )
            return await stack.enter_async_context(TestClient(TestServer(app)))

        yield make


@pytest.fixture
def development(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
async def client(make_client: MakeClient, development: Settings) -> Client:
    made: Client = await make_client(development)
    return made


@pytest.fixture
async def serve(
    development: Settings, clock: ManualClock, sessions: FakeSessions
) -> AsyncIterator[Serve]:
    """Serves the application over fake sessions with these settings, as `server.py` does; gives the port."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(http: HttpSettings | None = None, **changes: Any) -> int:
            update = {"port": 0, "http": http or HttpSettings(), **changes}
            settings = development.model_copy(update=update)
            life = contextlib.nullcontext()
            app = create_app(settings, clock, Metrics(), interfaces(sessions, clock), life)
            (port,) = await stack.enter_async_context(serving(app, settings, clock))
            return port

        yield start


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    wires: list[Wire] = []

    async def make(port: int, address: str = "127.0.0.2") -> Wire:
        client = socket.socket()
        client.setblocking(False)
        client.bind((address, 0))
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        except OSError:
            client.close()
            raise
        wires.append(Wire(*await asyncio.open_connection(sock=client)))
        return wires[-1]

    yield make
    for wire in wires:
        await wire.close()
