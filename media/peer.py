"""One transport of a session: a peer connection that receives a camera and carries messages."""

from __future__ import annotations

import asyncio

import structlog
from aioice.mdns import is_mdns_hostname
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCDataChannel,
    RTCIceCandidate,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError

from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadSdp, Conflict, RestartUnsupported, VideoTooLarge
from kyc_rtc.frames import Frame
from kyc_rtc.frames.sizes import LARGEST
from kyc_rtc.ids import PeerId
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from media.aiortc_quirks import (
    bound_pictures,
    close_parts,
    dtls_transports,
    request_keyframe,
    resolve_mdns,
    skip_lost_packets,
)
from media.candidates import PRIVATE_SETTING, CandidateRule, no_candidates
from media.dtls_watch import DtlsFailure
from media.peer_events import (
    CameraStarted,
    ChannelOpened,
    Connected,
    MessageReceived,
    PeerClosed,
    PeerEvent,
    Refused,
)
from media.peer_setup import lacks_relay, new_connection, preferred_codecs, prepare, video_receivers
from media.sdp import SDP_ERRORS, Fragment, Offer, with_start_bitrate
from media.sdp_codecs import as_offered
from media.sdp_lines import MAX_CANDIDATES
from media.timeline import MediaTimeline
from media.video_size import Size
from media.video_track import FrameSink, VerificationTrack

RELIABLE = "kyc"
CHANNEL_LABELS = (RELIABLE, "kyc-telemetry")
MAX_CHANNELS = 32
"""That a client may open, one after another: a page may close one and open it again."""

MAX_INBOX = 64
MAX_BUFFERED_BYTES = {RELIABLE: 256 * 1024, "kyc-telemetry": 16 * 1024}
CLOSE_TIMEOUT_MS = 5_000
"""The longest time that closing the connection may take."""

PARTS_LIMIT_S = 1.0
"""The same for its parts, where closing the connection failed or took too long."""

CONNECT_LIMIT_MS = 10_000
"""The longest time from a peer's answer until its DTLS is up."""

NAMES_LIMIT_S = 1.0
"""The longest time for resolving all mDNS names of one message."""

log = structlog.get_logger(__name__)


class Peer:
    """Receives one camera and exchanges messages.

    aiortc's handlers only enqueue, and a session awaits `next_event`. The inbox holds at most `MAX_INBOX`
    messages; further ones are dropped and counted in `messages_dropped`. The other events are few and
    always kept. A peer closes itself when it has no DTLS after `CONNECT_LIMIT_MS`, and when receiving its
    pictures fails. `aclose` is idempotent and bounded in time.
    """

    def __init__(
        self,
        peer_id: PeerId,
        *,
        settings: Settings,
        clock: Clock,
        timeline: MediaTimeline,
        sink: FrameSink,
        metrics: Metrics,
    ) -> None:
        self.peer_id = peer_id
        self.messages_dropped = 0
        self._clock = clock
        self._settings = settings.media
        self._rule = CandidateRule(
            private=settings.private_candidates_allowed, local=settings.development
        )
        self._candidates_taken = self._candidates_tried = self._candidates_refused = 0
        self._timeline = timeline
        self._sink = sink
        self._metrics = metrics
        self._inbox: asyncio.Queue[PeerEvent] = asyncio.Queue()
        self._channels: dict[str, RTCDataChannel] = {}
        self._pump: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._too_large: VideoTooLarge | None = None
        self._is_connected = self._has_channel = self._is_relayed = self._is_left = False
        self._connection = new_connection(settings.media, clock.now_ms())
        self._first_offer: Offer | None = None
        self._negotiating = asyncio.Lock()
        self._channels_opened = 0
        self.last_heard_ms = clock.monotonic_ms()
        self._connection.on("track", self._on_track)
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("connectionstatechange", self._on_connection_state)

    async def answer(self, offer: Offer) -> str:
        """Negotiate: the answer's SDP, with all of the server's candidates in it.

        Raises:
            BadSdp: aiortc refuses the offer, such as for lack of a codec. Conflict: the connection has ended.
        """
        if self._first_offer is not None:
            return await self._answer_again(offer, self._first_offer)
        self._first_offer = offer
        self._has_channel = offer.has_data_channel
        camera = self._connection.addTransceiver("video", direction="recvonly")
        camera.setCodecPreferences(preferred_codecs(self._settings.video_codecs))
        try:
            await self._connection.setRemoteDescription(
                RTCSessionDescription(offer.bare_sdp, "offer")
            )
            prepare(
                self._connection,
                self._settings,
                self._clock,
                on_too_large=self._on_too_large,
                on_flood=self._on_flood,
                on_dtls_failure=self._on_dtls_failure,
            )
            await self._add(offer.candidates, ended=offer.ended)
            for transceiver in self._connection.getTransceivers():
                if transceiver.kind == "audio":
                    transceiver.direction = "inactive"
            answer = await self._local_answer(offer)
        except SDP_ERRORS:
            raise self._unanswerable() from None
        self._waiting = asyncio.create_task(self._wait(), name=f"peer-wait-{self.peer_id}")
        if lacks_relay(self._settings, answer):
            log.warning("turn_unavailable", peer_id=self.peer_id)
        return answer

    def is_continued_by(self, offer: Offer) -> bool:
        """Whether an offer negotiates anew on this connection, which is up (RFC 8829, 5.2.2)."""
        return (
            self._is_connected
            and self._closing is None
            and self._first_offer is not None
            and offer.connection == self._first_offer.connection
        )

    async def _answer_again(self, offer: Offer, first: Offer) -> str:
        """The same media sections, with what changed in them, such as another camera in the same one.
        Candidates are those of an ICE session that is up already: none of them is used."""
        if offer.sections != first.sections:
            raise BadSdp(
                "the offer adds or removes a media section of a connection that is up",
                hint="offer the camera and the data channels at once, or make a new connection",
            )
        try:
            async with self._negotiating:  # or two offers at once both get the later one's answer
                if self._closing is not None:
                    raise Conflict("the connection has ended", hint="make a new connection")
                await self._connection.setRemoteDescription(
                    RTCSessionDescription(offer.bare_sdp, "offer")
                )
                return await self._local_answer(offer)
        except SDP_ERRORS:
            raise self._unanswerable() from None

    async def _local_answer(self, offer: Offer) -> str:
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        answered = as_offered(self._connection.localDescription.sdp, offer.h264)
        return with_start_bitrate(answered, self._settings.start_bitrate_kbps)

    def _unanswerable(self) -> BadSdp:
        codecs = " or ".join(self._settings.video_codecs)
        return BadSdp(
            "the offer cannot be answered",
            hint=f"offer {codecs} video; audio, if any, as Opus, PCMU or PCMA",
        )

    async def add_candidates(self, fragment: Fragment) -> None:
        """Add trickled candidates; those that may not be tried are left out.

        Raises:
            RestartUnsupported: the fragment belongs to another ICE session.
            BadSdp: aiortc refuses one.
        """
        ours = self._first_offer.ice_ufrag if self._first_offer is not None else ""
        if fragment.ice_ufrag and fragment.ice_ufrag != ours:
            raise RestartUnsupported(
                "an ICE restart is not supported", hint="send a new offer instead"
            )
        try:
            await self._add(fragment.candidates, ended=fragment.ended)
        except SDP_ERRORS:
            raise BadSdp("a candidate was refused") from None

    async def _add(self, candidates: tuple[RTCIceCandidate, ...], *, ended: bool) -> None:
        """Try the candidates that the rule admits, of `MAX_CANDIDATES` for a peer at most.

        Those with an address come first; names are looked up afterwards, all together. The end of the
        candidates (RFC 8838, 14) is held back where one was left out: the client behind it may still come by
        its own checks, as a peer-reflexive candidate (RFC 8445, 7.3.1.3), and at their end aioice gives up.
        It is also held back while another message's names are being resolved.
        """
        candidates = candidates[: MAX_CANDIDATES - self._candidates_taken]
        self._is_relayed |= any(candidate.type == "relay" for candidate in candidates)
        self._candidates_taken += len(candidates)  # before any await: other messages come meanwhile
        hidden = [one for one in candidates if is_mdns_hostname(one.ip)]
        await self._try([one for one in candidates if one not in hidden], {})
        names = self._rule.names_of(hidden)
        await self._try(hidden, await resolve_mdns(names, NAMES_LIMIT_S) if names else {})
        if ended and 0 < self._candidates_tried == self._candidates_taken:
            await self._connection.addIceCandidate(None)

    async def _try(self, candidates: list[RTCIceCandidate], addresses: dict[str, str]) -> None:
        tried = self._rule.admitted(candidates, addresses)
        self._candidates_tried += len(tried)
        self._candidates_refused += len(candidates) - len(tried)
        for candidate in tried:
            await self._connection.addIceCandidate(candidate)

    async def next_event(self) -> PeerEvent:
        """The next event. `PeerClosed` is the last one."""
        return await self._inbox.get()

    def send(self, label: str, text: str) -> bool:
        """Send a text message. False where the channel is not open, or where too many bytes wait."""
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
        """Ask for a key frame on every camera track, and stop waiting for lost packets."""
        for receiver in video_receivers(self._connection):
            skip_lost_packets(receiver)
            await request_keyframe(receiver)

    async def aclose(self) -> None:
        """Close the transport, the track and the pump."""
        self._is_left = True
        self._begin_closing()
        if self._closing is not None:
            await asyncio.shield(self._closing)

    def _begin_closing(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"peer-close-{self.peer_id}")

    async def _wait(self) -> None:
        """Close the peer if DTLS is not up in time."""
        await self._clock.sleep_ms(CONNECT_LIMIT_MS)
        if self._is_connected:
            return
        log.info("peer_never_connected", peer_id=self.peer_id)
        if self._settings.has_turn and not self._is_relayed:
            log.warning("client_without_relay", peer_id=self.peer_id)
            self._metrics.without_relay.inc()
        if any(one.state == "connecting" for one in dtls_transports(self._connection)):
            self._on_dtls_failure(DtlsFailure.TIMEOUT, "the handshake did not end")
        self._is_left = True
        if self._candidates_refused and not self._candidates_tried:
            log.warning("candidates_refused", peer_id=self.peer_id, setting=PRIVATE_SETTING)
            self._inbox.put_nowait(Refused(no_candidates()))
        self._begin_closing()

    async def _close(self) -> None:
        try:
            tasks = [task for task in (self._pump, self._waiting) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close_connection()
        except Exception:  # the root of the task
            log.exception("peer_close_failed", peer_id=self.peer_id)
        finally:
            self._channels.clear()
            self._inbox.put_nowait(PeerClosed())

    async def _close_connection(self) -> None:
        """Close it whole, or else part by part. aioice swallows a cancellation, so nothing is awaited that
        could outlast its limit."""
        closing = asyncio.create_task(self._connection.close(), name=f"rtc-close-{self.peer_id}")
        await asyncio.wait((closing,), timeout=CLOSE_TIMEOUT_MS / 1000)
        if not closing.done():
            log.warning("peer_close_timeout", peer_id=self.peer_id)
            closing.cancel()
        else:
            (error,) = await asyncio.gather(closing, return_exceptions=True)
            if error is None:
                return
            log.error("peer_close_failed", peer_id=self.peer_id, exc_info=error)
        await close_parts(self._connection, PARTS_LIMIT_S)

    def _on_track(self, track: MediaStreamTrack) -> None:
        bound_pictures(track)
        if track.kind != "video" or self._pump is not None:
            return
        self._timeline.restart()
        verification = VerificationTrack(track, self._take, self._timeline, self._clock)
        self._pump = asyncio.create_task(self._run_pump(verification), name=f"pump-{self.peer_id}")

    def _take(self, frame: Frame) -> None:
        self.last_heard_ms = frame.received_at_ms
        self._sink(frame)

    async def _run_pump(self, track: VerificationTrack) -> None:
        """Receive frames until the camera ends. Nothing else reads this track.

        An error closes the peer: without a reader the client would seem alive, and no picture would come.
        """
        try:
            await track.recv()
            self._inbox.put_nowait(CameraStarted())
            await self.request_keyframe()
            while True:
                await track.recv()
        except MediaStreamError:
            log.info("camera_ended", peer_id=self.peer_id)
        except Exception:  # the root of the task
            log.exception("camera_failed", peer_id=self.peer_id)
            self._begin_closing()
        finally:
            track.stop()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        label = channel.label
        self._channels_opened += 1
        if label not in CHANNEL_LABELS or self._channels_opened > MAX_CHANNELS:
            channel.close()
            return
        former = self._channels.get(label)
        self._channels[label] = channel
        if former is not None and former.readyState == "open":
            former.close()
        channel.on("message", lambda data: self._on_message(channel, data))
        self._inbox.put_nowait(ChannelOpened(label))
        if label == RELIABLE and self._too_large is not None:
            self._inbox.put_nowait(Refused(self._too_large))

    def _on_message(self, channel: RTCDataChannel, data: str | bytes) -> None:
        if self._channels.get(channel.label) is not channel:
            return  # another one has its place
        self.last_heard_ms = self._clock.monotonic_ms()
        if self._inbox.qsize() >= MAX_INBOX:
            self.messages_dropped += 1
            return
        self._inbox.put_nowait(MessageReceived(channel.label, data))

    def _on_connection_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._is_connected = True
            self._inbox.put_nowait(Connected())
        elif state in ("failed", "closed"):
            self._begin_closing()

    def _on_dtls_failure(self, failure: DtlsFailure, why: str) -> None:
        if not self._is_left:  # else it is our own doing
            self._metrics.dtls_failures.labels(failure.value).inc()
            log.warning("dtls_failed", peer_id=self.peer_id, failure=failure.value, why=why)

    def _on_flood(self, reason: str) -> None:
        log.warning("peer_flooded", peer_id=self.peer_id, reason=reason)
        self._begin_closing()

    def _on_too_large(self, size: Size) -> None:
        """Report it once: at once, or when the channel opens by which the client can read it."""
        if self._too_large is not None:
            return
        log.warning("video_too_large", peer_id=self.peer_id, width=size.width, height=size.height)
        self._too_large = VideoTooLarge(
            f"the video has {size.width}x{size.height} pixels, and the limit is {LARGEST}",
            hint="send a smaller picture",
        )
        if RELIABLE in self._channels or not self._has_channel:
            self._inbox.put_nowait(Refused(self._too_large))
