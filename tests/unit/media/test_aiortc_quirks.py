"""What of aiortc is worked around, against aiortc's own parts."""

from __future__ import annotations

import asyncio
import queue

import aioice.ice
import pytest
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from media import aiortc_quirks
from media.aiortc_quirks import (
    CameraBuffer,
    DatagramQueue,
    bound_datagrams,
    bound_decoder,
    mend_buffer,
    resolve_mdns,
    skip_lost_packets,
)
from media.decoder_queue import DecoderQueue

KEY, DELTA = b"\x10\x02\x00\x9d\x01\x2a\x80\x02\xe0\x01", b"\x11\x02\x00"
PACKETS = 3  # in a picture


def packet(number: int, *, key: bool = False) -> RtpPacket:
    """The one with this number; sequence numbers wrap, as in RTP."""
    made = RtpPacket(sequence_number=number % 65_536, timestamp=number // PACKETS * 4_500)
    first = DELTA if not key else KEY
    made._data = first if number % PACKETS == 0 else b"."  # type: ignore[attr-defined]  # as the receiver does
    return made


def came_out(buffer: JitterBuffer, numbers: range, *, key: range = range(0)) -> int:
    """How many pictures come out while these packets come in; those in `key` are of key frames."""
    return sum(buffer.add(packet(n, key=n in key))[1] is not None for n in numbers)


@pytest.mark.parametrize("start", [0, 65_400])
@pytest.mark.parametrize("lost", [1, 40, 300, 450, 600, 3_000])
def test_after_an_outage_pictures_come_again_with_the_next_key_frame(start: int, lost: int) -> None:
    buffer = CameraBuffer()
    came_out(buffer, range(start, start + 60))
    back = (start + 60 + lost + 2) // 3 * 3
    assert came_out(buffer, range(back, back + 30)) == 0
    buffer.skip_hole()
    assert came_out(buffer, range(back + 30, back + 60)) == 0, "torn ones are held back"
    key = range(back + 60, back + 63)
    assert came_out(buffer, range(back + 60, back + 90), key=key) >= 9


def test_aiortc_still_needs_it() -> None:
    buffer = JitterBuffer(512, is_video=True)
    came_out(buffer, range(60))
    assert came_out(buffer, range(360, 450), key=range(390, 393)) <= 1, "its own waits for the lost"


def test_a_packet_sent_again_late_does_not_throw_it_back() -> None:
    buffer = CameraBuffer()
    came_out(buffer, range(60))
    came_out(buffer, range(999, 1_020), key=range(1_002, 1_005))
    assert buffer.add(packet(1_002 - 128)) == (False, None)
    assert came_out(buffer, range(1_020, 1_050)) == 10


def test_a_sender_that_makes_no_key_frame_is_seen_after_a_while() -> None:
    buffer = CameraBuffer()
    came_out(buffer, range(60))
    came_out(buffer, range(300, 330))
    assert buffer.skip_hole()
    pictures = came_out(buffer, range(330, 330 + 2 * PACKETS * CameraBuffer.TORN_PICTURES))
    assert pictures >= CameraBuffer.TORN_PICTURES


def test_an_unbroken_row_is_left_alone() -> None:
    buffer = CameraBuffer()
    assert not buffer.skip_hole()
    assert came_out(buffer, range(51)) == 16
    assert not buffer.skip_hole()
    assert came_out(buffer, range(51, 81)) == 10


async def test_a_receiver_gets_it_and_uses_it() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    mend_buffer(receiver)
    buffer = getattr(receiver, "_RTCRtpReceiver__jitter_buffer", None)
    assert isinstance(buffer, CameraBuffer)
    came_out(buffer, range(60))
    assert not skip_lost_packets(receiver)
    came_out(buffer, range(300, 330))
    assert skip_lost_packets(receiver)
    await connection.close()


async def test_a_receiver_gets_a_bounded_queue_or_none_at_all() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    assert isinstance(getattr(receiver, "_RTCRtpReceiver__decoder_queue", None), queue.Queue)
    made = bound_decoder(receiver, lambda _size: None)
    assert isinstance(made, DecoderQueue)
    assert getattr(receiver, "_RTCRtpReceiver__decoder_queue", None) is made
    with pytest.raises(RuntimeError, match="without a limit"):
        bound_decoder(receiver, lambda _size: None)
    await connection.close()


async def test_datagrams_that_nobody_reads_are_bounded() -> None:
    connection = RTCPeerConnection()
    connection.addTransceiver("video", direction="recvonly")
    connection.createDataChannel("kyc")
    bound_datagrams(connection)
    assert connection.sctp is not None
    transports = [connection.getReceivers()[0].transport, connection.sctp.transport]
    for ice in (transport.transport._connection for transport in transports):
        for _ in range(10_000):
            ice.data_received(b"junk", 1)
        assert ice._queue.qsize() == DatagramQueue.MOST
        ice._queue.put_nowait(None)
        assert [ice._queue.get_nowait() for _ in range(DatagramQueue.MOST + 1)][-1] is None
    await connection.close()


async def test_datagrams_that_would_end_a_transport_are_dropped() -> None:
    queue = DatagramQueue()
    for size in (0, DatagramQueue.MOST_BYTES + 1, 60_000, 1, DatagramQueue.MOST_BYTES):
        queue.put_nowait((b"\x80" * size, 1))
    assert [len((await queue.get() or (b"", 0))[0]) for _ in range(2)] == [1, 1_500]
    assert queue.empty()


class FakeMdns:
    """Knows some names; the others keep it busy for ever."""

    def __init__(self, known: dict[str, str | OSError | None]) -> None:
        self.known = known
        self.users: set[object] = set()

    async def resolve(self, name: str, limit_s: float | None = None) -> str | None:
        if name not in self.known:
            await asyncio.Event().wait()
        answer = self.known[name]
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def take(self, user: object) -> FakeMdns:
        self.users.add(user)
        return self

    async def give_back(self, user: object) -> None:
        self.users.discard(user)


async def test_names_are_resolved_together_and_within_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[str, str | OSError | None] = {
        "a.local": "10.0.0.1",
        "b.local": None,
        "c.local": OSError(),
    }
    mdns = FakeMdns(known)
    monkeypatch.setattr(aiortc_quirks, "get_or_create_mdns_protocol", mdns.take)
    monkeypatch.setattr(aiortc_quirks, "unref_mdns_protocol", mdns.give_back)
    names = [*known, *(f"late-{n}.local" for n in range(5))]
    before_s = asyncio.get_running_loop().time()
    assert await resolve_mdns(names, 0.05) == {"a.local": "10.0.0.1"}
    assert asyncio.get_running_loop().time() - before_s < 0.25, "not one after another"
    assert not mdns.users


async def test_a_host_that_cannot_ask_knows_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_port(user: object) -> FakeMdns:
        raise OSError("address in use")

    monkeypatch.setattr(aiortc_quirks, "get_or_create_mdns_protocol", no_port)
    assert await resolve_mdns(["a.local"], 0.05) == {}


async def test_a_real_query_ends_in_time_and_leaves_nothing_open() -> None:
    before = {task for task in asyncio.all_tasks() if not task.done()}
    assert await resolve_mdns(["nobody-has-this-name.local"], 0.05) == {}
    assert {task for task in asyncio.all_tasks() if not task.done()} == before
    assert getattr(aioice.ice._mdns, "protocol", None) is None, "its socket is closed"
