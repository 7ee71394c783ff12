"""What aiortc's public API does not offer. Each entry names its upstream issue, and when it may go."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any

from aioice.ice import get_or_create_mdns_protocol, unref_mdns_protocol
from aiortc import MediaStreamTrack, RTCIceTransport, RTCPeerConnection, RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, SRTPProtectionProfile
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtcsctptransport import Chunk
from aiortc.rtp import RtpPacket
from OpenSSL import SSL

from media.decoder_queue import DecoderQueue
from media.video_size import Size, is_key_frame


async def request_keyframe(receiver: RTCRtpReceiver) -> bool:
    """Ask the sender for a whole picture (PLI, RFC 4585, 6.3.1). False before any packet came.

    aiortc sends a PLI by itself only when it cannot decode (aiortc issues 335, 58). We send one more on
    join, and one when packets come but no picture does; otherwise the picture would stay frozen or torn.
    Goes away when RTCRtpReceiver has a public method for it.
    """
    sources = receiver.getSynchronizationSources()
    for source in sources:
        await receiver._send_rtcp_pli(source.source)  # noqa: SLF001
    return bool(sources)


class CameraBuffer(JitterBuffer):
    """A jitter buffer that recovers from an outage, and hands on no torn picture.

    aiortc's own buffer waits for lost packets until it holds 512, which takes 4 s at 1 Mbit/s, and a packet
    that is sent again late throws it back. Pictures between an outage and the next key frame refer to
    pictures that were lost: they show a smeared face, or none. This buffer ignores late packets.
    `skip_hole` makes it give lost packets up; afterwards it holds pictures back until a key frame, but at
    most `TORN_PICTURES`. Goes away when aiortc's buffer gives up by time and waits for a key frame.
    """

    TORN_PICTURES = 60
    """The most pictures that are held back: not every sender makes a key frame when asked."""

    def __init__(self) -> None:
        super().__init__(capacity=512, is_video=True)
        self._torn_left = 0

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet. Returns whether a key frame is needed, and a picture if one is complete."""
        origin = self._origin
        if (
            origin is not None
            and 0 < (origin - packet.sequence_number) % 65_536 < 2 * self.capacity
        ):
            return False, None
        lost, picture = super().add(packet)
        if lost:
            self._torn_left = self.TORN_PICTURES
        if picture is None or self._torn_left == 0:
            return lost, picture
        self._torn_left = 0 if is_key_frame(picture.data) else self._torn_left - 1
        return lost, picture if self._torn_left == 0 else None

    def skip_hole(self) -> bool:
        """Drop all before the last unbroken run of packets. False where there was no hole before it."""
        origin, size = self._origin, self.capacity
        if origin is None:
            return False
        here = [self._packets[(origin + count) % size] is not None for count in range(size)]
        if not any(here):
            return False
        first = max(count for count, is_here in enumerate(here) if is_here)
        while first > 0 and here[first - 1]:
            first -= 1
        if first > 0:
            self.remove(first)
            self._torn_left = self.TORN_PICTURES
        return first > 0


_BUFFER = "_RTCRtpReceiver__jitter_buffer"


def mend_buffer(receiver: RTCRtpReceiver) -> None:
    """Give a video receiver a `CameraBuffer`. To be called before any packet comes."""
    if isinstance(getattr(receiver, _BUFFER, None), JitterBuffer):
        setattr(receiver, _BUFFER, CameraBuffer())


def skip_lost_packets(receiver: RTCRtpReceiver) -> bool:
    """Stop waiting for lost packets. False where none were lost. To be called when packets come but no
    picture does."""
    buffer = getattr(receiver, _BUFFER, None)
    return isinstance(buffer, CameraBuffer) and buffer.skip_hole()


_DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"
_DECODER_ERROR = "_RTCRtpReceiver__decoder_error"


def bound_decoder(receiver: RTCRtpReceiver, on_too_large: Callable[[Size], None]) -> DecoderQueue:
    """Give a video receiver a bounded queue before its decoder, which refuses pictures that are too large.
    To be called before any packet comes.

    aiortc decodes whatever comes, at up to 16,383 pixels a side, and its queue has no bound. There is no
    upstream issue about the size, and none about this queue (642 is about `PictureQueue`'s). Goes away when
    aiortc has a hook before decoding.

    Raises:
        RuntimeError: this aiortc keeps its queue elsewhere. Without the limit nothing is decoded.
    """
    needed = getattr(receiver, _DECODER_ERROR, None)
    if not (
        isinstance(needed, threading.Event)
        and isinstance(getattr(receiver, _DECODER_QUEUE, None), queue.Queue)
    ):
        raise RuntimeError("this version of aiortc decodes without a limit")
    bounded = DecoderQueue(needed, on_too_large)
    setattr(receiver, _DECODER_QUEUE, bounded)
    return bounded


class PictureQueue(asyncio.Queue[Any]):
    """Decoded pictures that a track has not delivered yet: at most `MOST`, then the oldest is dropped.

    aiortc puts pictures, and None at the end, with `put`.
    """

    MOST = 8

    async def put(self, item: Any) -> None:
        """Add one, or the end. Never waits."""
        if item is not None and self.qsize() >= self.MOST:
            self.get_nowait()
        self.put_nowait(item)


def bound_pictures(track: MediaStreamTrack) -> None:
    """Bound the decoded pictures of a received track. To be called before anything reads the track.

    aiortc decodes on while nobody reads, without a limit (aiortc issue 642). Goes away when that is fixed.

    Raises:
        RuntimeError: this version of aiortc keeps them elsewhere. Without the limit nothing is received.
    """
    if not isinstance(track, RemoteStreamTrack):
        return
    if not isinstance(getattr(track, "_queue", None), asyncio.Queue):
        raise RuntimeError("this version of aiortc keeps decoded pictures without a limit")
    track._queue = PictureQueue()  # noqa: SLF001


_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-SHA",
)
"""aiortc's own, and three with which a DTLS server may have an RSA certificate."""


class Certificate(RTCCertificate):
    """A certificate, P-256 as aiortc's, whose connections reach DTLS servers with RSA certificates too."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(":".join(_SUITES).encode())
        return context


_CERTIFICATES = "_RTCPeerConnection__certificates"


def admit_rsa(connection: RTCPeerConnection) -> None:
    """Let a client with an RSA certificate be the DTLS server. To be called before anything is negotiated.

    GStreamer's certificates are RSA, and aiortc offers ECDSA suites only, so the handshake fails for clients
    that insist on `a=setup:passive` (aiortc pull requests 1392, 1421). Goes away when aiortc has ECDHE-RSA.
    """
    if not isinstance(getattr(connection, _CERTIFICATES, None), list):
        raise RuntimeError("this version of aiortc keeps its certificate elsewhere")
    setattr(connection, _CERTIFICATES, [Certificate.generateCertificate()])


class DatagramQueue(asyncio.Queue[tuple[bytes, int] | None]):
    """Received datagrams, at most `MOST`: further ones are dropped, as UDP may. So is what aiortc cannot
    read: nothing at all, or more than `MOST_BYTES`. Either would end its transport, whoever sent it."""

    MOST = 512
    MOST_BYTES = 1_500

    def put_nowait(self, item: tuple[bytes, int] | None) -> None:
        """Add one, or the end."""
        if item is None or (self.qsize() < self.MOST and 0 < len(item[0]) <= self.MOST_BYTES):
            super().put_nowait(item)


def bound_datagrams(connection: RTCPeerConnection) -> None:
    """Bound the datagrams that each ICE transport of a connection keeps. To be called before it gathers.

    aioice keeps every datagram other than STUN, whoever sent it, until somebody reads; before ICE is
    done nobody does. There is no upstream issue. Goes away when aioice bounds its queue.
    """
    for transport in ice_transports(connection):
        transport._connection._queue = DatagramQueue()  # noqa: SLF001


def bound_gathering(connection: RTCPeerConnection, limit_s: int) -> None:
    """Bound the time in which STUN and TURN servers may answer. To be called before it gathers.

    aioice waits 5 s for a server that is out of reach, and so would the client. There is no upstream issue.
    Goes away when aiortc answers before it has gathered, or has a setting for the time.
    """
    for transport in ice_transports(connection):
        ice = transport._connection  # noqa: SLF001
        gather = partial(ice.get_component_candidates, timeout=limit_s)
        setattr(ice, "get_component_candidates", gather)  # noqa: B010 - mypy takes no assignment to a method


def dtls_transports(connection: RTCPeerConnection) -> set[RTCDtlsTransport]:
    found = {receiver.transport for receiver in connection.getReceivers()}
    return found | ({connection.sctp.transport} if connection.sctp is not None else set())


def ice_transports(connection: RTCPeerConnection) -> set[RTCIceTransport]:
    """Those of a connection. There is no upstream issue. Goes away when aiortc has a method for it."""
    return {dtls.transport for dtls in dtls_transports(connection)}


_SCTP_TASKS = (
    "_data_channel_flush",
    "_send_reconfig_param",
    "_transmit",
    "_transmit_reconfig",
)
"""What RTCSctpTransport runs as tasks that nobody awaits."""


def expect_dead_link(connection: RTCPeerConnection) -> None:
    """Let a connection's data channels end quietly when their link is gone.

    aiortc sends their messages in tasks that nobody awaits. Where DTLS is closed already, such a task fails
    with ConnectionError, or with OpenSSL's "protocol is shutdown" in the moment before DTLS knows that it
    is closed, and asyncio logs "Task exception was never retrieved". Only these two errors are caught, and
    the task ends as before: a retransmission timer that went on would never stop. There is no upstream
    issue. Goes away when aiortc awaits its tasks.
    """
    sctp = connection.sctp
    if sctp is None:
        return
    send_chunk = sctp._send_chunk  # noqa: SLF001

    async def send(chunk: Chunk) -> None:
        try:
            await send_chunk(chunk)
        except (ConnectionError, SSL.Error) as error:
            # Those of the T1 and T2 timers are sent by tasks too, and these timers give up by count.
            if chunk not in (sctp._t1_chunk, sctp._t2_chunk):  # noqa: SLF001
                raise ConnectionError("the link is gone") from error

    setattr(sctp, "_send_chunk", send)  # noqa: B010 - mypy takes no assignment to a method
    for name in _SCTP_TASKS:
        setattr(sctp, name, _until_link_is_gone(getattr(sctp, name)))


def _until_link_is_gone(work: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def run(*arguments: Any) -> None:
        with suppress(ConnectionError):
            await work(*arguments)

    return run


async def close_parts(connection: RTCPeerConnection, limit_s: float) -> None:
    """Close what a failed or late `RTCPeerConnection.close` left open, each part by itself.

    `close` stops one part after another, so that an error in the first leaves the others running, and a
    second call does nothing. What is not closed after `limit_s` loses its decoder thread and its sockets.
    There is no upstream issue. Goes away when `close` closes every part.
    """
    sctp = [connection.sctp] if connection.sctp is not None else []
    ice = ice_transports(connection)
    parts = [*connection.getTransceivers(), *sctp, *dtls_transports(connection), *ice]
    stopping = [asyncio.create_task(_stop(part)) for part in parts]
    if stopping:
        _, late = await asyncio.wait(stopping, timeout=limit_s)
        for task in late:
            task.cancel()
    for receiver in connection.getReceivers():
        getattr(receiver, _DECODER_QUEUE).put(None)
    for transport in ice:
        for protocol in tuple(transport._connection._protocols):  # noqa: SLF001
            protocol.transport.close()


async def _stop(part: Any) -> None:
    with suppress(Exception):  # the root of a task; the error of `close` is logged already
        await part.stop()


async def resolve_mdns(names: Collection[str], limit_s: float) -> dict[str, str]:
    """Addresses of `.local` names (RFC 6762), asked for together; without those that are not known
    within `limit_s`, or where the host has no multicast.

    aioice resolves by itself, but hands the address to nobody who could refuse it. There is no upstream
    issue. Goes away when aioice has a hook between resolving and the first check.
    """
    subscriber = object()
    try:
        async with asyncio.timeout(limit_s):
            protocol = await get_or_create_mdns_protocol(subscriber)
        asked = {name: asyncio.create_task(protocol.resolve(name, limit_s)) for name in names}
        try:
            await asyncio.wait(asked.values(), timeout=limit_s)
        finally:
            for task in asked.values():
                task.cancel()
            found = await asyncio.gather(*asked.values(), return_exceptions=True)
    except (OSError, TimeoutError):
        return {}
    finally:
        await unref_mdns_protocol(subscriber)
    answers = zip(names, found, strict=True)
    return {name: address for name, address in answers if isinstance(address, str)}
