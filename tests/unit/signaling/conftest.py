"""The HTTP application over fake sessions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kyc_rtc.sessions.creations import CreationService
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from signaling.app import create_app
from tests.support.clock import ManualClock
from tests.support.fake_labels import FakeLabels
from tests.support.fake_sessions import FakeSessions
from tests.support.memory_store import MemoryStore

Client = TestClient[Any, Any]
MakeClient = Callable[[Settings], Any]


def creations(clock: ManualClock) -> CreationService:
    """What keeps idempotency keys, in memory."""
    return CreationService(MemoryStore(clock=clock).idempotency, clock)


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def labels() -> FakeLabels:
    return FakeLabels()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def make_client(
    sessions: FakeSessions, labels: FakeLabels, clock: ManualClock
) -> AsyncIterator[MakeClient]:
    async with contextlib.AsyncExitStack() as stack:

        async def make(settings: Settings) -> Client:
            life = contextlib.nullcontext()
            app = create_app(settings, clock, Metrics(), sessions, labels, creations(clock), life)
            return await stack.enter_async_context(TestClient(TestServer(app)))

        yield make


@pytest.fixture
def development(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
async def client(make_client: MakeClient, development: Settings) -> Client:
    made: Client = await make_client(development)
    return made
