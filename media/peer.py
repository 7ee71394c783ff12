"""One transport of a session: a peer connection that receives a camera and carries messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError

from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadSdp, Conflict
from kyc_rtc.frames import Frame
from kyc_rtc.ids import PeerId
from kyc_rtc.settings import MediaSettings
from media.aiortc_quirks import mend_buffer, request_keyframe, skip_lost_packets
from media.sdp import SDP_ERRORS, Fragment, Offer, with_start_bitrate
from media.timeline import MediaTimeline
from media.video_track import FrameSink, VerificationTrack

CHANNEL_LABELS = ("kyc", "kyc-telemetry")
MAX_INBOX = 64
MAX_BUFFERED_BYTES = {"kyc": 256 * 1024, "kyc-telemetry": 16 * 1024}
CLOSE_TIMEOUT_MS = 5_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """A data channel of ours can be written to."""

    label: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Text or bytes came over a data channel, unread and unchecked."""

    label: str
    data: str | bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """ICE and DTLS are up."""


@dataclass(frozen=True, slots=True)
class CameraStarted:
    """The first picture was decoded."""


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The transport is gone; nothing follows."""


PeerEvent = ChannelOpened | MessageReceived | Connected | CameraStarted | PeerClosed


class Peer:
    """Receives one camera and exchanges messages.

    aiortc's handlers only enqueue; `next_event` is what a session awaits. The inbox holds at most
    `MAX_INBOX` messages: a flood beyond it is dropped and counted in `messages_dropped`, the other
    events are few and always kept. `aclose` is idempotent and bounded in time.
    """

    def __init__(
        self,
        peer_id: PeerId,
        *,
        settings: MediaSettings,
        clock: Clock,
        timeline: MediaTimeline,
        sink: FrameSink,
    ) -> None:
        self.peer_id = peer_id
        self.messages_dropped = 0
        self._clock = clock
        self._settings = settings
        self._timeline = timeline
        self._sink = sink
        self._inbox: asyncio.Queue[PeerEvent] = asyncio.Queue()
        self._channels: dict[str, RTCDataChannel] = {}
        self._pump: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._connection = RTCPeerConnection(_configuration(settings))
        self._ice_ufrag = ""
        self.last_heard_ms = clock.monotonic_ms()
        self._connection.on("track", self._on_track)
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("connectionstatechange", self._on_connection_state)

    async def answer(self, offer: Offer) -> str:
        """Negotiate: the answer's SDP, with all of the server's candidates in it.

        Raises:
            BadSdp: aiortc refuses the offer, for instance for lack of a common codec.
        """
        self._ice_ufrag = offer.ice_ufrag
        camera = self._connection.addTransceiver("video", direction="recvonly")
        camera.setCodecPreferences(_preferred_codecs(self._settings.video_codecs))
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            for receiver in self._receivers():
                mend_buffer(receiver)
            for transceiver in self._connection.getTransceivers():
                if transceiver.kind == "audio":
                    transceiver.direction = "inactive"
            answer = await self._connection.createAnswer()
            await self._connection.setLocalDescription(answer)
            return with_start_bitrate(
                self._connection.localDescription.sdp, self._settings.start_bitrate_kbps
            )
        except SDP_ERRORS:
            raise BadSdp("the offer cannot be answered", hint="offer H.264 or VP8 video") from None

    async def add_candidates(self, fragment: Fragment) -> None:
        """Add trickled candidates.

        Raises:
            Conflict: the fragment belongs to another ICE session (an ICE restart is not supported).
            BadSdp: a candidate fits no media section.
        """
        if fragment.ice_ufrag and fragment.ice_ufrag != self._ice_ufrag:
            raise Conflict("ICE restart is not supported", hint="send a new offer instead")
        try:
            for candidate in fragment.candidates:
                await self._connection.addIceCandidate(candidate)
            if fragment.ended:
                await self._connection.addIceCandidate(None)
        except SDP_ERRORS:
            raise BadSdp("a candidate was refused") from None

    async def next_event(self) -> PeerEvent:
        """The next thing that happened. After `PeerClosed` nothing comes any more."""
        return await self._inbox.get()

    def send(self, label: str, text: str) -> bool:
        """Send a text message; False where the channel is not open or too much is waiting."""
        channel = self._channels.get(label)
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount + len(text) > MAX_BUFFERED_BYTES[label]:
            return False
        try:
            channel.send(text)
        except (InvalidStateError, ConnectionError):
            return False
        return True

    async def request_keyframe(self) -> None:
        """Ask for a whole picture on every camera track, and wait for no other any more."""
        for receiver in self._receivers():
            skip_lost_packets(receiver)
            await request_keyframe(receiver)

    async def aclose(self) -> None:
        """Close the transport, the track and the pump."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"peer-close-{self.peer_id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_MS / 1000):
                await self._connection.close()
        except TimeoutError:
            log.warning("peer_close_timeout", peer_id=self.peer_id)
        self._channels.clear()
        self._inbox.put_nowait(PeerClosed())

    def _receivers(self) -> list[RTCRtpReceiver]:
        receivers: list[RTCRtpReceiver] = self._connection.getReceivers()
        return [r for r in receivers if r.track is not None and r.track.kind == "video"]

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind != "video" or self._pump is not None:
            return
        self._timeline.restart()
        verification = VerificationTrack(track, self._take, self._timeline, self._clock)
        self._pump = asyncio.create_task(self._run_pump(verification), name=f"pump-{self.peer_id}")

    def _take(self, frame: Frame) -> None:
        self.last_heard_ms = frame.received_at_ms
        self._sink(frame)

    async def _run_pump(self, track: VerificationTrack) -> None:
        """Pull frames for as long as the camera delivers; nothing else pulls this track."""
        try:
            await track.recv()
            self._inbox.put_nowait(CameraStarted())
            await self.request_keyframe()
            while True:
                await track.recv()
        except MediaStreamError:
            log.info("camera_ended", peer_id=self.peer_id)
        finally:
            track.stop()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        label = channel.label
        if label not in CHANNEL_LABELS or label in self._channels:
            channel.close()
            return
        self._channels[label] = channel
        channel.on("message", lambda data: self._on_message(label, data))
        self._inbox.put_nowait(ChannelOpened(label))

    def _on_message(self, label: str, data: str | bytes) -> None:
        self.last_heard_ms = self._clock.monotonic_ms()
        if self._inbox.qsize() >= MAX_INBOX:
            self.messages_dropped += 1
            return
        self._inbox.put_nowait(MessageReceived(label, data))

    def _on_connection_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._inbox.put_nowait(Connected())
        elif state in ("failed", "closed") and self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"peer-close-{self.peer_id}")


def _configuration(settings: MediaSettings) -> RTCConfiguration:
    servers = [
        RTCIceServer(urls=list(s.urls), username=s.username, credential=s.credential)
        for s in settings.ice_servers
    ]
    return RTCConfiguration(iceServers=servers)


def _preferred_codecs(names: tuple[str, ...]) -> list[RTCRtpCodecCapability]:
    supported = RTCRtpReceiver.getCapabilities("video")
    capabilities = supported.codecs if supported else []
    wanted = [c for name in names for c in capabilities if c.name.upper() == name]
    return wanted + [c for c in capabilities if c.name.lower() == "rtx"]
