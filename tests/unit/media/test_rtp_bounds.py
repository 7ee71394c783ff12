"""Few SSRCs of a peer are read, and a jump of sequence numbers costs no more than a step."""

from __future__ import annotations

from struct import pack
from typing import Any, cast

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Error, Session

from media.rtp_bounds import (
    MAX_SOURCES,
    BoundedNacks,
    BoundedSession,
    bound_nacks,
    bound_sources,
)


class FakeSession:
    """Finds a packet authentic that does not end in "forged"."""

    def unprotect(self, packet: bytes) -> bytes:
        if packet.endswith(b"forged"):
            raise Error("authentication")
        return packet

    unprotect_rtcp = unprotect


def rtp(ssrc: int, payload: bytes = b"x") -> bytes:
    return pack("!BBHLL", 0x80, 97, 1, 0, ssrc) + payload


def rtcp(ssrc: int) -> bytes:
    return pack("!BBHL", 0x80, 201, 1, ssrc)


def bounded() -> BoundedSession:
    return BoundedSession(cast("Session", FakeSession()))


def test_the_first_sources_are_read_and_no_others() -> None:
    session = bounded()
    for _ in range(3):
        for ssrc in range(MAX_SOURCES):
            assert session.unprotect(rtp(ssrc)) == rtp(ssrc)
            assert session.unprotect_rtcp(rtcp(ssrc + 100)) == rtcp(ssrc + 100)
        for ssrc in range(MAX_SOURCES, MAX_SOURCES + 3):
            with pytest.raises(Error):
                session.unprotect(rtp(ssrc))
            with pytest.raises(Error):
                session.unprotect_rtcp(rtcp(ssrc))
    assert session.dropped == 18


def test_who_forges_packets_takes_nobodys_place() -> None:
    session = bounded()
    for ssrc in range(100, 200):
        with pytest.raises(Error):
            session.unprotect(rtp(ssrc, b"forged"))
    assert session.unprotect(rtp(1))
    assert session.dropped == 0


async def test_every_transport_of_a_connection_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = RTCPeerConnection()
    connection.addTransceiver("video", direction="recvonly")
    connection.createDataChannel("kyc")
    assert connection.sctp is not None
    video, data = connection.getReceivers()[0].transport, connection.sctp.transport
    for transport in (video, data):
        fake: Any = FakeSession()
        monkeypatch.setattr(
            transport,
            "_setup_srtp",
            lambda transport=transport, fake=fake: setattr(transport, "_rx_srtp", fake),
        )
    bound_sources(connection)
    for transport in (video, data):
        transport._setup_srtp()
        assert isinstance(transport._rx_srtp, BoundedSession)
    await connection.close()


async def test_a_handshake_that_fails_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = RTCPeerConnection()
    transport = connection.addTransceiver("video", direction="recvonly").receiver.transport
    monkeypatch.setattr(transport, "_setup_srtp", lambda: None)
    bound_sources(connection)
    transport._setup_srtp()
    assert getattr(transport, "_rx_srtp", ...) is None
    await connection.close()


@pytest.mark.parametrize(("name", "value"), [("_setup_srtp", None), ("_rx_srtp", "there already")])
async def test_it_fails_closed_where_aiortc_is_another(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    with monkeypatch.context() as changed:
        changed.setattr(receiver.transport, name, value)
        with pytest.raises(RuntimeError, match="any number of sources"):
            bound_sources(connection)
    bound_nacks(receiver)
    with pytest.raises(RuntimeError, match="without a limit"):
        bound_nacks(receiver)
    await connection.close()


@given(
    st.integers(0, 65_535),
    st.lists(st.one_of(st.integers(-120, 300), st.integers(0, 32_000)), max_size=12),
)
def test_lost_packets_are_listed_as_aiortc_lists_them(start: int, steps: list[int]) -> None:
    ours, theirs = BoundedNacks(), NackGenerator()
    number = start
    for step in (0, *steps):
        number = (number + step) % 65_536
        packet = RtpPacket(sequence_number=number)
        assert ours.add(packet) == theirs.add(packet)
        assert ours.missing == theirs.missing
        assert ours.max_seq == theirs.max_seq


def test_a_jump_is_not_walked_through() -> None:
    listed: list[int] = []

    class Counted(set[int]):
        def add(self, number: int) -> None:
            listed.append(number)
            super().add(number)

    nacks = BoundedNacks()
    nacks.missing = Counted()
    for number in range(100):
        nacks.add(RtpPacket(sequence_number=number * 32_767 % 65_536))
    assert 0 < len(listed) <= 100 * 128
