"""Peers on their way: no place before DTLS is up, a cap in all and per address, one clear reason."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest
import structlog.testing

from kyc_rtc.errors import AtCapacity, CandidatesRefused, NotFound, VideoTooLarge
from kyc_rtc.ids import PeerId
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.pending import MAX_REMEMBERED, PendingPeers, client_key
from kyc_rtc.settings import LimitSettings, MediaSettings, Settings
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage

UNREACHABLE = CandidatesRefused("nothing may be tried", hint="media.allow_private_candidates")


def limited(places: int, per_address: int = 100) -> Settings:
    limits = LimitSettings(max_live_sessions=places, max_pending_per_address=per_address)
    return Settings(limits=limits)


async def offered(stage: Stage, count: int, address: str = "") -> list[str]:
    """So many sessions, each with a peer on its way from this address."""
    opened = [(await stage.service.open("customer")).session_id for _ in range(count)]
    for session_id in opened:
        await offer(stage, session_id, address)
    return opened


async def offer(stage: Stage, session_id: str, address: str = "", instance: str = "") -> None:
    client = ClientView(address=address, instance=instance)
    await stage.service.offer(session_id, browser_like_offer(), client)


async def places(stage: Stage) -> int:
    return (await stage.service.health()).live_sessions


async def test_a_peer_has_a_place_once_its_dtls_is_up(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=2))
    await offered(stage, 1)
    assert await places(stage) == 0
    stage.peer.connect()
    await settle()
    assert await places(stage) == 1
    await stage.peer.aclose()
    await settle()
    assert await places(stage) == 1, "its client may come back"


async def test_a_crowd_is_limited_and_so_are_its_places(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=3))
    waiting = [(await stage.service.open(f"c{n}")).session_id for n in range(8)]
    answers = await asyncio.gather(
        *(offer(stage, session_id) for session_id in waiting), return_exceptions=True
    )
    assert sum(isinstance(answer, AtCapacity) for answer in answers) == 2
    for peer in stage.peers:
        peer.connect()
    await settle()
    assert await places(stage) == 3
    assert [peer.closed for peer in stage.peers] == [False] * 3 + [True] * 3
    with pytest.raises(AtCapacity) as refused:
        await offer(stage, waiting[-1])
    assert refused.value.retry_after_s == 15


async def test_a_peer_that_is_gone_is_not_on_its_way(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=1))
    await offered(stage, 2)
    with pytest.raises(AtCapacity, match="on their way"):
        await offered(stage, 1)
    await stage.peer.aclose()
    await settle()
    await offered(stage, 1)


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("203.0.113.1", "203.0.113.1", "203.0.113.2"),
        ("203.0.113.1", "::ffff:203.0.113.1", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
    ],
)
async def test_an_address_has_so_many_on_their_way(
    make_stage: MakeStage, one: str, same: str, other: str
) -> None:
    stage = await make_stage(limited(places=50, per_address=2))
    await offered(stage, 2, one)
    with pytest.raises(AtCapacity, match="from this address"):
        await offered(stage, 1, same)
    await offered(stage, 1, other)
    stage.peers[0].connect()
    await settle()
    await offered(stage, 1, same)


async def test_without_an_address_only_the_sum_counts(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=50, per_address=1))
    await offered(stage, 3, "")
    assert client_key("", ()) == ""


async def test_a_trusted_proxy_that_names_no_client_is_not_a_client(make_stage: MakeStage) -> None:
    settings = limited(places=50, per_address=1)
    settings = settings.model_copy(update={"trusted_proxies": (ip_network("10.0.0.0/8"),)})
    stage = await make_stage(settings)
    await offered(stage, 3, "10.1.2.3")
    await offered(stage, 1, "192.0.2.1")
    with pytest.raises(AtCapacity, match="from this address"):
        await offered(stage, 1, "192.0.2.1")


async def test_who_connects_to_a_full_server_spends_no_attempt(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=1))
    first, second = await offered(stage, 2)
    for peer in tuple(stage.peers):
        peer.connect()
        await settle()
    assert [peer.closed for peer in stage.peers] == [False, True]
    await stage.clock.advance(MediaSettings().reconnect_grace_ms + 1_000)
    assert await stage.state(second) == "interrupted"
    assert (await stage.service.attempt(second)).can_retry
    assert await stage.state(first) != "interrupted"


async def test_only_the_device_that_could_not_be_reached_hears_why(stage: Stage) -> None:
    (session_id,) = await offered(stage, 1)
    stage.peer.refuse(UNREACHABLE)
    await stage.peer.aclose()
    await settle()
    await offer(stage, session_id, instance="another")
    await stage.peer.aclose()
    await settle()
    with pytest.raises(CandidatesRefused):
        await offer(stage, session_id)


async def test_a_reconnect_needs_no_further_place(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=1))
    session_id = await stage.join()
    with pytest.raises(AtCapacity):
        await offered(stage, 1)
    await stage.connect(session_id)
    assert not stage.peer.closed
    assert await places(stage) == 1


async def test_who_could_not_be_reached_learns_once_why(stage: Stage) -> None:
    (session_id,) = await offered(stage, 1)
    stage.peer.refuse(UNREACHABLE)
    await stage.peer.aclose()
    await settle()
    with pytest.raises(CandidatesRefused) as caught:
        await offer(stage, session_id)
    assert "media.allow_private_candidates" in caught.value.hint
    await offer(stage, session_id)
    stage.peer.connect()
    stage.peer.refuse(UNREACHABLE)
    await settle()
    await offer(
        stage, session_id
    )  # who was connected before has a link that is bad, no wrong address


async def test_trickling_to_a_peer_that_could_not_be_reached_says_why(stage: Stage) -> None:
    (session_id,) = await offered(stage, 1)
    peer = stage.peer
    peer.refuse(UNREACHABLE)
    await peer.aclose()
    await settle()
    with pytest.raises(CandidatesRefused):
        await stage.service.trickle(session_id, peer.peer_id, "a=ice-ufrag:abcd\n")


async def test_trickling_to_a_peer_that_is_gone_is_not_a_conflict(stage: Stage) -> None:
    (session_id,) = await offered(stage, 1)
    with pytest.raises(NotFound, match="this peer is gone"):
        await stage.service.trickle(session_id, "another", "a=ice-ufrag:abcd\n")


async def test_a_refusal_follows_the_greeting(stage: Stage) -> None:
    (session_id,) = await offered(stage, 1)
    stage.peer.connect()
    stage.peer.refuse(VideoTooLarge("the video has 8192x8192 pixels"))
    await settle()
    assert stage.peer.types_sent() == ["hello", "error"]
    error = stage.peer.last_sent("error")
    assert (error["code"], error["hint"]) == ("video_too_large", "hint.video_too_large")
    assert await stage.state(session_id) == "connecting"


async def test_who_finds_no_place_is_logged(make_stage: MakeStage) -> None:
    stage = await make_stage(limited(places=1))
    await offered(stage, 2)
    with structlog.testing.capture_logs() as logs:
        for peer in stage.peers:
            peer.connect()
        await settle()
    assert [entry["has_place"] for entry in logs if "has_place" in entry] == [True, False]


async def test_who_is_on_the_way_is_not_silent(stage: Stage) -> None:
    """The peer itself gives up after 10 s; until then nobody has promised it a sound."""
    session_id = (await stage.service.open("customer")).session_id
    await offer(stage, session_id)
    await stage.clock.advance(9_900)
    assert not stage.peer.closed
    stage.peer.connect()
    await stage.clock.advance(7_900)
    assert not stage.peer.closed
    await stage.clock.advance(600)
    assert stage.peer.closed


def test_devices_that_could_not_be_reached_are_bounded() -> None:
    pending = PendingPeers()
    for number in range(3 * MAX_REMEMBERED):
        pending.answered(PeerId(str(number)), "", f"device {number}")
        pending.refused(PeerId(str(number)), UNREACHABLE)
    remembered = 0
    for number in range(3 * MAX_REMEMBERED):
        try:
            pending.explain(f"device {number}")
        except CandidatesRefused:
            remembered += 1
    assert remembered == MAX_REMEMBERED
