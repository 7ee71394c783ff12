"""Two processes on one database: who owns a session, and what the other one may do."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from kyc_rtc.errors import Conflict, Misdirected, OwnershipLost, StorageUnavailable
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.interface import ClientView, Command, CommandType, SessionView
from kyc_rtc.sessions.ownership import LEASE_MS
from kyc_rtc.settings import Settings
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage
from tests.unit.sessions.test_service import picture

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
NOD = Command(CommandType.SEND_CHALLENGE, {"challenge_type": "nod"})
CLIENT = ClientView()


@pytest.fixture
async def other(make_stage: MakeStage, stage: Stage) -> Stage:
    """A second process on the store of `stage`."""
    return await make_stage(Settings(), sharing=stage)


class Standstill:
    """A process that stands still: it renews nothing and sweeps nothing until it goes on."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stood = monkeypatch
        self.stands = True
        ownership = stage.housekeeping._ownership
        processes = ownership._processes
        monkeypatch.setattr(ownership, "_processes", self)
        monkeypatch.setattr(stage.housekeeping, "_processes", self)
        self._processes = processes

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if self.stands:
            raise StorageUnavailable("this process stands still")
        method: Callable[..., Any] = getattr(self._processes, name)
        return method


async def within_a_second(
    stage: Stage, other: Stage, session_id: str, what: Command
) -> SessionView:
    """Have the other process carry out a command on a session of `stage`."""
    asking = asyncio.create_task(other.service.command(session_id, what))
    await stage.clock.advance(1_000)
    assert asking.done()
    return await asking


async def well(stage: Stage, duration_ms: int) -> None:
    """Time passes, the peer is well, and nothing happens that has to be stored."""
    for _ in range(duration_ms // 500):
        await stage.clock.advance(500)
        stage.peer.say("stats")


# Reads and commands


async def test_either_process_reads_what_the_owner_has_stored(stage: Stage, other: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    live = await stage.service.status(session_id)  # what was measured is stored now and then
    stored = await other.service.status(session_id)
    assert stored.frames_processed <= live.frames_processed == 2
    assert stored == dataclasses.replace(live, frames_processed=stored.frames_processed)
    assert await other.service.attempt(session_id) == await stage.service.attempt(session_id)
    entries = await other.service.journal(session_id, 0)
    assert entries[-1].payload["state"] == "checking_quality"
    await stage.service.command(session_id, COMPLETE)
    assert (await other.service.status(session_id)).status == "INCONCLUSIVE"
    assert len(await other.service.session_alerts(session_id)) == len(stage.alerts(session_id)) > 0


@pytest.mark.parametrize(("command", "state"), [(COMPLETE, "inconclusive"), (CANCEL, "cancelled")])
async def test_the_owner_takes_a_command_of_the_other_within_a_second(
    stage: Stage, other: Stage, command: Command, state: str
) -> None:
    session_id = await stage.join()
    await stage.show(2)
    view = await within_a_second(stage, other, session_id, command)
    assert view.state == state
    assert stage.has_sent("state", state=state)
    (row,) = stage.store.command_rows.values()
    assert (row.error, row.actor) == (None, "institution")
    assert row.done_at_ms is not None


async def test_an_order_of_the_other_process_is_asked_for(stage: Stage, other: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    await within_a_second(stage, other, session_id, NOD)
    await stage.connect(session_id)
    assert stage.peer.last_sent("hello")["challenges_total"] == 4


async def test_what_the_owner_answers_reaches_who_asked(stage: Stage, other: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    for _ in range(13):
        await stage.service.command(session_id, NOD)
    with pytest.raises(Conflict, match="no further challenge"):
        await within_a_second(stage, other, session_id, NOD)


async def test_an_order_before_anybody_joined_waits_for_the_owner_to_be(
    stage: Stage, other: Stage
) -> None:
    session_id = (await other.service.open("customer")).session_id
    await other.service.command(session_id, NOD)
    assert stage.row(session_id).owner_id is None
    await stage.connect(session_id)
    assert stage.peer.last_sent("hello")["challenges_total"] == 4


async def test_an_owner_that_does_not_answer_is_reported_as_such(
    stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stage.join()

    async def stuck(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(stage.store.commands, "pending", stuck)
    asking = asyncio.create_task(other.service.command(session_id, COMPLETE))
    await stage.clock.advance(9_500)
    assert not asking.done()
    await stage.clock.advance(1_000)
    with pytest.raises(StorageUnavailable, match="does not answer"):
        await asking


async def test_media_and_pictures_belong_to_the_owner(stage: Stage, other: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    with pytest.raises(Misdirected):
        await other.service.offer(session_id, browser_like_offer(), CLIENT)
    with pytest.raises(Misdirected):
        await other.service.upload(session_id, picture(), CLIENT)
    assert (await other.service.health()).live_sessions == 0
    assert other.peers == []
    assert not stage.peer.closed
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"


async def test_before_anybody_joined_either_process_may_have_it(stage: Stage, other: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    assert stage.row(session_id).owner_id is None
    await other.connect(session_id)
    assert stage.row(session_id).owner_id == other.housekeeping._ownership.process_id
    with pytest.raises(Misdirected):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)


async def test_two_that_join_at_once_do_not_both_have_it(stage: Stage, other: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    answers = await asyncio.gather(
        *(one.service.offer(session_id, browser_like_offer(), CLIENT) for one in (stage, other)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Misdirected) for answer in answers) == 1
    assert len(stage.peers) + len(other.peers) == 1


# Leases


async def test_the_sessions_of_a_process_that_died_are_interrupted_within_15_s(
    stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, own = await stage.join(), await other.join()
    await stage.show(1)
    await stage.clock.advance(20_000)  # both leases were renewed often
    assert await other.state(session_id) != "interrupted"
    Standstill(stage, monkeypatch)
    await other.clock.advance(LEASE_MS - 2_100)
    assert await other.state(session_id) == "checking_quality"
    await other.clock.advance(15_000 - LEASE_MS + 2_100)
    view = await other.service.status(session_id)
    assert (view.state, view.can_retry) == ("interrupted", True)
    assert other.journal(session_id)[-1].actor == "system"
    assert await other.state(own) == "connecting"


async def test_who_lost_the_lease_commits_nothing_and_sends_nothing(
    stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stage.join()
    await stage.show(1)
    Standstill(stage, monkeypatch)
    await other.clock.advance(15_000)
    assert await other.state(session_id) == "interrupted"
    entries, sent = list(other.journal(session_id)), list(stage.peer.sent)
    stage.peer.say("cancel")
    await settle()
    assert stage.peer.closed
    assert stage.peer.sent == sent
    assert other.journal(session_id) == entries
    assert (await stage.service.health()).live_sessions == 0


async def test_a_command_to_who_lost_the_lease_is_refused(
    stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stage.join()
    await stage.show(1)
    actor = stage.service._registry.find(SessionId(session_id))
    assert actor is not None
    Standstill(stage, monkeypatch)
    await well(stage, 15_000)
    completing = asyncio.create_task(
        stage.service._commands._apply(actor, CommandType.COMPLETE, {})
    )
    await settle()
    with pytest.raises(OwnershipLost):
        await completing
    assert "verdict" not in stage.peer.types_sent()
    assert other.alerts(session_id) == []


async def test_who_goes_on_after_a_standstill_begins_anew(
    stage: Stage, other: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stage.join()
    await stage.show(1)
    epoch = stage.housekeeping._ownership.epoch
    still = Standstill(stage, monkeypatch)
    await well(stage, 15_000)
    assert await other.state(session_id) == "interrupted"
    assert [peer.closed for peer in stage.peers] == [False]
    still.stands = False
    await well(stage, 2_000)
    assert stage.peer.closed
    assert stage.housekeeping._ownership.epoch > epoch
    again = await stage.service.retry(session_id)
    await stage.connect(again.session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert await other.state(session_id) == "passed"


async def test_after_an_outage_nobody_sweeps_for_one_lease(stage: Stage, other: Stage) -> None:
    sessions = await stage.join(), await other.join()
    for one in (stage, other):
        await one.show(1)
    orphan = (await stage.service.open("another")).session_id
    row = dataclasses.replace(
        stage.row(orphan), state="challenging", owner_id="gone", owner_epoch=1
    )
    stage.store.failure = StorageUnavailable("the database is away")
    stage.store.put(row)
    await stage.clock.advance(30_000)
    stage.store.failure = None
    await stage.clock.advance(LEASE_MS - 100)
    assert stage.row(orphan).state == "challenging"
    await stage.clock.advance(15_000 - LEASE_MS)
    assert stage.row(orphan).state == "interrupted"
    assert [stage.row(one).state for one in sessions] == ["checking_quality"] * 2


async def test_a_process_that_stops_leaves_its_lease_and_frees_what_waits(
    stage: Stage, other: Stage
) -> None:
    """As after a kill of its sessions: nothing has to wait for the lease to run out."""
    live = await stage.join()
    waiting = (await stage.service.open("another")).session_id
    ownership = stage.housekeeping._ownership
    process_id, epoch = ownership.process_id, ownership.epoch
    owned = dataclasses.replace(stage.row(waiting), owner_id=process_id, owner_epoch=epoch)
    stage.store.put(owned)
    await stage.housekeeping.aclose()
    assert stage.row(live).state == "interrupted"
    assert stage.row(waiting).owner_id is None
    await other.connect(waiting)
    assert await other.state(waiting) == "connecting"
    with pytest.raises(StorageUnavailable):
        _ = ownership.epoch
    await stage.housekeeping.aclose()  # idempotent


async def test_a_rolling_restart_disturbs_nobody_who_stays(
    stage: Stage, make_stage: MakeStage
) -> None:
    session_id = await stage.join()
    await stage.show(1)
    for _ in range(3):
        neighbour = await make_stage(Settings(), sharing=stage)
        await stage.perform(limit_ms=3_000)
        await neighbour.service.aclose()
        await neighbour.housekeeping.aclose()
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"
