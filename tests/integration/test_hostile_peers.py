"""Real peers under floods of SCTP and RTP: the event loop stays free, little is kept, and they close."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from structlog.testing import capture_logs

from media.peer_events import MessageReceived, PeerClosed
from media.peer_setup import video_receivers
from media.publisher import EncodedTrack, encode_vp8
from media.rtp_bounds import MAX_SOURCES, BoundedNacks
from media.sctp_bounds import MAX_HELD, MAX_MISORDERED, MAX_STREAMS, BoundedAssociation
from tests.support.floods import FLOODS
from tests.support.loopback import Loopback

FPS = 15
LENGTH_S = 3.0
FREE_S = 1.0
"""Longer the event loop may not be busy with anything. Without the bounds: 2.5 s and more."""

OF_SCTP = [name for name in FLOODS if name.startswith("SCTP")]
OF_RTP = [name for name in FLOODS if name.startswith("RTP")]


@pytest.fixture
async def call() -> AsyncIterator[Loopback]:
    """A peer that gets pictures and has its channels."""
    pictures = [np.full((48, 64, 3), 20 * shade, np.uint8) for shade in range(10)]
    made = Loopback(EncodedTrack(encode_vp8(pictures, (64, 48), FPS), FPS))
    await made.connect()
    await made.until(lambda: made.publisher.is_open and made.frames)
    yield made
    await made.aclose()


class Ticker:
    """The longest time that the event loop was busy."""

    def __init__(self) -> None:
        self.worst_s = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while True:
            await asyncio.sleep(0.01)  # what is measured
            self.worst_s = max(self.worst_s, loop.time() - last_s)
            last_s = loop.time()


async def poured(call: Loopback, name: str) -> float:
    """Send the flood; the longest time that the event loop was busy."""
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    await FLOODS[name].pour(call.publisher._connection, LENGTH_S)
    ticking.cancel()
    return ticker.worst_s


@pytest.mark.parametrize("name", OF_SCTP)
async def test_a_peer_that_floods_its_channels_is_closed(call: Loopback, name: str) -> None:
    association = call.peer._connection.sctp
    assert association is not None
    with capture_logs() as logs:
        busy_s = await poured(call, name)
        await call.until(lambda: call.of_type(PeerClosed))
    assert busy_s < FREE_S
    assert [line["event"] for line in logs].count("peer_flooded") == 1
    assert "peer_close_timeout" not in [line["event"] for line in logs]
    streams = association._inbound_streams
    assert len(association._sack_misordered) <= MAX_MISORDERED
    assert len(streams) <= MAX_STREAMS
    assert sum(len(stream.reassembly) for stream in streams.values()) <= MAX_HELD


@pytest.mark.parametrize("name", OF_RTP)
async def test_a_peer_that_floods_its_camera_closes(call: Loopback, name: str) -> None:
    receiver = video_receivers(call.peer._connection)[0]
    busy_s = await poured(call, name)
    await asyncio.sleep(1.6)  # aiortc's longest pause between receiver reports
    assert busy_s < FREE_S
    assert 1 <= len(statistics_of(receiver)) <= MAX_SOURCES
    assert isinstance(getattr(receiver, "_RTCRtpReceiver__nack_generator", None), BoundedNacks)
    with capture_logs() as logs:
        await call.peer.aclose()
    assert "peer_close_timeout" not in [line["event"] for line in logs]
    assert receiver.transport.transport.state == "closed"


async def test_an_honest_call_over_a_bad_link_loses_nothing(
    call: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    call.publisher.reliable.on("message", heard.append)
    call.publisher.reliable.remove_listener("message", call.publisher._receive)
    for connection in (call.peer._connection, call.publisher._connection):
        lose_every_seventh(connection, monkeypatch)
    texts = [f"{number}" * 40 * (number % 40) for number in range(1, 61)]
    for text in texts:
        call.publisher.reliable.send(text)
        assert call.peer.send("kyc", text)
    await call.until(lambda: len(heard) == len(call.of_type(MessageReceived)) == 60, 30.0)
    assert heard == [event.data for event in call.of_type(MessageReceived)] == texts
    assert bounds_of(call).refused == {}


def lose_every_seventh(connection: RTCPeerConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packet of SCTP that it sends."""
    assert connection.sctp is not None
    transport, numbers = connection.sctp.transport, itertools.count(1)
    original = transport._send_data

    async def send(data: bytes) -> None:
        if next(numbers) % 7:
            await original(data)

    monkeypatch.setattr(transport, "_send_data", send)


def bounds_of(call: Loopback) -> BoundedAssociation:
    assert call.peer._connection.sctp is not None
    bounds = getattr(call.peer._connection.sctp._handle_data, "__self__", None)
    assert isinstance(bounds, BoundedAssociation)
    return bounds


async def test_datagrams_of_others_do_not_end_a_call(call: Loopback) -> None:
    for datagram in (b"", b"\x80" * 2_000, b"\x14" * 9_000):
        send_datagram(call.publisher._connection, datagram)
    seen = len(call.frames)
    await call.until(lambda: len(call.frames) > seen + FPS)
    assert not call.of_type(PeerClosed)


def statistics_of(receiver: RTCRtpReceiver) -> dict[int, object]:
    found: dict[int, object] = getattr(receiver, "_RTCRtpReceiver__remote_streams", {})
    return found


def send_datagram(connection: RTCPeerConnection, datagram: bytes) -> None:
    """Past ICE and DTLS, as whoever knows the port may."""
    ice = connection.getSenders()[0].transport.transport._connection
    pair = ice._nominated[1]
    pair.protocol.transport.sendto(datagram, pair.remote_addr)
