"""A session under every order of what can happen to it: a Hypothesis state machine.

The service, the actor and the state machine are the real ones; analysis and storage wait until a step
lets them go on, so that cancels, completions, lost peers and commits overtake each other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import structlog
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from kyc_rtc.errors import KycError
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.interface import ClientView, Command, CommandType
from kyc_rtc.sessions.states import FINAL, LIVE, MOVES, SessionState
from kyc_rtc.settings import LimitSettings, LivenessSettings, MediaSettings, Settings
from tests.support.clock import ManualClock, settle
from tests.support.held import HeldPool, HeldSessionStore
from tests.support.memory_store import MemoryStore
from tests.support.offers import browser_like_offer
from tests.unit.liveness.fakes.actor import Actor
from tests.unit.liveness.fakes.faces import Look
from tests.unit.sessions.conftest import Stage, build_stage

APPLICANTS = {
    "resting": Actor(),
    "turned": Actor(Look(yaw_deg=30.0)),
    "smiling": Actor(Look(smile=0.8)),
    "none": None,
}
JOURNALLED = {"state", "challenge", "challenge_voided", "challenge_result", "verdict"}
PLAN = LivenessSettings(neutral_ms=300, time_limit_ms=2_000, challenges=2, attempts=1, voids=1)
SETTINGS = Settings(
    liveness=PLAN,
    media=MediaSettings(reconnect_grace_ms=5_000, silence_limit_ms=4_000),
    limits=LimitSettings(session_time_limit_ms=15_000, storage_hold_ms=6_000),
)
COMMANDS = {
    "complete": Command(CommandType.COMPLETE),
    "cancel": Command(CommandType.CANCEL),
    "order": Command(CommandType.SEND_CHALLENGE, {"challenge_type": "nod"}),
}


class Interleavings(RuleBasedStateMachine):
    """One session from its first offer to its end."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._logs: list[Any] = []
        self.lease_was_lost = False
        structlog.configure(processors=[self._log])
        self._callers: list[asyncio.Task[Any]] = []
        self._run(self._open())

    def _log(self, _logger: Any, _name: str, event: Any) -> Any:
        self._logs.append(event)
        raise structlog.DropEvent

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    async def _open(self) -> None:
        clock = ManualClock()
        store = MemoryStore([s.value for s in FINAL], [s.value for s in LIVE], clock)
        self.held = HeldSessionStore(store)
        store.sessions = self.held
        self.pool = HeldPool()
        self.stage: Stage = build_stage(SETTINGS, store, clock, self.pool)
        await self.stage.housekeeping.start()
        self.session_id = SessionId((await self.stage.service.open("customer")).session_id)
        await self._connect()

    @initialize(
        frames=st.sampled_from([0, 7, 20, 40]),
        hold_at=st.sampled_from(["challenge", "challenge_result", "challenge_voided"]),
    )
    def begin(self, frames: int, hold_at: str) -> None:
        """At some point of a session that went well so far."""
        self.pool.let_go()
        self.held.let_go()
        self.held.hold_at = hold_at
        self._run(self._show("resting", frames, at_once=True))
        self.pool.is_open = self.held.is_open = False

    # Steps

    @rule()
    def connect(self) -> None:
        self._run(self._connect())

    @rule(how=st.sampled_from(["refused", "lost"]))
    def two_offers_and_a_database_that_falters(self, how: str) -> None:
        self.held.next_acquire = how
        self._run(self._offer_twice())

    @rule()
    def offer_without_a_channel(self) -> None:
        """Its data channel opens late, or never."""
        self._run(self._offer())

    @precondition(lambda self: self.stage.peers)
    @rule()
    def the_channel_opens(self) -> None:
        self.stage.peer.connect()
        self._run(settle(8))

    @precondition(lambda self: self.stage.peers)
    @rule()
    def lose_peer(self) -> None:
        self._run(self._then(self.stage.peer.aclose()))

    @precondition(lambda self: self.stage.peers)
    @rule(kind=st.sampled_from(["ready", "cancel", "stats", "junk"]))
    def say(self, kind: str) -> None:
        self.stage.peer.say(kind, last_event=1)
        self._run(settle(8))

    @precondition(lambda self: self.stage.peers)
    @rule(
        face=st.sampled_from(["resting", "resting", "resting", "turned", "smiling", "none"]),
        count=st.integers(1, 12),
        at_once=st.booleans(),
    )
    def show(self, face: str, count: int, *, at_once: bool) -> None:
        """Frames; `at_once`: each is analysed before the next one comes."""
        self._run(self._show(face, count, at_once=at_once))

    @precondition(lambda self: self.stage.peers)
    @rule(
        face=st.sampled_from(["resting", "turned", "none"]),
        what=st.sampled_from(["cancel", "complete", "lose_peer", "give_up"]),
    )
    def end_during_an_analysis(self, face: str, what: str) -> None:
        """A frame is under way, and its session is cancelled, completed, or loses its peer."""
        self._run(self._show(face, 1, at_once=False))
        if what == "lose_peer":
            self.lose_peer()
        elif what == "give_up":
            self.say("cancel")
        else:
            self.command(what)
        self.held.answer("stored")
        self.analyse()
        self.storage_answers("stored")

    @rule()
    def analyse(self) -> None:
        self.pool.release()
        self._run(settle(8))

    @rule(how=st.sampled_from(["stored", "stored", "stored", "lost", "refused"]))
    def storage_answers(self, how: str) -> None:
        self.held.answer(how)
        self._run(settle(8))

    @rule(what=st.sampled_from(sorted(COMMANDS)))
    def command(self, what: str) -> None:
        self._run(self._call(self.stage.service.command(self.session_id, COMMANDS[what])))

    @rule(ms=st.sampled_from([50, 250, 1_000, 1_600, 3_000]))
    def wait(self, ms: int) -> None:
        self._run(self.stage.clock.advance(ms))

    @rule()
    def lose_lease(self) -> None:
        """Another process found the lease run out."""
        self.lease_was_lost = True
        rows = self.stage.store.process_rows
        for process_id, row in list(rows.items()):
            rows[process_id] = replace(row, epoch=row.epoch + 1)

    async def _offer(self) -> None:
        await self._call(
            self.stage.service.offer(self.session_id, browser_like_offer(), ClientView())
        )

    async def _offer_twice(self) -> None:
        offer = browser_like_offer()
        for _ in range(2):
            work = self.stage.service.offer(self.session_id, offer, ClientView())
            self._callers.append(asyncio.ensure_future(work))
            self._callers[-1].add_done_callback(_retrieve)
        await settle(8)

    async def _connect(self) -> None:
        await self._offer()
        if self.stage.peers and not self.stage.peer.closed:
            self.stage.peer.connect()
            self.stage.peer.say("ready")
        await settle(8)

    async def _show(self, face: str, count: int, *, at_once: bool) -> None:
        self.stage.analysis.applicant = APPLICANTS[face]
        for _ in range(count):
            await self.stage.clock.advance(100)
            self.stage.peer.show(int(self.stage.clock.monotonic_ms()))
            await settle(4)
            if at_once:
                self.pool.release()
                await settle(4)

    async def _call(self, work: Coroutine[Any, Any, Any]) -> None:
        """Call the service as a request does, without waiting for the answer."""
        caller = asyncio.ensure_future(work)
        caller.add_done_callback(_retrieve)
        self._callers.append(caller)
        await settle(8)

    async def _then(self, work: Coroutine[Any, Any, Any]) -> None:
        await work
        await settle(8)

    # What always holds

    @invariant()
    def nothing_is_published_that_is_not_stored(self) -> None:
        stored = {e.seq: e for e in self.stage.store.event_rows[self.session_id]}
        for peer in self.stage.peers:
            for message in peer.sent:
                if message["type"] in JOURNALLED:
                    entry = stored[message["event"]]
                    assert entry.type == message["type"]
                    for key in ("state", "challenge_id", "status", "passed"):
                        assert entry.payload.get(key) == message.get(key)

    @invariant()
    def the_journal_agrees_with_the_record(self) -> None:
        record = self.stage.store.session_rows[self.session_id]
        entries = self.stage.store.event_rows[self.session_id]
        assert [e.seq for e in entries] == list(range(1, record.last_seq + 1))
        states = [e.payload for e in entries if e.type == "state"]
        for payload in states:
            if payload["previous"] is not None:
                moves = MOVES[SessionState(str(payload["previous"]))]
                assert payload["state"] in moves
        assert record.state == states[-1]["state"]
        if record.state in FINAL:
            kinds = [e.type for e in entries]
            last = len(kinds) - 1 - kinds[::-1].index("state")
            assert set(kinds[last + 1 :]) <= {"verdict", "alert"}

    @invariant()
    def verdict_alerts_and_entries_stand_together(self) -> None:
        record = self.stage.store.session_rows[self.session_id]
        kinds = Counter(e.type for e in self.stage.store.event_rows[self.session_id])
        alerts = [
            a for a in self.stage.store.alert_rows.values() if a.session_id == self.session_id
        ]
        assert kinds["verdict"] == (record.verdict_status is not None)
        assert kinds["alert"] == len(alerts)
        if record.verdict_status in ("FAILED", "INCONCLUSIVE"):
            assert alerts

    @invariant()
    def one_analysis_at_a_time(self) -> None:
        assert self.pool.waiting <= 1

    @invariant()
    def every_actor_is_the_registrys(self) -> None:
        registry = self.stage.service._registry
        running = [t for t in asyncio.all_tasks(self._runner.get_loop()) if _runs_a_session(t)]
        assert len(running) == len(registry._tasks) <= 1

    @invariant()
    def who_fails_a_challenge_was_asked(self) -> None:
        """Whoever answers a data channel has had the prompt, where a try is held against him."""
        asked = {
            message["challenge_id"]
            for peer in self.stage.peers
            for message in peer.sent
            if message["type"] == "challenge"
        }
        for entry in self.stage.store.event_rows[self.session_id]:
            if entry.type == "challenge_result" and not entry.payload["passed"]:
                assert entry.payload["challenge_id"] in asked

    @invariant()
    def challenges_are_asked_once_and_answered_after(self) -> None:
        sent: dict[str, list[str]] = {}
        for peer in self.stage.peers:
            for message in peer.sent:
                if "challenge_id" in message and message["type"] in JOURNALLED:
                    sent.setdefault(message["challenge_id"], []).append(message["type"])
        withdrawn = {
            e.payload["challenge_id"]
            for e in self.stage.store.event_rows[self.session_id]
            if e.type == "challenge_voided" and not e.payload["shown"]
        }
        assert not withdrawn & sent.keys()
        for kinds in sent.values():
            assert kinds.count("challenge") <= 1
            if "challenge_result" in kinds and "challenge" in kinds:
                assert kinds.index("challenge") < kinds.index("challenge_result")
            if "challenge_voided" in kinds:
                assert "challenge" not in kinds[kinds.index("challenge_voided") :]

    @invariant()
    def nobody_waits_for_a_session_that_ended(self) -> None:
        if not self.stage.service._registry.is_empty:
            return
        self._run(settle())
        rows = self.stage.store.command_rows.values()
        if all(row.done_at_ms is not None for row in rows):  # none is left for another owner
            assert all(caller.done() for caller in self._callers)

    @invariant()
    def nothing_breaks(self) -> None:
        broken = {"session_broke", "root_task_failed", "command_failed", "analysis_failed"}
        if not self.lease_was_lost:
            broken.add("session_lost")
        assert [entry for entry in self._logs if entry.get("event") in broken] == []

    def check(self) -> None:
        """All that always holds, after the last step too."""
        self.nothing_is_published_that_is_not_stored()
        self.the_journal_agrees_with_the_record()
        self.verdict_alerts_and_entries_stand_together()
        self.challenges_are_asked_once_and_answered_after()
        self.nothing_breaks()

    def teardown(self) -> None:
        try:
            self._run(self._close())
        finally:
            self._runner.close()
            structlog.reset_defaults()

    async def _close(self) -> None:
        """With everything working again the session comes to an end, and everybody is answered."""
        self.held.let_go()
        self.pool.let_go()
        await self.stage.clock.advance(32_000)
        left = self.stage.store.session_rows[self.session_id]
        assert left.state in FINAL or (left.state, left.owner_id) == ("created", None)
        closing = asyncio.ensure_future(self.stage.service.aclose())
        await self.stage.clock.advance(10_000)
        await closing
        await self.stage.housekeeping.aclose()
        answers = await asyncio.gather(*self._callers, return_exceptions=True)
        for answer in answers:
            assert isinstance(answer, KycError) or not isinstance(answer, BaseException), answer
        assert all(peer.closed for peer in self.stage.peers)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        self.check()


def _retrieve(caller: asyncio.Task[Any]) -> None:
    if not caller.cancelled():
        caller.exception()


def _runs_a_session(task: asyncio.Task[Any]) -> bool:
    return "SessionRegistry._run" in repr(task.get_coro())
