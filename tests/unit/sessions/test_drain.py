"""A server that is asked to stop: no new sessions, and those that are live may finish."""

from __future__ import annotations

import asyncio

import pytest

from kyc_rtc.errors import AtCapacity
from kyc_rtc.sessions.interface import ClientView, Command, CommandType
from kyc_rtc.sessions.service import DRAIN_LOOK_MS
from kyc_rtc.settings import LimitSettings, Settings
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage
from tests.unit.sessions.test_service import picture

COMPLETE = Command(CommandType.COMPLETE)
CLIENT = ClientView()
DRAIN_MS = 20_000


async def draining(stage: Stage) -> asyncio.Task[None]:
    task = asyncio.create_task(stage.service.drain())
    await settle()
    return task


async def test_nobody_new_comes_in_and_who_learns_when_to_try_again(stage: Stage) -> None:
    waiting = (await stage.service.open("waiting")).session_id
    given_up = (await stage.service.open("given up")).session_id
    await stage.service.command(given_up, COMPLETE)
    live = await stage.join()
    task = await draining(stage)
    for refused in (
        stage.service.open("another"),
        stage.service.retry(given_up),
        stage.service.offer(waiting, browser_like_offer(), CLIENT),
        stage.service.upload(waiting, picture(), CLIENT),
    ):
        with pytest.raises(AtCapacity) as error:
            await refused
        assert error.value.retry_after_s == stage.service._settings.limits.retry_after_s
    assert (await stage.service.health()).problems == ("draining",)
    assert stage.row(waiting).state == "created"
    await stage.connect(live)  # who is live may reconnect
    assert not stage.peer.closed
    task.cancel()


async def test_a_live_session_goes_on_to_its_verdict(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge", index=2))
    task = await draining(stage)
    await stage.perform(lambda: stage.has_sent("verdict"), limit_ms=DRAIN_MS - 1_000)
    assert stage.row(session_id).state == "passed"
    assert not task.done()  # the applicant still reads it
    await stage.peer.aclose()
    await stage.clock.advance(DRAIN_LOOK_MS + 1)
    assert task.done()


async def test_nothing_to_wait_for_is_not_waited_for(stage: Stage) -> None:
    await stage.service.open("waiting")
    task = await draining(stage)
    assert task.done()


@pytest.mark.parametrize("drain_s", [0, 5, 20])
async def test_it_ends_after_a_bound_whoever_is_left(make_stage: MakeStage, drain_s: int) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(drain_s=drain_s)))
    session_id = await stage.join()
    task = await draining(stage)
    for _ in range(2 * drain_s):
        assert not task.done()
        await stage.show(1, every_ms=500)
    await stage.show(1, every_ms=500)
    assert task.done()
    closing = asyncio.create_task(stage.service.aclose())
    await stage.clock.advance(5_000)
    await closing
    assert stage.row(session_id).state == "interrupted"
    assert (await stage.service.status(session_id)).can_retry
