"""WHIP's DELETE: it concludes with what was seen, and before that it only parts."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import PeerId, parse_session_id
from kyc_rtc.sessions.events import Completed
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.settings import MediaSettings
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import Stage
from tests.unit.sessions.test_service import picture

CLIENT = ClientView(user_agent="test", address="192.0.2.7")


async def connect(stage: Stage, session_id: str, frames: int) -> str:
    """Another peer, which shows so many frames; its id."""
    answer = await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    stage.peer.connect()
    stage.peer.say("ready")
    await settle()
    await stage.show(frames)
    return answer.peer_id


async def test_hanging_up_concludes_and_after_the_end_changes_nothing(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    replaced = await connect(stage, session_id, frames=1)
    latest = await connect(stage, session_id, frames=1)
    with pytest.raises(NotFound):
        await stage.service.hang_up(session_id, "another peer")
    await stage.service.hang_up(session_id, replaced)
    assert await stage.state(session_id) == "checking_quality"
    await stage.service.hang_up(session_id, latest)
    ended = await stage.service.status(session_id)
    assert (ended.state, ended.status) == ("inconclusive", "INCONCLUSIVE")
    assert "completed_early" in ended.reasons
    async with asyncio.timeout(1):  # the peer is still there, to read the last message
        await stage.service.hang_up(session_id, latest)
    await stage.clock.advance(10_000)
    await stage.service.hang_up(session_id, latest)  # and now it is not
    assert await stage.service.status(session_id) == ended


async def test_who_closes_the_connection_before_it_hangs_up_is_concluded_as_well(
    stage: Stage,
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    peer_id = await connect(stage, session_id, frames=1)
    await stage.peer.aclose()
    await settle()
    await stage.service.hang_up(session_id, peer_id)
    assert "completed_early" in (await stage.service.status(session_id)).reasons


@pytest.mark.parametrize("lost", [False, True], ids=["still there", "lost"])
async def test_who_hangs_up_before_anything_was_seen_may_connect_again(
    stage: Stage, lost: bool
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    failed = await connect(stage, session_id, frames=0)
    peer = stage.peer
    if lost:
        await peer.aclose()
        await settle()
    await stage.service.hang_up(session_id, failed)
    await settle()
    assert peer.closed
    assert await stage.state(session_id) == "connecting"
    again = await connect(stage, session_id, frames=1)
    await stage.service.hang_up(session_id, failed)  # said again
    assert await stage.state(session_id) == "checking_quality"
    await stage.service.hang_up(session_id, again)
    assert await stage.state(session_id) == "inconclusive"


async def test_who_hangs_up_before_anything_was_seen_and_stays_away_is_inconclusive(
    stage: Stage,
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.hang_up(session_id, await connect(stage, session_id, frames=0))
    await stage.clock.advance(MediaSettings().reconnect_grace_ms + 1_000)
    ended = await stage.service.status(session_id)
    assert (ended.state, ended.status) == ("inconclusive", "INCONCLUSIVE")
    with pytest.raises(Conflict):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)


@pytest.mark.parametrize("uploads", [False, True], ids=["a peer", "pictures"])
async def test_who_hangs_up_too_late_does_not_end_what_followed(
    stage: Stage, uploads: bool
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    former = PeerId(await connect(stage, session_id, frames=1))
    if uploads:
        await stage.peer.aclose()
        await settle()
        await stage.service.upload(session_id, picture(), CLIENT)
    else:
        await connect(stage, session_id, frames=1)
    actor = stage.service._registry.find(parse_session_id(session_id))
    assert actor is not None
    async with asyncio.timeout(1):  # it looked while the other one was on its way
        await actor.ask(partial(Completed, left=former))
    assert await stage.state(session_id) == "checking_quality"
