"""Which SCTP packets aiortc gets to read."""

from __future__ import annotations

import pytest
from aiortc.rtcsctptransport import (
    CHUNK_TYPES,
    RECONFIG_PARAM_TYPES,
    AbortChunk,
    Chunk,
    CookieAckChunk,
    CookieEchoChunk,
    ErrorChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    ShutdownChunk,
    StreamAddOutgoingParam,
    StreamResetOutgoingParam,
    StreamResetResponseParam,
    decode_params,
    parse_packet,
    serialize_packet,
)
from hypothesis import example, given, reject
from hypothesis import strategies as st

from media.sctp_packet import MAX_CHUNKS, UnreadablePacket, count_chunks
from tests.support.floods import Raw, data_chunk


def packet(*chunks: Chunk) -> bytes:
    return serialize_packet(5_000, 5_000, 1, Raw(list(chunks)))


def with_parameters(chunk: Chunk, *parameters: tuple[int, bytes]) -> Chunk:
    chunk.params = list(parameters)  # type: ignore[attr-defined]
    return chunk


def of_type(kind: int, body: bytes) -> Chunk:
    chunk = Chunk(body=body)
    chunk.type = kind
    return chunk


def sack(gaps: int = 0, duplicates: int = 0) -> SackChunk:
    chunk = SackChunk()
    chunk.gaps, chunk.duplicates = [(2, 3)] * gaps, [1] * duplicates
    return chunk


def forward(streams: int) -> ForwardTsnChunk:
    chunk = ForwardTsnChunk()
    chunk.streams = [(1, 1)] * streams
    return chunk


RESETS = (
    (13, bytes(StreamResetOutgoingParam(1, 2, 3, [0, 1]))),
    (16, bytes(StreamResetResponseParam(1, 1))),
    (17, bytes(StreamAddOutgoingParam(1, 8))),
)
DATA = data_chunk(1, 3, b"x")


@pytest.mark.parametrize(
    ("chunks", "count"),
    [
        ([DATA], 1),
        ([data_chunk(1, 3, b"x" * 1_160)], 1),
        ([DATA] * MAX_CHUNKS, MAX_CHUNKS),
        ([sack()], 1),
        ([sack(3, 2), DATA, DATA], 3),
        ([with_parameters(InitChunk(), (0xC000, b""), (0x8008, b"\x82\xc0"))], 1),
        ([with_parameters(InitAckChunk(), (7, b"cookie of any length"))], 1),
        ([CookieEchoChunk(body=b"cookie"), DATA], 2),
        ([CookieAckChunk(), DATA], 2),
        ([with_parameters(HeartbeatChunk(), (1, b"when"))], 1),
        ([with_parameters(ErrorChunk(), (3, b"\0\0\0\0"))], 1),
        ([AbortChunk()], 1),
        ([ShutdownChunk(body=b"\0\0\0\1")], 1),
        ([forward(0)], 1),
        ([forward(3), DATA], 2),
        ([with_parameters(ReconfigChunk(), one) for one in RESETS], 3),
        ([of_type(77, b"not known")], 1),
    ],
)
def test_what_implementations_send_is_read(chunks: list[Chunk], count: int) -> None:
    data = packet(*chunks)
    assert count_chunks(data) == count
    parse_packet(data)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [DATA] * (MAX_CHUNKS + 1),
        [data_chunk(1, 3, b"")],
        [of_type(0, b"short")],
        [InitChunk(), DATA],
        [InitChunk(), InitChunk()],
        [of_type(3, bytes(11))],
        [of_type(3, bytes(8) + b"\xff\xff\0\0")],
        [of_type(192, b"\0\0\0\1\0")],
        [of_type(7, b"\0")],
        [of_type(1, bytes(15))],
        *([of_type(kind, b"\0\1\0\0")] for kind in (4, 5, 6, 9, 130)),
        *([of_type(kind, bytes(16) + b"\0\1\0\3")] for kind in (1, 2)),
        [of_type(4, b"\0\1\0\x08")],
        [of_type(130, b"\0\x0d\0\x08" + bytes(4))],
        [of_type(130, b"\0\x0d\0\x11" + bytes(13))],
        [of_type(130, b"\0\x10\0\x04")],
    ],
)
def test_what_none_sends_is_not(chunks: list[Chunk]) -> None:
    with pytest.raises(UnreadablePacket):
        count_chunks(packet(*chunks))


@pytest.mark.parametrize("cut", [0, 11, 12, 15, 20])
def test_a_packet_that_is_cut_off_is_not_read(cut: int) -> None:
    with pytest.raises(UnreadablePacket):
        count_chunks(packet(DATA)[:cut])


lengths = st.integers(0, 24).map(lambda n: n.to_bytes(2, "big"))
parameters = st.tuples(st.sampled_from([1, 7, 13, 16, 17, 99]), lengths, st.binary(max_size=24))
bodies = st.one_of(
    st.binary(max_size=40),
    st.lists(parameters, max_size=4).map(
        lambda all_of_them: b"".join(
            kind.to_bytes(2, "big") + length + value for kind, length, value in all_of_them
        )
    ),
)
kinds = st.sampled_from([*CHUNK_TYPES, 77])


@given(st.lists(st.tuples(kinds, bodies), min_size=1, max_size=5))
@example([(4, b"\0\1\0\0")])
def test_aiortc_reads_whatever_passes(made: list[tuple[int, bytes]]) -> None:
    data = packet(*(of_type(kind, body) for kind, body in made))
    try:
        count = count_chunks(data)
    except UnreadablePacket:
        reject()
    chunks = parse_packet(data)[3]
    assert len(chunks) == count - sum(kind == 77 for kind, _ in made)
    for chunk in chunks:
        if isinstance(chunk, ReconfigChunk):
            for kind, value in chunk.params:
                if kind in RECONFIG_PARAM_TYPES:
                    RECONFIG_PARAM_TYPES[kind].parse(value)


def test_aiortc_still_needs_it() -> None:
    """A length of 3 gets it on; one of 0, which this would never return from, does not."""
    assert decode_params(b"\0\1\0\3") == [(1, b"")]
