"""A bounded association of aiortc's that is up, without a client: a test gives it chunks."""

from __future__ import annotations

from struct import pack
from types import SimpleNamespace
from typing import Any, cast

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCPeerConnection
from aiortc.rtcsctptransport import (
    DATA_CHANNEL_OPEN,
    WEBRTC_DCEP,
    Chunk,
    DataChunk,
    ReconfigChunk,
    RTCSctpTransport,
    StreamResetOutgoingParam,
    serialize_packet,
)

from media.sctp_bounds import (
    MAX_HELD,
    MAX_MISORDERED,
    MAX_STREAMS,
    WINDOW_BYTES,
    BoundedAssociation,
    bound_association,
)
from tests.support.clock import ManualClock
from tests.support.floods import Raw, data_chunk

FIRST, LAST, UNORDERED = 2, 1, 4
WHOLE = FIRST | LAST
BEFORE = 1_000
"""The last TSN that was received."""


class FakeDtls:
    """Keeps what is sent."""

    state, _role = "connected", "server"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def _send_data(self, data: bytes) -> None:
        self.sent.append(data)


class Rig:
    """A bounded association that is up, and what came out of it."""

    def __init__(self) -> None:
        self.dtls = FakeDtls()
        self.clock = ManualClock()
        self.floods: list[str] = []
        self.messages: list[tuple[int, bytes]] = []
        self.sctp = RTCSctpTransport(cast("Any", self.dtls))
        self.sctp._remote_port = 5_000
        self.sctp._last_received_tsn = BEFORE
        self.sctp._association_state = RTCSctpTransport.State.ESTABLISHED
        self.sctp._data_channel_id = 1
        self.sctp.on("datachannel", self._opened)
        self.labels: list[str] = []
        connection = cast("RTCPeerConnection", SimpleNamespace(sctp=self.sctp))
        bounded = bound_association(connection, self.clock, self.floods.append)
        assert isinstance(bounded, BoundedAssociation)
        self.bounded = bounded

    def _opened(self, channel: RTCDataChannel) -> None:
        self.labels.append(channel.label)
        self.hear(channel)

    def hear(self, channel: RTCDataChannel) -> None:
        channel.on("message", lambda text: self.messages.append((channel.id or 0, text.encode())))

    def negotiated(self, stream_id: int) -> None:
        """A channel that both sides know without a message."""
        parameters = RTCDataChannelParameters(label="n", negotiated=True, id=stream_id)
        self.hear(RTCDataChannel(self.sctp, parameters))

    async def take(self, *chunks: Chunk) -> None:
        for chunk in chunks:
            await self.sctp._receive_chunk(chunk)

    async def take_packet(self, *chunks: Chunk) -> None:
        tag = self.sctp._local_verification_tag
        await self.sctp._handle_data(serialize_packet(5_000, 5_000, tag, Raw(list(chunks))))

    def held(self) -> list[DataChunk]:
        return [c for stream in self.sctp._inbound_streams.values() for c in stream.reassembly]

    def is_within_bounds(self) -> bool:
        held = self.held()
        return (
            len(self.sctp._sack_misordered) <= MAX_MISORDERED
            and len(held) <= MAX_HELD
            and sum(len(chunk.user_data) for chunk in held) <= WINDOW_BYTES
            and len(self.sctp._inbound_streams) <= MAX_STREAMS
            and len(self.sctp._data_channels) <= MAX_STREAMS
        )


def dcep_open(tsn: int, stream_id: int, label: bytes = b"kyc", seq: int = 0) -> DataChunk:
    chunk = data_chunk(tsn, WHOLE, pack("!BBHLHH", DATA_CHANNEL_OPEN, 0, 0, 0, len(label), 0))
    chunk.stream_id, chunk.stream_seq, chunk.protocol = stream_id, seq, WEBRTC_DCEP
    chunk.user_data += label
    return chunk


def reset(number: int, last_tsn: int, stream_id: int) -> ReconfigChunk:
    chunk = ReconfigChunk()
    chunk.params = [(13, bytes(StreamResetOutgoingParam(number, 0, last_tsn, [stream_id])))]
    return chunk


def ordered(tsn: int, stream_id: int, seq: int, text: bytes, flags: int = WHOLE) -> DataChunk:
    chunk = data_chunk(tsn, flags, text, stream_id)
    chunk.stream_seq = seq % 65_536
    return chunk
