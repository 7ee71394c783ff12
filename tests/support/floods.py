"""What a hostile peer sends over SCTP and RTP once it is connected. Only aiortc's private parts send it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import pack

from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_STRING,
    Chunk,
    DataChunk,
    HeartbeatChunk,
    RTCSctpTransport,
    SackChunk,
    serialize_packet,
)

Packets = Callable[[RTCPeerConnection], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Flood:
    """Packets, `each` at once, and then a pause."""

    packets: Packets
    each: int
    pause_s: float
    is_rtp: bool = False

    async def pour(self, connection: RTCPeerConnection, length_s: float) -> int:
        """Send for so long, or until the other side closes, or all is sent; how many packets that were."""
        loop = asyncio.get_running_loop()
        until_s, sent = loop.time() + length_s, 0
        for packet in self.packets(connection):
            if sent % self.each == 0:
                await asyncio.sleep(self.pause_s)  # the flood's pace
            if loop.time() > until_s or not await self._send(connection, packet):
                break
            sent += 1
        return sent

    async def _send(self, connection: RTCPeerConnection, packet: bytes) -> bool:
        transport = connection.getSenders()[0].transport
        try:
            await (transport._send_rtp(packet) if self.is_rtp else transport._send_data(packet))
        except ConnectionError:
            return False
        return True


class Raw(Chunk):
    """Chunks as they are, in one packet."""

    def __init__(self, chunks: list[Chunk]) -> None:
        super().__init__()
        self._chunks = chunks

    def __bytes__(self) -> bytes:
        return b"".join(bytes(chunk) for chunk in self._chunks)


def packet_of(association: RTCSctpTransport, *chunks: Chunk) -> bytes:
    """A packet of the association with all of them."""
    remote_port = association._remote_port or association.port
    return serialize_packet(
        association.port, remote_port, association._remote_verification_tag, Raw(list(chunks))
    )


def data_chunk(tsn: int, flags: int, data: bytes, stream_id: int = 1) -> DataChunk:
    """A DATA chunk; TSNs wrap."""
    chunk = DataChunk(flags)
    chunk.tsn, chunk.stream_id, chunk.protocol = tsn % 2**32, stream_id, WEBRTC_STRING
    chunk.user_data = data
    return chunk


def behind_a_gap(connection: RTCPeerConnection) -> Iterator[bytes]:
    """One TSN is left out; chunks of one byte follow, 50 in a packet."""
    association = _association(connection)
    first, flags = association._local_tsn + 1, SCTP_DATA_FIRST_FRAG | SCTP_DATA_UNORDERED
    for start in itertools.count(first, 50):
        yield packet_of(
            association, *(data_chunk(tsn, flags, b"x") for tsn in range(start, start + 50))
        )


def without_an_end(connection: RTCPeerConnection) -> Iterator[bytes]:
    """First fragments of messages on stream after stream, in order."""
    association = _association(connection)
    for number in itertools.count():
        stream_id = 5 + number % 65_000
        tsn = association._local_tsn + number
        yield packet_of(association, data_chunk(tsn, SCTP_DATA_FIRST_FRAG, b"x" * 1_100, stream_id))


def gaps_of_65_535(connection: RTCPeerConnection) -> Iterator[bytes]:
    """SACKs that name 65,535 TSNs, 250 times."""
    association = _association(connection)
    sack = SackChunk()
    sack.gaps = [(1, 65_535)] * 250
    while True:
        sack.cumulative_tsn = association._last_received_tsn or 0
        yield packet_of(association, sack)


def empty_parameter(connection: RTCPeerConnection) -> Iterator[bytes]:
    """A HEARTBEAT whose one parameter is shorter than its own header."""
    heartbeat = Chunk(body=b"\0\1\0\0")
    heartbeat.type = HeartbeatChunk.type
    while True:
        yield packet_of(_association(connection), heartbeat)


def other_sources(connection: RTCPeerConnection) -> Iterator[bytes]:
    """300 packets of video, each from another SSRC."""
    for number in range(300):
        yield rtp(connection, 1_000 + number, number)


def jumps(connection: RTCPeerConnection) -> Iterator[bytes]:
    """Video whose sequence numbers jump as far as they can."""
    for number in itertools.count():
        yield rtp(connection, 1_000, number * 32_767)


def rtp(connection: RTCPeerConnection, ssrc: int, sequence_number: int) -> bytes:
    """A packet of VP8 with nothing in it."""
    codecs = connection.getTransceivers()[0]._codecs
    kind = next(codec.payloadType for codec in codecs if codec.name == "VP8")
    return pack("!BBHLL", 0x80, kind, sequence_number % 65_536, 0, ssrc) + b"\x10\0\0"


def _association(connection: RTCPeerConnection) -> RTCSctpTransport:
    if connection.sctp is None:
        raise ValueError("there is no association")
    return connection.sctp


FLOODS: dict[str, Flood] = {
    "SCTP chunks of one byte behind a gap": Flood(behind_a_gap, 1, 1 / 30),
    "SCTP messages without an end, 65,000 streams": Flood(without_an_end, 10, 0.01),
    "SCTP acknowledgements of what was never sent": Flood(gaps_of_65_535, 1, 1 / 30),
    "SCTP parameters without a length": Flood(empty_parameter, 1, 1 / 30),
    "RTP of 300 SSRCs": Flood(other_sources, 50, 0.05, is_rtp=True),
    "RTP whose sequence numbers jump": Flood(jumps, 1, 0.01, is_rtp=True),
}
