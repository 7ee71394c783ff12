"""Sessions on fakes and a manual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from kyc_rtc.detection.evidence import AnalyserName, Evidence
from kyc_rtc.ids import PeerId, SessionId
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.sessions.assembly import assemble
from kyc_rtc.sessions.housekeeping import Housekeeping
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.ports import PoolPort, Services, decoded_places
from kyc_rtc.sessions.readiness import Surroundings
from kyc_rtc.sessions.service import SessionService
from kyc_rtc.sessions.states import FINAL, LIVE
from kyc_rtc.settings import Settings
from kyc_rtc.storage import AlertRecord, EventRecord, SessionRecord
from kyc_rtc.telemetry import Metrics
from media.timeline import MediaTimeline
from media.video_track import FrameSink
from tests.support.clock import ManualClock, settle
from tests.support.fake_media import FakeAnalysis, FakePeer, YieldingPool
from tests.support.memory_store import MemoryStore
from tests.support.offers import browser_like_offer
from tests.unit.liveness.fakes.actor import Actor, pulses_for

T = TypeVar("T")
_OWN_TASKS = ("session", "peer", "root", "probe")


@dataclass
class Around:
    """What the process stands on, as the test has it."""

    free_bytes: int = 1_000_000_000
    model_is_intact: bool = True
    others: tuple[str, ...] = ()

    async def free(self) -> int:
        return self.free_bytes

    async def intact(self) -> bool:
        return self.model_is_intact


@dataclass
class Stage:
    """A service with everything below it faked, and the test's hands on all of it."""

    service: SessionService
    housekeeping: Housekeeping
    clock: ManualClock
    store: MemoryStore
    analysis: FakeAnalysis = field(default_factory=FakeAnalysis)
    peers: list[FakePeer] = field(default_factory=list)
    around: Around = field(default_factory=Around)
    answered: set[str] = field(default_factory=set)
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def peer(self) -> FakePeer:
        return self.peers[-1]

    async def join(self, user_id: str = "customer") -> str:
        """Open a session, connect its peer, say ready."""
        session_id = (await self.service.open(user_id)).session_id
        await self.connect(session_id)
        return session_id

    async def connect(self, session_id: str, **ready: Any) -> None:
        """Connect a peer, say ready with these fields."""
        await self.service.offer(session_id, browser_like_offer(), ClientView())
        self.peer.connect()
        self.peer.say("ready", **ready)
        await settle()

    async def show(self, count: int, *, every_ms: int = 40) -> None:
        """The camera delivers frames, and time passes with them."""
        for _ in range(count):
            await self.clock.advance(every_ms)
            self.peer.show(int(self.clock.monotonic_ms()))
            await settle()

    def seat(self) -> None:
        """Somebody sits before the camera, in a picture that is good enough to pass."""
        self.analysis.applicant = Actor()
        self.analysis.evidence = (Evidence(AnalyserName.TEMPORAL, 0.1, 0.9, (0, 1_000)),)

    async def perform(
        self,
        until: Callable[[], bool] = lambda: False,
        *,
        limit_ms: int = 60_000,
        every_ms: int = 40,
    ) -> None:
        """Somebody does what is asked, until something has come about, or for `limit_ms`."""
        if self.analysis.applicant is None:
            self.seat()
        end_ms = self.clock.monotonic_ms() + limit_ms
        while not until() and self.clock.monotonic_ms() < end_ms:
            await self.show(1, every_ms=every_ms)
            for message in self.peer.sent:
                if message["type"] == "challenge" and message["challenge_id"] not in self.answered:
                    self._obey(message)

    def _obey(self, message: dict[str, Any]) -> None:
        self.answered.add(message["challenge_id"])
        if self.analysis.applicant is not None:
            start_ms = self.clock.monotonic_ms() + 450
            self.analysis.applicant.pulses += pulses_for(challenge_of(message), start_ms)

    def has_sent(self, kind: str, **fields: Any) -> bool:
        """Whether the present peer got a message with these fields."""
        return any(
            message["type"] == kind and all(message.get(k) == v for k, v in fields.items())
            for message in (self.peer.sent if self.peers else ())
        )

    def row(self, session_id: str) -> SessionRecord:
        """The session's row, even while the database is away."""
        return self.store.row(SessionId(session_id))

    def journal(self, session_id: str) -> list[EventRecord]:
        """Its entries, even while the database is away."""
        return self.store.event_rows[SessionId(session_id)]

    def alerts(self, session_id: str) -> list[AlertRecord]:
        """Its alerts, even while the database is away."""
        rows = self.store.alert_rows.values()
        return [alert for alert in rows if alert.session_id == session_id]

    async def state(self, session_id: str) -> str:
        return (await self.service.status(session_id)).state


MakeStage = Callable[..., Awaitable[Stage]]


async def while_time_passes(
    stage: Stage, work: Coroutine[Any, Any, T], limit_ms: int = 10_000
) -> T:
    """The result of something that needs time to pass, at most so much of it."""
    task = asyncio.create_task(work)
    await settle()
    end_ms = stage.clock.monotonic_ms() + limit_ms
    while not task.done() and stage.clock.monotonic_ms() < end_ms:
        await stage.clock.advance(50)
    assert task.done(), "it takes too long"
    return await task


def challenge_of(message: dict[str, Any]) -> Challenge:
    """The challenge that a prompt asks for."""
    direction = message["direction"]
    return Challenge(
        ChallengeType(message["challenge_type"]),
        Direction(direction) if direction else None,
        message["count"],
        message["hold_ms"],
    )


def build_stage(
    settings: Settings,
    store: MemoryStore | None = None,
    clock: ManualClock | None = None,
    pool: PoolPort | None = None,
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
        pool=pool or YieldingPool(),
        background=YieldingPool(),
        decoded=decoded_places(settings.limits),
        store=store.sessions,
        footage=store.footage,
        features=store.features,
        sandbox=store.sandbox,
        new_peer=new_peer,
        new_analysis=lambda: analysis,
        issuer=Issuer(settings.liveness, random.Random(7)),  # noqa: S311 - a test's fixed draw
    )
    around = Around()
    service, housekeeping = assemble(
        services,
        store.processes,
        store.commands,
        store.alerts,
        store.lists,
        store.idempotency,
        Surroundings(around.free, around.intact, lambda: around.others),
    )
    return Stage(
        service, housekeeping, clock, store, analysis, peers, around, metrics=services.metrics
    )


@pytest.fixture
async def make_stage() -> AsyncIterator[MakeStage]:
    made: list[Stage] = []

    async def make(settings: Settings, sharing: Stage | None = None) -> Stage:
        stage = build_stage(settings, *((sharing.store, sharing.clock) if sharing else ()))
        made.append(stage)
        await stage.housekeeping.start()
        return stage

    yield make
    for stage in made:
        stage.store.failure = None
        closing = asyncio.create_task(stage.service.aclose())
        await stage.clock.advance(10_000)
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
