"""Sessions on fakes and a manual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from kyc_rtc.ids import PeerId, SessionId
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.sessions.archive import StoredArchive
from kyc_rtc.sessions.manager import SessionManager
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.states import FINAL
from kyc_rtc.settings import Settings
from kyc_rtc.storage import MeasuresRecord
from kyc_rtc.telemetry import Metrics
from media.timeline import MediaTimeline
from media.video_track import FrameSink
from tests.support.clock import ManualClock, settle
from tests.support.fake_media import DirectPool, FakeAnalysis, FakePeer
from tests.support.memory_store import (
    MemoryAlertRepository,
    MemoryFootageRepository,
    MemoryMeasuresRepository,
    MemorySessionRepository,
    MemoryStore,
)
from tests.support.offers import browser_like_offer

_OWN_TASKS = ("session", "analyse", "watchdog", "peer")


@dataclass
class Stage:
    """A manager with everything below it faked, and the test's hands on all of it."""

    manager: SessionManager
    clock: ManualClock
    sessions: MemorySessionRepository
    alerts: MemoryAlertRepository
    footage: MemoryFootageRepository
    measures_repository: MemoryMeasuresRepository
    measures: dict[SessionId, MeasuresRecord]
    analysis: FakeAnalysis = field(default_factory=FakeAnalysis)
    peers: list[FakePeer] = field(default_factory=list)

    @property
    def peer(self) -> FakePeer:
        return self.peers[-1]

    async def join(self, user_id: str = "customer") -> str:
        """Open a session, connect its peer, say ready."""
        session_id = (await self.manager.open(user_id)).session_id
        await self.connect(session_id)
        return session_id

    async def connect(self, session_id: str) -> None:
        await self.manager.offer(session_id, browser_like_offer())
        self.peer.connect()
        self.peer.say("ready")
        await settle()

    async def show(self, count: int, *, every_ms: int = 40) -> None:
        """The camera delivers frames, and time passes with them."""
        for _ in range(count):
            await self.clock.advance(every_ms)
            self.peer.show(int(self.clock.monotonic_ms()))
            await settle()

    async def state(self, session_id: str) -> str:
        return (await self.manager.status(session_id)).state


MakeStage = Callable[[Settings], Stage]


@pytest.fixture
async def make_stage() -> AsyncIterator[MakeStage]:
    made: list[Stage] = []

    def make(settings: Settings) -> Stage:
        clock = ManualClock()
        store = MemoryStore([state.value for state in FINAL])
        sessions, alerts = store.sessions, store.alerts
        peers: list[FakePeer] = []
        analysis = FakeAnalysis()

        def new_peer(peer_id: PeerId, timeline: MediaTimeline, sink: FrameSink) -> FakePeer:
            peers.append(FakePeer(peer_id, timeline, sink, clock))
            return peers[-1]

        services = Services(
            settings=settings,
            clock=clock,
            metrics=Metrics(),
            pool=DirectPool(),
            archive=StoredArchive(sessions, alerts, store.footage, store.measures),
            new_peer=new_peer,
            new_analysis=lambda: analysis,
            issuer=Issuer(settings.liveness, random.Random(7)),  # noqa: S311 - a test's fixed draw
        )
        stage = Stage(
            SessionManager(services, sessions, alerts),
            clock,
            sessions,
            alerts,
            store.footage,
            store.measures,
            store.measures_rows,
            analysis,
            peers,
        )
        made.append(stage)
        return stage

    yield make
    for stage in made:
        closing = asyncio.create_task(stage.manager.aclose())
        await stage.clock.advance(5_000)
        async with asyncio.timeout(5):
            await closing
        assert all(peer.closed for peer in stage.peers)
    left = [
        task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(_OWN_TASKS)
    ]
    assert not left, "a task outlived its session"


@pytest.fixture
async def stage(make_stage: MakeStage) -> Stage:
    made = make_stage(Settings())
    await made.manager.start()
    return made
