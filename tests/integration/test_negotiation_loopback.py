"""DTLS roles and failures, negotiating again and channels that open again, with a real client of aiortc."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import structlog
from aiortc import RTCPeerConnection, VideoStreamTrack
from aiortc.rtcdtlstransport import RTCCertificate

from kyc_rtc.errors import BadSdp
from kyc_rtc.settings import IceServer, MediaSettings, Settings
from media.peer_events import CameraStarted, ChannelOpened, Connected, MessageReceived, PeerClosed
from media.sdp import Offer, parse_offer
from tests.support.loopback import Loopback


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    made = Loopback(VideoStreamTrack())
    yield made
    await made.aclose()


def parsed(sdp: str, *, as_dtls_server: bool = False) -> Offer:
    return parse_offer(sdp, 65_536, as_dtls_server=as_dtls_server)


@pytest.mark.parametrize("role", ["active", "passive"])
async def test_a_client_of_either_dtls_role_connects(loopback: Loopback, role: str) -> None:
    offer = parsed(await loopback.publisher.offer(), as_dtls_server=role == "active")
    answer = await loopback.peer.answer(offer)
    ours = {"active": "passive", "passive": "active"}[role]
    assert set(re.findall(r"a=setup:(\w+)", answer)) == {ours}
    await loopback.publisher.accept(answer)
    await loopback.until(lambda: loopback.of_type(CameraStarted))


def another_fingerprint(sdp: str) -> str:
    """The offer with another certificate's."""
    value = RTCCertificate.generateCertificate().getFingerprints()[0].value
    return re.sub(r"a=fingerprint:sha-256 \S+", f"a=fingerprint:sha-256 {value}", sdp)


async def test_a_certificate_that_was_not_offered_is_logged_and_counted(
    loopback: Loopback,
) -> None:
    with structlog.testing.capture_logs() as logs:
        await loopback.connect(another_fingerprint)
        await loopback.until(lambda: loopback.of_type(PeerClosed))
    failed = [entry for entry in logs if entry["event"] == "dtls_failed"]
    assert [entry["failure"] for entry in failed] == ["fingerprint"]
    counted = loopback.metrics.exposition().decode()
    assert 'kyc_dtls_failures_total{failure="fingerprint"} 1.0' in counted
    assert not loopback.of_type(Connected)


async def test_a_handshake_that_fails_says_why_in_openssls_words(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = RTCCertificate._create_ssl_context

    def without_a_suite_in_common(self: RTCCertificate, srtp_profiles: list[object]) -> object:
        context = create(self, srtp_profiles)  # type: ignore[arg-type]
        context.set_cipher_list(b"ECDHE-ECDSA-AES256-GCM-SHA384")
        return context

    monkeypatch.setattr(RTCCertificate, "_create_ssl_context", without_a_suite_in_common)
    with structlog.testing.capture_logs() as logs:
        offer = parsed(await loopback.publisher.offer(), as_dtls_server=True)
        await loopback.publisher.accept(await loopback.peer.answer(offer))
        await loopback.until(lambda: loopback.of_type(PeerClosed))
    failed = [entry for entry in logs if entry["event"] == "dtls_failed"]
    assert [entry["failure"] for entry in failed] == ["handshake"]
    assert failed[0]["why"].startswith("in ") or "cipher" in failed[0]["why"]


async def test_a_connection_that_is_up_negotiates_again(loopback: Loopback) -> None:
    await loopback.connect()
    await loopback.until(lambda: loopback.of_type(CameraStarted))
    again = await loopback.publisher.offer()
    assert loopback.peer.is_continued_by(parsed(again))
    answer = await loopback.peer.answer(parsed(again))
    await loopback.publisher.accept(answer)
    before = len(loopback.frames)
    await loopback.until(lambda: len(loopback.frames) > before + 5)
    assert not loopback.of_type(PeerClosed)


async def test_each_of_two_offers_at_once_gets_its_own_answer(loopback: Loopback) -> None:
    await loopback.connect()
    await loopback.until(lambda: loopback.of_type(CameraStarted))
    again = await loopback.publisher.offer()
    plain = re.sub(r"a=rtcp-fb:\d+ goog-remb\r\n", "", again)
    answers = await asyncio.gather(*(loopback.peer.answer(parsed(o)) for o in (again, plain)))
    assert ["goog-remb" in answer for answer in answers] == [True, False]


async def test_another_connection_or_more_sections_are_not_that(loopback: Loopback) -> None:
    first = await loopback.publisher.offer()
    assert not loopback.peer.is_continued_by(parsed(first)), "it has no connection yet"
    await loopback.publisher.accept(await loopback.peer.answer(parsed(first)))
    await loopback.until(lambda: loopback.of_type(CameraStarted))
    other = RTCPeerConnection()
    other.addTrack(VideoStreamTrack())
    assert not loopback.peer.is_continued_by(parsed((await other.createOffer()).sdp))
    await other.close()
    connection = loopback.publisher._connection
    connection.addTransceiver("audio")
    more = parsed(await loopback.publisher.offer())
    assert loopback.peer.is_continued_by(more)
    with pytest.raises(BadSdp, match="adds or removes a media section") as refused:
        await loopback.peer.answer(more)
    assert "new connection" in refused.value.hint


async def test_a_channel_that_opens_again_takes_the_place_of_the_former(loopback: Loopback) -> None:
    await loopback.connect()
    await loopback.until(lambda: len(loopback.of_type(ChannelOpened)) == 2)
    heard: list[str] = []
    loopback.publisher.reliable.close()
    again = loopback.publisher._connection.createDataChannel("kyc")
    again.on("message", heard.append)
    await loopback.until(lambda: len(loopback.of_type(ChannelOpened)) == 3)
    assert loopback.peer.send("kyc", "to the new one")
    await loopback.until(lambda: heard == ["to the new one"])
    again.send("from the new one")
    await loopback.until(
        lambda: MessageReceived("kyc", "from the new one") in loopback.of_type(MessageReceived)
    )


@pytest.mark.parametrize(
    "url", ["stun:192.0.2.1:3478", "turn:192.0.2.1:3478?transport=udp"], ids=["stun", "turn"]
)
async def test_the_answer_does_not_wait_for_a_server_that_is_out_of_reach(url: str) -> None:
    """192.0.2.0/24 is for documentation (RFC 5737): nobody answers."""
    server = IceServer(urls=(url,), username="u", credential="c")
    made = Loopback(VideoStreamTrack(), Settings(media=MediaSettings(ice_servers=(server,))))
    loop = asyncio.get_running_loop()
    try:
        sdp = await made.publisher.offer()
        before_s = loop.time()
        assert "a=candidate" in await made.peer.answer(parsed(sdp))
        assert loop.time() - before_s < 3.0
    finally:
        await made.aclose()
