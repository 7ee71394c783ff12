"""Where aiortc's public API does not reach. Each entry names its upstream issue and when it may go."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from collections.abc import Callable, Collection

from aioice.ice import get_or_create_mdns_protocol, unref_mdns_protocol
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

from media.decoder_queue import DecoderQueue
from media.video_size import Size


async def request_keyframe(receiver: RTCRtpReceiver) -> bool:
    """Ask the sender for a whole picture (PLI, RFC 4585, 6.3.1). False before any packet came.

    aiortc sends a PLI by itself on decoding trouble only (aiortc issues 335, 58). One on join, and
    one when packets come but no picture does, spare the applicant a frozen or torn picture. Goes
    away when RTCRtpReceiver has a public method for it.
    """
    sources = receiver.getSynchronizationSources()
    for source in sources:
        await receiver._send_rtcp_pli(source.source)  # noqa: SLF001
    return bool(sources)


class CameraBuffer(JitterBuffer):
    """aiortc's jitter buffer, but one that recovers from an outage, and hands on no torn picture.

    aiortc's own waits behind packets that were lost until 512 are there, 4 s at 1 Mbit/s, and is thrown
    back by one that is sent again late; what comes between an outage and the next key frame is decoded
    from pictures that were lost, so that it shows a smeared face, or none. Here a late packet is ignored,
    `skip_hole` gives lost ones up, and after that pictures are held back until a key frame, at most
    `TORN_PICTURES`. Goes away when aiortc's gives up by time and waits for a key frame.
    """

    TORN_PICTURES = 60
    """So many are held back at most: not every sender makes a key frame when asked."""

    def __init__(self) -> None:
        super().__init__(capacity=512, is_video=True)
        self._torn_left = 0

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet: whether a key frame is needed, and a picture if one is complete."""
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
        """Empty it up to the last unbroken run of packets; whether there was a hole before that."""
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


def is_key_frame(data: bytes) -> bool:
    """Of VP8 (RFC 6386, 9.1: the start code) or H.264 (a NAL unit of type 5, in a byte stream)."""
    if data[:4] == b"\x00\x00\x00\x01":
        return _IDR.search(data) is not None
    return data[3:6] == b"\x9d\x01\x2a" and not data[0] & 1


_IDR = re.compile(rb"\x00\x00\x01[\x05\x25\x45\x65]")
_BUFFER = "_RTCRtpReceiver__jitter_buffer"


def mend_buffer(receiver: RTCRtpReceiver) -> None:
    """Give a video receiver the buffer above. To be called before any packet comes."""
    if isinstance(getattr(receiver, _BUFFER, None), JitterBuffer):
        setattr(receiver, _BUFFER, CameraBuffer())


def skip_lost_packets(receiver: RTCRtpReceiver) -> bool:
    """Wait no longer for packets that were lost; whether there were any. To be called when packets
    come but no picture does."""
    buffer = getattr(receiver, _BUFFER, None)
    return isinstance(buffer, CameraBuffer) and buffer.skip_hole()


_DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"
_DECODER_ERROR = "_RTCRtpReceiver__decoder_error"


def bound_decoder(receiver: RTCRtpReceiver, on_too_large: Callable[[Size], None]) -> DecoderQueue:
    """Give a video receiver a bounded queue before its decoder, through which no frame passes that
    unpacks to more than is allowed. To be called before any packet comes.

    aiortc decodes whatever comes, at up to 16,383 pixels a side, and its queue has no bound. There is no
    upstream issue about the size, and none about this queue (642 is about the one behind the decoder).
    Goes away when aiortc has a hook before decoding.

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
    """Bound what each of a connection's ICE transports keeps. To be called before it gathers.

    aioice keeps every datagram that is no STUN, whoever sent it, until somebody reads; before ICE is
    done nobody does. There is no upstream issue. Goes away when aioice bounds its queue.
    """
    transports = [receiver.transport.transport for receiver in connection.getReceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport.transport)
    for transport in transports:
        transport._connection._queue = DatagramQueue()  # noqa: SLF001


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
