"""SCTP packets as bytes: whether aiortc may read one, and how many chunks it has (RFC 9260, 3)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

MAX_CHUNKS = 64
"""In one packet. Of the smallest messages that a browser may bundle, 58 fit into its 1,191 bytes."""

_COMMON_HEADER, _CHUNK_HEADER = 12, 4
_DATA, _INIT, _INIT_ACK, _SACK, _SHUTDOWN, _RECONFIG, _FORWARD_TSN = 0, 1, 2, 3, 7, 130, 192
_PARAMETERS_AT = {_INIT: 16, _INIT_ACK: 16, 4: 0, 5: 0, 6: 0, 9: 0, _RECONFIG: 0}
"""By chunk type, where in its body parameters or causes begin: also HEARTBEAT and its acknowledgement,
ABORT, ERROR."""

_RESET_REQUEST, _RESET_RESPONSE, _ADD_STREAMS = 13, 16, 17


class UnreadablePacket(ValueError):
    """A packet that no implementation sends."""


def count_chunks(data: bytes) -> int:
    """The chunks of a packet, each of which aiortc can read, in a time that its size bounds.

    Raises:
        UnreadablePacket: the packet has more than `MAX_CHUNKS`, or one that is not as RFC 9260, 3.3, RFC
            3758, 3.2, or RFC 6525, 4, lay it down.
    """
    kinds = []
    for kind, body in _chunks(data):
        kinds.append(kind)
        if len(kinds) > MAX_CHUNKS or not _is_sound(kind, body):
            raise UnreadablePacket(f"chunk {len(kinds)}, of type {kind}")
    if not kinds or (_INIT in kinds and len(kinds) > 1):
        raise UnreadablePacket("no chunk, or an INIT that is not alone")
    return len(kinds)


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = _COMMON_HEADER
    while at <= len(data) - _CHUNK_HEADER:
        kind, _flags, length = unpack_from("!BBH", data, at)
        if length < _CHUNK_HEADER or at + length > len(data):
            raise UnreadablePacket(f"a chunk of {length} bytes")
        yield kind, data[at + _CHUNK_HEADER : at + length]
        at += length + -length % 4


def _is_sound(kind: int, body: bytes) -> bool:
    size = len(body)
    if kind == _DATA:
        return size > 12  # RFC 9260, 3.3.1: user data is not empty
    if kind == _SACK:
        return size >= 12 and size == 12 + 4 * sum(unpack_from("!HH", body, 8))
    if kind == _SHUTDOWN:
        return size == 4
    if kind == _FORWARD_TSN:
        return size >= 4 and size % 4 == 0
    if kind in _PARAMETERS_AT:
        start = _PARAMETERS_AT[kind]
        return size >= start and _are_sound(body[start:], of_reconfig=kind == _RECONFIG)
    return True


def _are_sound(parameters: bytes, *, of_reconfig: bool) -> bool:
    """Whether each has at least its own header: aiortc never gets past one whose length is 0."""
    at = 0
    while at <= len(parameters) - 4:
        kind, length = unpack_from("!HH", parameters, at)
        if length < 4 or at + length > len(parameters):
            return False
        if of_reconfig and not _is_reset(kind, length - 4):
            return False
        at += length + -length % 4
    return True


def _is_reset(kind: int, size: int) -> bool:
    if kind == _RESET_REQUEST:
        return size >= 12 and size % 2 == 0
    return kind not in (_RESET_RESPONSE, _ADD_STREAMS) or size >= 8
