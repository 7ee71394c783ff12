"""What a client's RTP may make aiortc do and keep (RFC 3550). There are no upstream issues."""

# ruff: noqa: SLF001 - transports and receivers have no public hooks for this

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCRtpReceiver
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket
from aiortc.utils import uint16_add
from pylibsrtp import Error, Session

MAX_SOURCES = 8
"""SSRCs of a transport. A camera has two, its video and what is sent again (RTX)."""


class BoundedSession:
    """A transport's inbound SRTP, which reads only the first `MAX_SOURCES` SSRCs that are authentic, of RTP
    and of RTCP each.

    libsrtp keeps keys for each SSRC, aiortc a statistic; a receiver report of more than 31 of them is not
    one any more (RFC 3550, 6.4.1), and the 256th ends the task that `RTCRtpReceiver.stop` waits for.
    """

    def __init__(self, session: Session) -> None:
        self.dropped = 0
        self._session = session
        self._sources: set[bytes] = set()
        self._reporters: set[bytes] = set()

    def unprotect(self, packet: bytes) -> bytes:
        """Decrypt RTP. Raises `pylibsrtp.Error` where it is not read; aiortc drops it then."""
        return self._read(packet, packet[8:12], self._sources, self._session.unprotect)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Decrypt RTCP, likewise."""
        return self._read(packet, packet[4:8], self._reporters, self._session.unprotect_rtcp)

    def _read(
        self, packet: bytes, ssrc: bytes, known: set[bytes], read: Callable[[bytes], bytes]
    ) -> bytes:
        if ssrc not in known and len(known) >= MAX_SOURCES:
            self.dropped += 1
            raise Error("one SSRC too many")
        plain = read(packet)
        known.add(ssrc)
        return plain


def bound_sources(connection: RTCPeerConnection) -> None:
    """Bound the SSRCs of each of a connection's transports. To be called before they come up. Goes away when
    aiortc bounds the streams that it counts.

    Raises:
        RuntimeError: this aiortc sets SRTP up elsewhere. Without the limit no media is received.
    """
    transports = {receiver.transport for receiver in connection.getReceivers()}
    if connection.sctp is not None:
        transports.add(connection.sctp.transport)
    for transport in transports:
        _bound(transport)


def _bound(transport: RTCDtlsTransport) -> None:
    original: Any = getattr(transport, "_setup_srtp", None)
    if not callable(original) or getattr(transport, "_rx_srtp", ...) is not None:
        raise RuntimeError("this version of aiortc receives from any number of sources")

    def set_up() -> None:
        original()
        if transport._rx_srtp is not None:
            setattr(transport, "_rx_srtp", BoundedSession(transport._rx_srtp))  # noqa: B010

    setattr(transport, "_setup_srtp", set_up)  # noqa: B010 - for mypy


class BoundedNacks(NackGenerator):
    """aiortc's list of lost packets, with the same result but without a walk through all of a jump.

    aiortc lists up to 32,767 sequence numbers of each, and then forgets all but the last 128: 7 ms for a
    packet of a dozen bytes.
    """

    def add(self, packet: RtpPacket) -> bool:
        """Take a packet; whether others are missing since the last."""
        if self.max_seq is not None:
            ahead = uint16_add(packet.sequence_number, -self.max_seq)
            if RTP_HISTORY_SIZE + 1 < ahead < 0x8000:
                self.missing.clear()
                self.max_seq = uint16_add(packet.sequence_number, -RTP_HISTORY_SIZE - 1)
        return super().add(packet)


_NACKS = "_RTCRtpReceiver__nack_generator"


def bound_nacks(receiver: RTCRtpReceiver) -> None:
    """Give a video receiver the list above. To be called before any packet comes. Goes away when aiortc
    counts a jump without walking through it.

    Raises:
        RuntimeError: this aiortc keeps its list elsewhere.
    """
    if type(getattr(receiver, _NACKS, None)) is not NackGenerator:
        raise RuntimeError("this version of aiortc lists lost packets without a limit")
    setattr(receiver, _NACKS, BoundedNacks())
