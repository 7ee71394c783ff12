"""Sessions on fakes and a manual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from kyc_rtc.ids import PeerId
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.sessions.assembly import assemble
from kyc_rtc.sessions.housekeeping import Housekeeping
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.service import SessionService
from kyc_rtc.sessions.states import FINAL, LIVE
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from media.timeline import MediaTimeline
from media.video_track import FrameSink
from tests.support.clock import ManualClock, settle
from tests.support.fake_media import FakeAnalysis, FakePeer, YieldingPool
from tests.support.memory_store import MemoryStore
from tests.support.offers import browser_like_offer

_OWN_TASKS = ("session", "peer", "root")


@dataclass
class Stage:
    """A service with everything below it faked, and the test's hands on all of it."""

    service: SessionService
    housekeeping: Housekeeping
    clock: ManualClock
    store: MemoryStore
    analysis: FakeAnalysis = field(default_factory=FakeAnalysis)
    peers: list[FakePeer] = field(default_factory=list)

    @property
    def peer(self) -> FakePeer:
        return self.peers[-1]

    async def join(self, user_id: str = "customer") -> str:
        """Open a session, connect its peer, say ready."""
        session_id = (await self.service.open(user_id)).session_id
        await self.connect(session_id)
        return session_id

    async def connect(self, session_id: str) -> None:
        await self.service.offer(session_id, browser_like_offer(), ClientView())
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
        return (await self.service.status(session_id)).state


MakeStage = Callable[..., Awaitable[Stage]]


def build_stage(
    settings: Settings, store: MemoryStore | None = None, clock: ManualClock | None = None
) -> Stage:
    """A stage; with `store` and `clock` of another one, a second process on the same database."""
    clock = clock or ManualClock()
    store = store or MemoryStore(
        [state.value for state in FINAL], [state.value for state in LIVE], clock
    )
    peers: list[FakePeer] = []
    analysis = FakeAnalysis()

    def new_peer(peer_id: PeerId, timeline: MediaTimeline, sink: FrameSink) -> FakePeer:
        peers.append(FakePeer(peer_id, timeline, sink, clock))
        return peers[-1]

    services = Services(
        settings=settings,
        clock=clock,
        metrics=Metrics(),
        pool=YieldingPool(),
        store=store.sessions,
        footage=store.footage,
        measures=store.measures,
        new_peer=new_peer,
        new_analysis=lambda: analysis,
        issuer=Issuer(settings.liveness, random.Random(7)),  # noqa: S311 - a test's fixed draw
    )
    service, housekeeping = assemble(services, store.processes, store.commands, store.alerts)
    return Stage(service, housekeeping, clock, store, analysis, peers)


@pytest.fixture
async def make_stage() -> AsyncIterator[MakeStage]:
    made: list[Stage] = []

    async def make(settings: Settings, beside: Stage | None = None) -> Stage:
        stage = build_stage(settings, *((beside.store, beside.clock) if beside else ()))
        made.append(stage)
        await stage.housekeeping.start()
        return stage

    yield make
    for stage in made:
        stage.store.failure = None
        closing = asyncio.create_task(stage.service.aclose())
        await stage.clock.advance(5_000)
        async with asyncio.timeout(5):
            await closing
            await stage.housekeeping.aclose()
        assert all(peer.closed for peer in stage.peers)
    left = [
        task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(_OWN_TASKS)
    ]
    assert not left, "a task outlived its session"


@pytest.fixture
async def stage(make_stage: MakeStage) -> Stage:
    return await make_stage(Settings())
