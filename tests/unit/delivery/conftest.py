"""A worker over SQLite, under a manual clock, with channels that answer as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.alerts import shipped_rules
from kyc_rtc.delivery import DeliveryWorker, Outcome, WorkerLimits
from kyc_rtc.delivery.alert_plan import KIND, AlertPlanner
from kyc_rtc.delivery.alert_sender import AlertSender, ChannelAlarm
from kyc_rtc.delivery.texts import Message, Texts
from kyc_rtc.storage import AlertRecord, Database, DeliveryRecord, SqlDeliveryStore
from kyc_rtc.storage.alert_course import SqlAlertCourse
from tests.support.clock import ManualClock
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import Store, opened, put_alerts, sql_store
from tests.unit.test_catalogue import CATALOGUE

START_MS = 20_000 * 86_400_000 + 43_200_000
NAMES = ("slack", "email", "sms", "executives", "security", "compliance")
DEFAULTS = WorkerLimits()
PUBLIC_URL = "https://kyc.bank.example"


@dataclass
class FakeChannel:
    """Keeps what it is sent; answers `outcome`, or hangs, or raises."""

    sent: list[Message] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(True))
    error: Exception | None = None
    hangs: bool = False
    tried: int = 0

    async def send(self, message: Message) -> Outcome:
        self.tried += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        if self.outcome.ok:
            self.sent.append(message)
        return self.outcome

    async def aclose(self) -> None:
        pass


class Rig:
    """What a test of the worker has to hand."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(START_MS)
        self.store = SqlDeliveryStore(database)
        self.stores: Store = sql_store(database)
        self.course = SqlAlertCourse(database)
        self.channels: Mapping[str, FakeChannel] = {name: FakeChannel() for name in NAMES}
        self.worker = self.new_worker()

    def new_worker(self, limits: WorkerLimits = DEFAULTS, draw: float = 0.0) -> DeliveryWorker:
        """Another process on the same database."""
        rules = shipped_rules()
        texts = Texts(CATALOGUE, PUBLIC_URL)
        return DeliveryWorker(
            self.store,
            {KIND: AlertSender(self.course, self.channels, texts)},
            (AlertPlanner(rules, {name: (name,) for name in NAMES}),),
            self.clock,
            lambda: draw,
            limits,
            ChannelAlarm(self.course, rules.channel_failing, self.clock),
        )

    async def raised(self, severity: str, **changes: Any) -> AlertRecord:
        """An alert of a session of its own, unless one is named."""
        session_id = changes.pop("session_id", None)
        tenant_id = changes.get("tenant_id", "default")
        if session_id is None:
            session = a_session(tenant_id=tenant_id)
            await self.stores.sessions.open(session, [])
            session_id = session.session_id
        values = {"severity": severity, "created_at_ms": self.clock.now_ms()} | changes
        alert = an_alert(session_id, **values)
        await put_alerts(self.stores, alert)
        return alert

    async def rounds(self, worker: DeliveryWorker | None = None, count: int = 3) -> None:
        """Rounds, until what they began to send is over; what hangs is left alone."""
        worker = worker or self.worker
        for _ in range(count):
            await worker.round()
            running = [t for t in worker._sending if not self._hangs(worker, t)]
            await self.ended(running)

    async def ended(self, tasks: Collection[asyncio.Task[None]]) -> None:
        """Until these are over. A database that is busy for long is waited for on the clock, which moves."""
        while running := [task for task in tasks if not task.done()]:
            _, pending = await asyncio.wait(running, timeout=30)
            if pending:
                await self.clock.advance(1_000)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Give SQLite's thread, which answers in real time, as long as it needs; no time passes."""
        async with asyncio.timeout(30):
            while not holds():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)

    async def cut_off(self) -> None:
        """End what the worker is sending, in the middle of it."""
        tasks = list(self.worker._sending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _hangs(self, worker: DeliveryWorker, task: asyncio.Task[None]) -> bool:
        return self.channels[worker._sending[task].target].hangs

    async def deliveries(self) -> list[DeliveryRecord]:
        """All, by target."""
        found = await self.store.listed("default")
        return sorted(found, key=lambda one: (one.created_at_ms, one.target))

    def sent(self) -> dict[str, int]:
        """How many messages each channel got; those without are absent."""
        return {name: len(one.sent) for name, one in self.channels.items() if one.sent}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(f"sqlite:///{tmp_path}/delivery.sqlite3") as database:
        made = Rig(database)
        try:
            yield made
        finally:
            await made.cut_off()
            await made.worker.aclose()
