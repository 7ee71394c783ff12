"""Somebody sets the wall clock, the database's included, while sessions live: they end as they would have."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.commands import STALE_AFTER_MS
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.sessions.journal import INSTITUTION
from kyc_rtc.sessions.ownership import LEASE_MS, RENEW_EVERY_MS
from kyc_rtc.settings import LimitSettings, MediaSettings, Settings
from kyc_rtc.storage.records import CommandRecord
from tests.support.clock import ManualClock, settle
from tests.unit.sessions.conftest import MakeStage, Stage
from tests.unit.sessions.test_service import CLIENT, picture
from tests.unit.sessions.test_uploads import upload_all

COMPLETE = Command(CommandType.COMPLETE)
HOUR_MS = 3_600_000
JUMPS = [2 * HOUR_MS, 25 * HOUR_MS, -2 * HOUR_MS]

pytestmark = pytest.mark.parametrize("jump_ms", JUMPS)


async def test_the_wall_clock_jumps_and_no_time_passes(jump_ms: int) -> None:
    clock = ManualClock()
    wall_ms, monotonic_ms = clock.now_ms(), clock.monotonic_ms()
    clock.jump(jump_ms)
    assert (clock.now_ms() - wall_ms, clock.monotonic_ms()) == (jump_ms, monotonic_ms)
    await clock.advance(1_000)
    assert (clock.now_ms() - wall_ms, clock.monotonic_ms()) == (jump_ms + 1_000, 1_000)


@pytest.mark.parametrize("before", ["hello", "quality", "challenge", "challenge_result"])
async def test_who_does_what_is_asked_passes(stage: Stage, jump_ms: int, before: str) -> None:
    session_id = await stage.join()
    await stage.show(2)
    await stage.perform(lambda: stage.has_sent(before))
    stage.clock.jump(jump_ms)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"


async def test_a_challenge_runs_out_when_it_would_have(stage: Stage, jump_ms: int) -> None:
    limit_ms = Settings().liveness.time_limit_ms
    await stage.join()
    stage.seat()
    while not stage.has_sent("challenge"):
        await stage.show(1)
    asked_ms = stage.clock.monotonic_ms()
    stage.clock.jump(jump_ms)
    while not stage.has_sent("challenge_result"):
        await stage.show(1)
        assert stage.clock.monotonic_ms() - asked_ms < limit_ms + 1_000
    assert stage.clock.monotonic_ms() - asked_ms > limit_ms - 1_000
    assert not stage.peer.last_sent("challenge_result")["passed"]


async def test_who_lost_the_link_has_the_time_to_come_back(stage: Stage, jump_ms: int) -> None:
    session_id = await stage.join()
    await stage.show(2)
    await stage.peer.aclose()
    await settle()
    stage.clock.jump(jump_ms)
    grace_ms = MediaSettings().reconnect_grace_ms
    await stage.clock.advance(grace_ms - 1_000)
    assert stage.row(session_id).state == "checking_quality"
    await stage.clock.advance(2_000)
    assert (stage.row(session_id).state, stage.row(session_id).reasons[0]) == (
        "inconclusive",
        "link_lost",
    )


async def test_who_comes_back_goes_on(stage: Stage, jump_ms: int) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    await stage.peer.aclose()
    stage.clock.jump(jump_ms)
    await stage.clock.advance(RENEW_EVERY_MS)
    await stage.connect(session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"


async def test_the_time_limit_is_what_it_was(make_stage: MakeStage, jump_ms: int) -> None:
    limits = LimitSettings(session_time_limit_ms=30_000)
    stage = await make_stage(Settings(limits=limits))
    session_id = await stage.join()
    await stage.show(100, every_ms=100)
    stage.clock.jump(jump_ms)
    await stage.show(190, every_ms=100)
    assert stage.row(session_id).state == "checking_quality"
    await stage.show(20, every_ms=100)
    assert "time_limit" in stage.row(session_id).reasons


async def test_uploaded_pictures_go_on(stage: Stage, jump_ms: int) -> None:
    session_id = (await stage.service.open("customer")).session_id
    stage.seat()
    for _ in range(3):
        await upload_some(stage, session_id)
        stage.clock.jump(jump_ms)
    assert (await upload_all(stage, session_id)).session.status == "PASSED"


async def upload_some(stage: Stage, session_id: str) -> None:
    for _ in range(10):
        stage.clock.tick(40)
        await stage.service.upload(session_id, picture(), CLIENT)
        await stage.clock.advance(0)


@pytest.mark.parametrize("after_ms", [0, 1, 500, 1_000, 1_999])
async def test_no_process_ends_the_sessions_of_another(
    make_stage: MakeStage, jump_ms: int, after_ms: int
) -> None:
    """Both leases seem to have run out, and one process renews before the other, sweeps in between."""
    one = await make_stage(Settings())
    await one.clock.advance(700)
    other = await make_stage(Settings(), sharing=one)
    sessions = await one.join(), await other.join()
    for stage in (one, other):
        await stage.show(1)
    await one.clock.advance(2 * LEASE_MS)
    for stage in (one, other):
        stage.peer.say("stats")
    await one.clock.advance(after_ms)
    one.clock.jump(jump_ms)
    for _ in range(60):
        await one.clock.advance(500)
        for stage in (one, other):
            stage.peer.say("stats")
    assert [one.row(session_id).state for session_id in sessions] == ["checking_quality"] * 2
    assert [len(stage.peers) for stage in (one, other)] == [1, 1]


async def test_the_dead_are_still_swept(make_stage: MakeStage, jump_ms: int) -> None:
    one = await make_stage(Settings())
    other = await make_stage(Settings(), sharing=one)
    session_id = await one.join()
    await one.show(1)
    await one.clock.advance(LEASE_MS)
    one.clock.jump(jump_ms)
    with structlog.testing.capture_logs() as logs:
        await one.clock.advance(RENEW_EVERY_MS)
    assert [entry["event"] for entry in logs].count("database_clock_set") == 2
    await one.housekeeping._supervisor.aclose()  # it renews nothing any more
    one.peer.say("stats")
    await other.clock.advance(2 * LEASE_MS)
    assert other.row(session_id).state == "interrupted"


async def test_an_end_is_carried_out_whatever_the_clock_of_who_asked_says(
    make_stage: MakeStage, jump_ms: int
) -> None:
    one = await make_stage(Settings())
    other = await make_stage(Settings(), sharing=one)
    session_id = await one.join()
    await one.show(2)
    asking = asyncio.create_task(other.service.command(session_id, COMPLETE))
    await settle()
    one.clock.jump(jump_ms)  # the command is written, and nobody has read it
    await one.clock.advance(1_000)
    assert (await asking).status == "INCONCLUSIVE"


async def test_an_end_that_waited_too_long_is_refused(make_stage: MakeStage, jump_ms: int) -> None:
    """The owner stood still. Whoever asked was answered meanwhile, and may have died."""
    stage = await make_stage(Settings())
    session_id = await stage.join()
    await stage.show(2)
    await stage.housekeeping._supervisor.aclose()
    asked = CommandRecord("c1", SessionId(session_id), "complete", {}, INSTITUTION, 0)
    await stage.store.commands.add(asked)
    stage.clock.jump(jump_ms)
    stage.clock.tick(STALE_AFTER_MS + 1)
    await stage.service._commands.take()
    await settle()
    error = stage.store.command_rows["c1"].error
    assert error is not None
    assert error["code"] == "conflict"
    assert stage.row(session_id).state == "checking_quality"
    again = CommandRecord("c2", SessionId(session_id), "complete", {}, INSTITUTION, 0)
    await stage.store.commands.add(again)
    await stage.service._commands.take()
    await settle()
    assert stage.row(session_id).state == "inconclusive"
