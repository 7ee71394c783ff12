"""An association of aiortc's keeps little, whatever comes, and loses nothing of an honest client's."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import (
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    ReconfigChunk,
    RTCSctpTransport,
    SackChunk,
    StreamResetResponseParam,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from media import sctp_bounds
from media.sctp_bounds import (
    CHUNKS_PER_S,
    MAX_DCEP,
    MAX_HELD,
    MAX_MESSAGE_BYTES,
    MAX_MISORDERED,
    MAX_REFUSED,
    MAX_STREAMS,
    WINDOW_BYTES,
    Tally,
    bound_association,
)
from media.sctp_packet import MAX_CHUNKS
from tests.support.association import (
    BEFORE,
    FIRST,
    LAST,
    UNORDERED,
    WHOLE,
    Rig,
    dcep_open,
    ordered,
    reset,
)
from tests.support.clock import ManualClock
from tests.support.floods import data_chunk


async def test_behind_a_gap_no_more_than_the_limit_is_kept_and_the_gap_can_be_filled() -> None:
    rig = Rig()
    rig.negotiated(2)
    late = [ordered(BEFORE + 2 + n, 2, n + 1, b"x") for n in range(1_000)]
    await rig.take(*late)
    assert len(rig.sctp._sack_misordered) == MAX_MISORDERED
    assert rig.bounded.refused == {"misordered": 1_000 - MAX_MISORDERED}
    await rig.take(ordered(BEFORE + 1, 2, 0, b"first"))
    assert len(rig.messages) == MAX_MISORDERED + 1
    assert not rig.sctp._sack_misordered
    await rig.take(*late)
    assert len(rig.messages) == 1_001


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([data_chunk(BEFORE + 5_000, WHOLE, b"x")], "misordered"),
        ([data_chunk(BEFORE + 2**31, WHOLE, b"x")], "misordered"),
        ([data_chunk(BEFORE + n, FIRST, b"x" * 1_100, n) for n in range(1, 70)], "streams"),
        ([data_chunk(BEFORE + n, FIRST | UNORDERED, b"x") for n in range(1, 600)], "window"),
        ([data_chunk(BEFORE + n, FIRST, b"x" * 1_400) for n in range(1, 400)], "window"),
        (
            [data_chunk(BEFORE + n, FIRST if n == 1 else 0, b"x" * 1_100) for n in range(1, 70)],
            "message",
        ),
        ([dcep_open(BEFORE + n, n) for n in range(1, 20)], "streams"),
    ],
)
async def test_what_is_too_much_is_refused(chunks: list[Chunk], reason: str) -> None:
    rig = Rig()
    await rig.take(*chunks)
    assert rig.bounded.refused[reason] > 0
    assert set(rig.bounded.refused) <= {reason, "misordered"}  # those behind the first refused one
    assert rig.is_within_bounds()


async def test_nothing_is_taken_before_the_handshake() -> None:
    rig = Rig()
    rig.sctp._last_received_tsn = None
    await rig.take(data_chunk(1, WHOLE, b"x"))
    assert rig.bounded.refused == {"early": 1}


@pytest.mark.parametrize(("size", "is_whole"), [(MAX_MESSAGE_BYTES, True), (66_000, False)])
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_message_has_a_size(size: int, is_whole: bool, backwards: bool) -> None:
    rig = Rig()
    rig.negotiated(1)
    starts = range(0, size, 1_160)
    chunks = [
        data_chunk(BEFORE + 1 + n, 0, b"x" * min(1_160, size - start))
        for n, start in enumerate(starts)
    ]
    chunks[0].flags |= FIRST
    chunks[-1].flags |= LAST
    await rig.take(*reversed(chunks) if backwards else chunks)
    assert [len(text) for _, text in rig.messages] == ([size] if is_whole else [])
    assert ("message" in rig.bounded.refused) is not is_whole


@pytest.mark.parametrize("stream_id", [0, 1, 2, 1_022, 65_534])
async def test_channels_open_on_any_stream_and_open_again_after_a_reset(stream_id: int) -> None:
    rig = Rig()
    tsn = BEFORE
    for number in range(MAX_DCEP):
        await rig.take(
            dcep_open(tsn + 1, stream_id), ordered(tsn + 2, stream_id, 1, b"%d" % number)
        )
        tsn += 2
        await rig.take(reset(5_000 + number, tsn, stream_id))
        await asyncio.sleep(0)
        await rig.take(accepted(rig.sctp))
        assert rig.sctp._data_channels == {}
    assert rig.messages == [(stream_id, b"%d" % number) for number in range(MAX_DCEP)]
    assert rig.labels == ["kyc"] * MAX_DCEP
    assert not rig.bounded.refused
    await rig.take(dcep_open(tsn + 1, stream_id))
    assert rig.bounded.refused == {"channels": 1}


def accepted(sctp: RTCSctpTransport) -> ReconfigChunk:
    """The answer to the reset that it asked for."""
    assert sctp._reconfig_request is not None
    chunk = ReconfigChunk()
    answer = StreamResetResponseParam(sctp._reconfig_request.request_sequence, 1)
    chunk.params = [(16, bytes(answer))]
    return chunk


async def test_a_negotiated_channel_needs_no_place() -> None:
    rig = Rig()
    rig.negotiated(40_000)
    await rig.take(*(ordered(BEFORE + n, n, 0, b"x") for n in range(1, MAX_STREAMS)))
    await rig.take(ordered(BEFORE + MAX_STREAMS, 40_000, 0, b"heard"))
    assert rig.messages == [(40_000, b"heard")]
    await rig.take(ordered(BEFORE + MAX_STREAMS + 1, 40_001, 0, b"one too many"))
    assert rig.bounded.refused == {"streams": 1}


@pytest.mark.parametrize(("streams", "is_taken"), [(0, True), (MAX_STREAMS, True), (300, False)])
async def test_messages_that_were_given_up(streams: int, is_taken: bool) -> None:
    rig = Rig()
    chunk = ForwardTsnChunk()
    chunk.cumulative_tsn, chunk.streams = BEFORE + 7, [(n, 1) for n in range(streams)]
    await rig.take(chunk)
    assert (rig.sctp._last_received_tsn == BEFORE + 7) is is_taken
    assert len(rig.sctp._inbound_streams) == (streams if is_taken else 0)


@pytest.mark.parametrize(
    ("behind", "gaps", "is_sound"),
    [
        (0, [], True),
        (3, [], True),
        (5, [(2, 3), (5, 5)], True),
        (5, [(2, 6)], False),
        (5, [(1, 65_535)] * 250, False),
        (5, [(2, 3), (2, 3)], False),
        (5, [(3, 2)], False),
        (5, [(0, 2)], False),
        (0, [(1, 1)], False),
        (-1, [], False),
        (-(2**30), [(1, 1)], False),
        (9, [(1, 65_535)], True),  # an old one, which aiortc ignores
    ],
)
async def test_an_acknowledgement_is_of_what_was_sent(
    behind: int, gaps: list[tuple[int, int]], is_sound: bool
) -> None:
    """`behind` the last of 8 TSNs, of which 3 were acknowledged before."""
    rig = Rig()
    rig.sctp._last_sacked_tsn = (rig.sctp._local_tsn + 2) % 2**32
    rig.sctp._local_tsn = (rig.sctp._local_tsn + 8) % 2**32
    sack = SackChunk()
    sack.cumulative_tsn, sack.gaps = (rig.sctp._local_tsn - 1 - behind) % 2**32, gaps
    await rig.take(sack)
    assert rig.bounded.refused == ({} if is_sound else {"sack": MAX_CHUNKS})


async def test_a_flood_is_slowed_and_then_ended_once() -> None:
    rig = Rig()
    beat = HeartbeatChunk()
    for _ in range(CHUNKS_PER_S + 10):
        await rig.take_packet(beat)
    assert len(rig.dtls.sent) == CHUNKS_PER_S
    await rig.clock.advance(1_000)
    await rig.take_packet(beat)
    assert len(rig.dtls.sent) == CHUNKS_PER_S + 1
    for _ in range(CHUNKS_PER_S + MAX_REFUSED + 100):
        await rig.take_packet(beat)
    assert rig.floods == ["rate"]
    await rig.clock.advance(60_000)
    await rig.take_packet(beat)
    assert len(rig.dtls.sent) == 2 * CHUNKS_PER_S


async def test_packets_that_no_one_sends_end_it_too() -> None:
    rig = Rig()
    await rig.sctp._handle_data(b"short")
    assert rig.floods == []
    for _ in range(100):
        await rig.take_packet(SackChunk(), *[HeartbeatChunk()] * 100)
    assert rig.floods == ["unreadable"]
    assert rig.dtls.sent == []


def test_a_tally_begins_again() -> None:
    tally = Tally(2, 100.0)
    assert [tally.add(1, now) for now in (1_000, 1_050, 1_099, 1_100, 1_199)] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert not tally.add(1, 1_199.9)
    assert not tally.add(3, 2_000)


runs = st.lists(
    st.tuples(
        st.integers(0, 700),  # the first TSN, after the last one received at the beginning
        st.integers(1, 300),  # how many
        st.sampled_from([0, FIRST, LAST, WHOLE, UNORDERED, UNORDERED | FIRST, UNORDERED | LAST]),
        st.sampled_from([0, 1, 7]),  # from one stream to the next
        st.sampled_from([1, 900, 1_460]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(runs, st.lists(st.integers(0, 900), max_size=3))
def test_no_sequence_of_chunks_makes_it_keep_more(
    made: list[tuple[int, int, int, int, int]], forwards: list[int]
) -> None:
    async def check() -> None:
        rig = Rig()
        for start, count, flags, step, size in made:
            for n in range(count):
                tsn = BEFORE + start + n
                await rig.take(data_chunk(tsn, flags, b"x" * size, n * step))
            assert rig.is_within_bounds()
        for ahead in forwards:
            chunk = ForwardTsnChunk()
            chunk.cumulative_tsn = BEFORE + ahead
            chunk.streams = [(n, n) for n in range(ahead % 20)]
            await rig.take(chunk)
            assert rig.is_within_bounds()

    asyncio.run(check())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, MAX_MISORDERED),
    st.floats(0, 0.6),
    st.lists(st.integers(1, 9_000), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_an_honest_sender_gets_everything_through_in_order(
    in_flight: int, loss: float, sizes: list[int], chance: random.Random
) -> None:
    """Whatever is lost or comes in another order among the `in_flight` TSNs that are sent at one time."""

    async def check() -> None:
        rig = Rig()
        rig.negotiated(0)
        chunks = fragments(sizes)
        left = chunks
        while left:
            window = left[:in_flight]
            chance.shuffle(window)
            await rig.take(*(chunk for chunk in window if chance.random() >= loss))
            left = [chunk for chunk in left if not is_received(rig.sctp, chunk.tsn)]
        assert [len(text) for _, text in rig.messages] == sizes
        assert not rig.bounded.refused
        assert not rig.held()

    asyncio.run(check())


def fragments(sizes: list[int]) -> list[DataChunk]:
    """Messages of these sizes on stream 0."""
    chunks: list[DataChunk] = []
    for seq, size in enumerate(sizes):
        starts = range(0, size, 1_160)
        for start in starts:
            flags = FIRST * (start == 0) | LAST * (start == starts[-1])
            tsn = BEFORE + 1 + len(chunks)
            chunks.append(ordered(tsn, 0, seq, b"x" * min(1_160, size - start), flags))
    return chunks


def is_received(sctp: RTCSctpTransport, tsn: int) -> bool:
    return tsn <= (sctp._last_received_tsn or 0) or tsn in sctp._sack_misordered


async def test_it_fails_closed_where_aiortc_is_another() -> None:
    connection = RTCPeerConnection()
    assert bound_association(connection, ManualClock(), print) is None
    connection.createDataChannel("kyc")
    assert connection.sctp is not None
    del connection.sctp._sack_misordered
    with pytest.raises(RuntimeError, match="without limits"):
        bound_association(connection, ManualClock(), print)
    await connection.close()


def test_the_limits_leave_room_for_an_honest_sender() -> None:
    """All that may be misordered, and one message of the largest size, in packets of a browser's."""
    of_a_message = -(-MAX_MESSAGE_BYTES // 1_000)
    assert MAX_MISORDERED + of_a_message < MAX_HELD
    assert MAX_MISORDERED * 1_200 + MAX_MESSAGE_BYTES < WINDOW_BYTES
    assert sctp_bounds.MAX_AHEAD < 65_536, "a SACK's gaps have 16 bits"
