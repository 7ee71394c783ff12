"""A client that sends recorded or drawn pictures as its camera, for benchmarks and tests."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av.stream import Stream

from kyc_rtc.frames import BgrImage

CLOCK_RATE = 90_000
ChannelHandler = Callable[[dict[str, Any]], None]


def encode_vp8(
    images: Iterable[BgrImage], size: tuple[int, int], fps: int, kbps: int = 600
) -> list[bytes]:
    """Encode pictures of (width, height) `size` once, so that many tracks can send them without encoding."""
    encoder = av.CodecContext.create("libvpx", "w")
    if not isinstance(encoder, av.VideoCodecContext):
        raise TypeError("libvpx is not a video encoder")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.bit_rate = kbps * 1000
    encoder.gop_size = fps
    encoder.framerate = Fraction(fps)
    encoder.time_base = Fraction(1, fps)
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "error-resilient": "1",
    }
    packets: list[bytes] = []
    for number, image in enumerate(images):
        picture = av.VideoFrame.from_ndarray(image, format="bgr24")
        picture.pts = number
        packets += [bytes(packet) for packet in encoder.encode(picture)]
    return packets + [bytes(packet) for packet in encoder.encode(None)]


class EncodedTrack(MediaStreamTrack):
    """Sends encoded packets at a fixed rate, and begins anew after the last."""

    kind = "video"

    def __init__(self, packets: list[bytes], fps: int) -> None:
        super().__init__()
        self._packets = itertools.cycle(packets)
        self._fps = fps
        self._sent = 0
        self._started_s: float | None = None

    async def recv(self) -> av.Packet[Stream]:
        loop = asyncio.get_running_loop()
        self._started_s = loop.time() if self._started_s is None else self._started_s
        wait_s = self._started_s + self._sent / self._fps - loop.time()
        await asyncio.sleep(max(wait_s, 0))
        packet = av.Packet(next(self._packets))
        packet.pts = self._sent * CLOCK_RATE // self._fps
        packet.time_base = Fraction(1, CLOCK_RATE)
        self._sent += 1
        return packet


class PictureTrack(MediaStreamTrack):
    """Sends pictures that a function draws for a time in milliseconds, at most `fps` a second."""

    kind = "video"

    def __init__(self, draw: Callable[[float], BgrImage], fps: int) -> None:
        super().__init__()
        self._draw = draw
        self._interval_s = 1 / fps
        self._started_s: float | None = None
        self._next_s = 0.0

    async def recv(self) -> av.VideoFrame:
        now_s = asyncio.get_running_loop().time()
        self._started_s = now_s if self._started_s is None else self._started_s
        await asyncio.sleep(max(self._started_s + self._next_s - now_s, 0))
        elapsed_s = asyncio.get_running_loop().time() - self._started_s
        self._next_s = max(self._next_s + self._interval_s, elapsed_s)
        image = await asyncio.to_thread(self._draw, elapsed_s * 1000)
        picture = av.VideoFrame.from_ndarray(image, format="bgr24")
        picture.pts, picture.time_base = round(elapsed_s * CLOCK_RATE), Fraction(1, CLOCK_RATE)
        return picture


class Publisher:
    """The applicant's side of a session: a camera track and the two data channels.

    Answers `hello` with `ready`. `on_message` gets every message of the server, decoded from JSON.
    `configuration`: its STUN and TURN servers; without it none.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        on_message: ChannelHandler,
        configuration: RTCConfiguration | None = None,
    ) -> None:
        self._connection = RTCPeerConnection(configuration or RTCConfiguration(iceServers=[]))
        self._connection.addTrack(track)
        self._on_message = on_message
        self.reliable = self._open("kyc")
        self.telemetry = self._open("kyc-telemetry", ordered=False, maxRetransmits=0)

    def _open(self, label: str, **options: Any) -> RTCDataChannel:
        channel = self._connection.createDataChannel(label, **options)
        channel.on("message", self._receive)
        return channel

    def _receive(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "hello":
            self.say("ready")
        self._on_message(message)

    @property
    def is_open(self) -> bool:
        """Whether `kyc` is open."""
        return self.reliable.readyState == "open"

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message over `kyc`."""
        self.reliable.send(json.dumps({"v": 1, "seq": 0, "type": kind, **fields}))

    async def offer(self) -> str:
        """The SDP to post."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        sdp: str = self._connection.localDescription.sdp
        return sdp

    async def accept(self, answer_sdp: str) -> None:
        """Take the server's answer; the transport comes up by itself."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))

    async def aclose(self) -> None:
        await self._connection.close()
