"""Places and owners: what is never joined is given back, what is refused leaves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kyc_rtc.errors import AtCapacity, BadImage, BadSdp, NotFound, StorageUnavailable
from kyc_rtc.sessions.deadlines import UNJOINED_LIMIT_MS
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.settings import LimitSettings, Settings
from tests.support.fake_media import FakePeer
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage
from tests.unit.sessions.test_service import picture

CLIENT = ClientView()
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def peers_refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """No peer can answer an offer, until the returned function is called."""
    answer = FakePeer.answer

    async def refuse(peer: FakePeer, offer: object) -> str:
        raise BadSdp("the offer cannot be answered")

    monkeypatch.setattr(FakePeer, "answer", refuse)
    return lambda: monkeypatch.setattr(FakePeer, "answer", answer)


async def test_a_session_that_nobody_joined_is_given_back(
    make_stage: MakeStage, peers_refuse: Callable[[], None]
) -> None:
    stage = await make_stage(Settings())
    other = await make_stage(Settings(), sharing=stage)
    session_id = (await stage.service.open("customer")).session_id
    with pytest.raises(BadSdp):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    peers_refuse()
    assert stage.peer.closed
    assert stage.row(session_id).owner_id is not None
    await stage.clock.advance(UNJOINED_LIMIT_MS + 1_000)
    assert stage.row(session_id).owner_id is None
    assert stage.row(session_id).state == "created"
    assert [entry.payload["state"] for entry in stage.journal(session_id)] == ["created"]
    await other.connect(session_id)
    assert await stage.state(session_id) == "connecting"
    await other.perform(lambda: other.has_sent("verdict"))
    assert await stage.state(session_id) == "passed"


async def test_a_second_offer_in_time_goes_on_here(
    stage: Stage, peers_refuse: Callable[[], None]
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    with pytest.raises(BadSdp):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    peers_refuse()
    await stage.clock.advance(UNJOINED_LIMIT_MS / 2)
    await stage.connect(session_id)
    await stage.show(30, every_ms=500)
    assert await stage.state(session_id) == "checking_quality"


async def test_what_is_refused_takes_no_place(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(max_live_sessions=1)))
    session_id = (await stage.service.open("customer")).session_id

    async def places() -> int:
        return (await stage.service.health()).live_sessions

    for refused, error in (
        (stage.service.offer(session_id, "v=0\r\n", CLIENT), BadSdp),
        (stage.service.offer(UNKNOWN, browser_like_offer(), CLIENT), NotFound),
        (stage.service.upload(session_id, b"junk", CLIENT), BadImage),
        (stage.service.upload(UNKNOWN, picture(), CLIENT), NotFound),
    ):
        with pytest.raises(error):
            await refused
        assert await places() == 0
    with monkeypatch.context() as away:
        away.setattr(stage.store, "failure", StorageUnavailable("the database is away"))
        with pytest.raises(StorageUnavailable):
            await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    assert await places() == 0
    await stage.connect(session_id)
    assert await places() == 1


async def test_the_place_of_an_offer_that_no_peer_could_answer_is_free_again(
    make_stage: MakeStage, peers_refuse: Callable[[], None]
) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(max_live_sessions=1)))
    first = (await stage.service.open("customer")).session_id
    second = (await stage.service.open("another")).session_id
    with pytest.raises(BadSdp):
        await stage.service.offer(first, browser_like_offer(), CLIENT)
    peers_refuse()
    assert (await stage.service.health()).live_sessions == 0
    await stage.connect(second)
    assert await stage.state(second) == "connecting"
    with pytest.raises(AtCapacity):
        await stage.service.offer(first, browser_like_offer(), CLIENT)


async def test_a_place_is_free_again_after_the_end(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(max_live_sessions=1)))
    second = (await stage.service.open("another")).session_id
    first = await stage.join()
    with pytest.raises(AtCapacity):
        await stage.service.offer(second, browser_like_offer(), CLIENT)
    stage.peer.say("cancel")
    await stage.clock.advance(5_000)
    assert await stage.state(first) == "cancelled"
    await stage.connect(second)
    assert await stage.state(second) == "connecting"
