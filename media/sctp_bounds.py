"""What a client may make aiortc's SCTP do and keep (RFC 9260). There is no upstream issue."""

# ruff: noqa: SLF001 - an association's state is not public

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from inspect import iscoroutinefunction

from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_TSN_MODULO,
    WEBRTC_DCEP,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    RTCSctpTransport,
    SackChunk,
)
from aiortc.utils import uint32_gt, uint32_gte

from kyc_rtc.clock import Clock
from media.sctp_packet import MAX_CHUNKS, UnreadablePacket, count_chunks

MAX_MISORDERED = 256
"""TSNs behind one that is missing."""

MAX_AHEAD = 4_096
"""So far a TSN may be ahead of the last one before it that is missing."""

MAX_HELD = 512
"""Chunks of messages that are not complete: all that are misordered, and a message of 64 KiB."""

WINDOW_BYTES = 512 * 1024
"""Of `MAX_HELD`, and what is advertised as the window (`a_rwnd`)."""

MAX_MESSAGE_BYTES = 64 * 1024
"""The protocol's own have 16 KiB at most."""

MAX_STREAMS = 16
"""That have a channel or have carried data, and were not reset. A client opens two."""

MAX_DCEP = 64
"""Messages that open a channel (RFC 8832), in the life of a peer. A client sends two."""

CHUNKS_PER_S = 400
MAX_REFUSED = 2_000
"""Chunks refused in `REFUSED_WITHIN_MS`: who obeys congestion control sends fewer."""

REFUSED_WITHIN_MS = 10_000.0
_WEIGHTS = {"unreadable": MAX_CHUNKS, "sack": MAX_CHUNKS}
"""What congestion does not explain counts as a whole packet of chunks."""


class Tally:
    """At most `most` in each period of `period_ms`."""

    def __init__(self, most: int, period_ms: float) -> None:
        self._most = most
        self._period_ms = period_ms
        self._since_ms = 0.0
        self._count = 0

    def add(self, number: int, now_ms: float) -> bool:
        """Count so many more; whether that is still allowed."""
        if now_ms - self._since_ms >= self._period_ms:
            self._since_ms, self._count = now_ms, 0
        self._count += number
        return self._count <= self._most


class BoundedAssociation:
    """Stands between DTLS and an association: chunks beyond the limits above are dropped before aiortc
    handles them. One that is dropped is not acknowledged, so that an honest sender sends it again, later
    and slower. When too many were, `on_flood` is called, once, and nothing comes through any more.

    aiortc sorts all misordered TSNs for each chunk and each SACK, walks through every TSN that a SACK's
    gaps name, never ends on a parameter whose length is 0, and enforces neither a window nor a number of
    streams. A chunk that is next in order is taken even when the set of misordered ones is full: it is
    the one that they wait for.
    """

    def __init__(
        self, association: RTCSctpTransport, clock: Clock, on_flood: Callable[[str], None]
    ) -> None:
        """`on_flood` gets the most frequent reason."""
        self.refused: Counter[str] = Counter()
        self._association = association
        self._handle = association._handle_data
        self._receive = association._receive_chunk
        self._clock = clock
        self._on_flood = on_flood
        self._rate = Tally(CHUNKS_PER_S, 1_000.0)
        self._refusals = Tally(MAX_REFUSED, REFUSED_WITHIN_MS)
        self._dcep_messages = 0
        self._is_over = False

    async def handle(self, data: bytes) -> None:
        """Take a packet, as aiortc's `_handle_data`."""
        if self._is_over:
            return
        try:
            chunks = count_chunks(data)
        except UnreadablePacket:
            self._refuse("unreadable", _WEIGHTS["unreadable"])
            return
        if self._rate.add(chunks, self._clock.monotonic_ms()):
            await self._handle(data)
        else:
            self._refuse("rate", chunks)

    async def receive(self, chunk: Chunk) -> None:
        """Take a chunk, as aiortc's `_receive_chunk`."""
        reason = self._objection(chunk)
        if reason:
            self._refuse(reason, _WEIGHTS.get(reason, 1))
        elif not self._is_over:
            await self._receive(chunk)

    def _refuse(self, reason: str, chunks: int) -> None:
        self.refused[reason] += chunks
        if not self._refusals.add(chunks, self._clock.monotonic_ms()) and not self._is_over:
            self._is_over = True
            self._on_flood(self.refused.most_common(1)[0][0])

    def _objection(self, chunk: Chunk) -> str:
        """Why a chunk may not pass; empty where it may."""
        if isinstance(chunk, DataChunk):
            return self._objection_to_data(chunk)
        if isinstance(chunk, ForwardTsnChunk):
            return self._objection_to_streams(stream_id for stream_id, _ in chunk.streams)
        if isinstance(chunk, SackChunk) and not self._is_sound(chunk):
            return "sack"
        return ""

    def _objection_to_data(self, chunk: DataChunk) -> str:
        known, last_tsn = self._association, self._association._last_received_tsn
        if last_tsn is None:
            return "early"
        if uint32_gte(last_tsn, chunk.tsn) or chunk.tsn in known._sack_misordered:
            return ""  # a duplicate, which aiortc acknowledges again, and does not keep
        ahead = (chunk.tsn - last_tsn) % SCTP_TSN_MODULO
        if ahead > 1 and (len(known._sack_misordered) >= MAX_MISORDERED or ahead > MAX_AHEAD):
            return "misordered"
        reason = self._objection_to_streams([chunk.stream_id]) or self._objection_to_size(chunk)
        if not reason and chunk.protocol == WEBRTC_DCEP:
            self._dcep_messages += 1
            return "channels" if self._dcep_messages > MAX_DCEP else ""
        return reason

    def _objection_to_streams(self, stream_ids: Iterable[int]) -> str:
        known = self._association
        new = set(stream_ids) - known._inbound_streams.keys() - known._data_channels.keys()
        used = known._inbound_streams.keys() | known._data_channels.keys()
        return "streams" if new and len(used) + len(new) > MAX_STREAMS else ""

    def _objection_to_size(self, chunk: DataChunk) -> str:
        streams = self._association._inbound_streams
        held = [kept for stream in streams.values() for kept in stream.reassembly]
        size = sum(len(kept.user_data) for kept in held) + len(chunk.user_data)
        if len(held) >= MAX_HELD or size > WINDOW_BYTES:
            return "window"
        stream = streams.get(chunk.stream_id)
        whole = message_bytes(stream.reassembly if stream else (), chunk)
        return "message" if whole > MAX_MESSAGE_BYTES else ""

    def _is_sound(self, sack: SackChunk) -> bool:
        """Whether it acknowledges only what was sent (RFC 9260, 3.3.4); an old one does no harm."""
        known = self._association
        if uint32_gt(known._last_sacked_tsn, sack.cumulative_tsn):
            return True
        left: int = (known._local_tsn - 1 - known._last_sacked_tsn) % SCTP_TSN_MODULO
        left -= (sack.cumulative_tsn - known._last_sacked_tsn) % SCTP_TSN_MODULO
        end = 0
        for start, next_end in sack.gaps:
            if not end < start <= next_end:
                return False
            end = next_end
        return left >= end


def message_bytes(held: Iterable[DataChunk], chunk: DataChunk) -> int:
    """User data of the message that `chunk` belongs to, as far as it is there: fragments have consecutive
    TSNs (RFC 9260, 6.9). `held` are the other chunks of its stream."""
    by_tsn = {kept.tsn: kept for kept in held}
    size = len(chunk.user_data)
    for step, edge in ((-1, SCTP_DATA_FIRST_FRAG), (1, SCTP_DATA_LAST_FRAG)):
        at: DataChunk | None = chunk
        while at is not None and not at.flags & edge:
            at = by_tsn.get((at.tsn + step) % SCTP_TSN_MODULO)
            size += len(at.user_data) if at is not None else 0
    return size


def bound_association(
    connection: RTCPeerConnection, clock: Clock, on_flood: Callable[[str], None]
) -> BoundedAssociation | None:
    """Bound the association of a connection; None where none is negotiated. To be called before the
    transport comes up. `on_flood` is called once, with a reason, when the client does not heed the limits;
    the connection is to be closed then. Goes away when aiortc has these limits.

    Raises:
        RuntimeError: this aiortc keeps an association's state elsewhere. Without limits none is used.
    """
    association: RTCSctpTransport | None = connection.sctp
    if association is None:
        return None
    if not _is_as_expected(association):
        raise RuntimeError("this version of aiortc has an SCTP without limits")
    bounded = BoundedAssociation(association, clock, on_flood)
    setattr(association, "_handle_data", bounded.handle)  # noqa: B010 - a method, for mypy
    setattr(association, "_receive_chunk", bounded.receive)  # noqa: B010
    association._advertised_rwnd = WINDOW_BYTES
    return bounded


_STATE: dict[str, type | tuple[type, ...]] = {
    "_sack_misordered": set,
    "_inbound_streams": dict,
    "_data_channels": dict,
    "_advertised_rwnd": int,
    "_last_sacked_tsn": int,
    "_local_tsn": int,
    "_last_received_tsn": (int, type(None)),
}


def _is_as_expected(association: RTCSctpTransport) -> bool:
    return all(
        iscoroutinefunction(getattr(association, name, None))
        for name in ("_handle_data", "_receive_chunk")
    ) and all(isinstance(getattr(association, name, ...), kind) for name, kind in _STATE.items())
