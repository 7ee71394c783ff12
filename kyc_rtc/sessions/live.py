"""One live session: its tasks, its peer, its verification, from the first join to the close."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from kyc_rtc.detection.evidence import Sign
from kyc_rtc.errors import BadMessage, Conflict
from kyc_rtc.frames import BgrImage, Frame, Mailbox
from kyc_rtc.ids import PeerId, new_peer_id
from kyc_rtc.liveness.catalogue import Challenge
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.pipeline.verification import Ending
from kyc_rtc.sessions import messages
from kyc_rtc.sessions.deadlines import Facts, Step, next_step
from kyc_rtc.sessions.judgement import Judgement
from kyc_rtc.sessions.outbox import Follower
from kyc_rtc.sessions.ports import PeerPort, Services
from kyc_rtc.sessions.states import FINAL, SessionState
from kyc_rtc.sessions.wire import InboundType, parse_message
from kyc_rtc.storage.records import SessionRecord
from media.peer import CameraStarted, ChannelOpened, Connected, MessageReceived, PeerClosed
from media.sdp import Fragment, Offer
from media.timeline import MediaTimeline

WATCHDOG_INTERVAL_MS = 500.0
LINGER_MS = 4_000.0
"""After the verdict, how long the peer may stay, so that the message surely arrives."""

log = structlog.get_logger(__name__)


class LiveSession:
    """Owns every task of a session. `run` returns when the session is over and all is closed.

    Methods may be called while `run` runs, from the same event loop.
    """

    def __init__(self, record: SessionRecord, services: Services) -> None:
        self._services = services
        self._clock = services.clock
        self._judgement = Judgement(record, services)
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._timeline = MediaTimeline()
        self._peer: PeerPort | None = None
        self._peer_watch: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._started = asyncio.Event()
        self._over = asyncio.Event()
        self._peer_gone = asyncio.Event()
        self._ready = False
        self._joined_at_ms: float | None = None
        self._alone_since_ms = self._last_upload_ms = self._clock.monotonic_ms()
        self._switching = asyncio.Lock()

    @property
    def record(self) -> SessionRecord:
        return self._judgement.record

    @property
    def joined(self) -> bool:
        """Whether it ever had a peer or an upload: only then does it cost CPU."""
        return self._joined_at_ms is not None

    def challenges(self) -> tuple[Mapping[str, Any], ...]:
        """The challenges so far, as stored."""
        return self._judgement.challenges()

    async def run(self) -> None:
        """Run until the verdict is stored and delivered, or the session is cancelled from outside."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._started.set()
                loops = (
                    tasks.create_task(self._analyse_frames(), name="analyse"),
                    tasks.create_task(self._watch_deadlines(), name="watchdog"),
                )
                await self._over.wait()
                await self._linger()
                for task in (*loops, *([self._peer_watch] if self._peer_watch else [])):
                    task.cancel()
        finally:
            self._tasks = None
            await asyncio.shield(self._close())

    async def started(self) -> None:
        """Wait until `run` takes calls."""
        await self._started.wait()

    async def _linger(self) -> None:
        if self._peer is None:
            return
        linger = asyncio.ensure_future(self._clock.sleep_ms(LINGER_MS))
        gone = asyncio.ensure_future(self._peer_gone.wait())
        _, pending = await asyncio.wait({linger, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _close(self) -> None:
        self._mailbox.close()
        if self._peer is not None:
            await self._peer.aclose()
        await self._judgement.aclose()

    # What comes from outside

    def reserve(self) -> None:
        """Take a place among the live sessions; call it before `offer` and `upload`."""
        if self._joined_at_ms is None:
            self._joined_at_ms = self._clock.monotonic_ms()

    async def offer(self, offer: Offer) -> tuple[PeerId, str]:
        """Connect a camera; an earlier peer makes way. Raises `BadSdp`, `Conflict`."""
        async with self._switching:
            tasks = self._require_running()
            peer = self._services.new_peer(new_peer_id(), self._timeline, self._mailbox.put)
            try:
                answer = await peer.answer(offer)
            except BaseException:
                await peer.aclose()
                raise
            await self._replace_peer(peer, tasks)
            await self._join()
            self._ready = self._ready or not offer.has_data_channel
            return peer.peer_id, answer

    async def _replace_peer(self, peer: PeerPort, tasks: asyncio.TaskGroup) -> None:
        previous, watch = self._peer, self._peer_watch
        self._peer = peer
        self._peer_gone.clear()
        self._peer_watch = tasks.create_task(self._watch_peer(peer), name=f"peer-{peer.peer_id}")
        if previous is not None:
            await previous.aclose()
        if watch is not None:
            watch.cancel()

    async def trickle(self, peer_id: str, fragment: Fragment) -> None:
        """Add ICE candidates. Raises `Conflict` for a peer that was replaced."""
        if self._peer is None or self._peer.peer_id != peer_id:
            raise Conflict("this peer is gone", hint="send a new offer")
        await self._peer.add_candidates(fragment)

    async def upload(self, image: BgrImage) -> FrameResult | None:
        """Analyse a picture that did not come over WebRTC; None where it came after the verdict.

        Raises:
            Conflict: the session is over, or a camera is connected.
        """
        self._require_running()
        if self._peer is not None:
            raise Conflict("a camera is connected; pictures cannot be mixed in")
        await self._join()
        now_ms = self._clock.monotonic_ms()
        self._last_upload_ms = now_ms
        earliest_ms = self._judgement.media_ms + 1 if self._judgement.frames else 0
        media_ms = max(round(now_ms - (self._joined_at_ms or now_ms)), earliest_ms)
        frame = Frame(media_ms, now_ms, self._judgement.frames, lambda: image)
        result = await self._judgement.take(frame, None, 0)
        self._finish_if_final()
        return result

    def advise(self, sign: Sign) -> None:
        """Add a sign to the stream's evidence; it counts in no verdict."""
        self._judgement.advise(sign)

    async def order(self, challenge: Challenge) -> None:
        """Ask the applicant for one more challenge."""
        self._require_running()
        self._judgement.order(challenge)

    async def complete(self) -> None:
        """Bring it to its verdict now, with what was seen."""
        await self._conclude(Ending.COMPLETED)

    async def cancel(self) -> None:
        """The applicant gives up."""
        if self.record.state not in FINAL:
            await self._judgement.move(SessionState.CANCELLED, self._transmit)
        self._finish_if_final()

    async def interrupt(self) -> None:
        """The server stops: what has no verdict yet reads `interrupted`."""
        if self.record.state not in FINAL:
            await self._judgement.move(SessionState.INTERRUPTED, self._transmit)
        self._finish_if_final()

    async def hang_up(self, peer_id: str) -> None:
        """Close a peer at the client's wish; without it there is nothing to wait for."""
        if self._peer is not None and self._peer.peer_id == peer_id:
            await self.cancel()

    def follow(self) -> Follower:
        """Read along."""
        return self._judgement.outbox.follow()

    def unfollow(self, follower: Follower) -> None:
        self._judgement.outbox.unfollow(follower)

    # The tasks

    async def _analyse_frames(self) -> None:
        """The latest frame, as soon as the one before is done; at most `target_fps` a second."""
        interval_ms = 1000 / self._services.settings.target_fps
        next_ms = -1.0
        while True:
            frame = await self._mailbox.get()
            if not self._ready or frame.captured_at_ms < next_ms:
                continue
            # A tenth of an interval of slack, or a 30 fps camera with jitter would lose frames to it.
            next_ms = frame.captured_at_ms + 0.9 * interval_ms
            await self._judgement.take(frame, self._transmit, self._mailbox.dropped)
            self._finish_if_final()

    async def _watch_peer(self, peer: PeerPort) -> None:
        while True:
            event = await peer.next_event()
            match event:
                case PeerClosed():
                    self._peer_left(peer)
                    return
                case ChannelOpened(label="kyc"):
                    self._judgement.greet(self._transmit)
                case MessageReceived(data=data):
                    await self._read(data)
                case Connected() | CameraStarted() | ChannelOpened():
                    log.info("peer", peer_id=peer.peer_id, event_type=type(event).__name__)

    def _peer_left(self, peer: PeerPort) -> None:
        if self._peer is peer:
            self._peer = None
            self._alone_since_ms = self._clock.monotonic_ms()
            self._peer_gone.set()
            log.info("peer_left", session_id=self.record.session_id)

    async def _read(self, data: str | bytes) -> None:
        try:
            inbound = parse_message(data)
        except BadMessage as error:
            self._judgement.tell(messages.error(error.code, error.message), self._transmit)
            return
        if inbound is None:
            return
        match inbound.type:
            case InboundType.READY:
                self._ready = True
            case InboundType.CANCEL:
                await self.cancel()
            case InboundType.CAPTURE_INFO:
                self._judgement.capture_reported(inbound.fields)
            case InboundType.STATS:
                pass  # that something came is noted by the peer

    async def _watch_deadlines(self) -> None:
        settings = self._services.settings
        while True:
            await self._clock.sleep_ms(WATCHDOG_INTERVAL_MS)
            now_ms = self._clock.monotonic_ms()
            match next_step(self._facts(), now_ms, settings.media, settings.limits):
                case Step.NOTHING:
                    continue
                case Step.REQUEST_KEYFRAME if self._peer is not None:
                    await self._peer.request_keyframe()
                case Step.DROP_PEER if self._peer is not None:
                    log.info("peer_silent", session_id=self.record.session_id)
                    await self._peer.aclose()
                case Step.END_LINK_LOST:
                    await self._conclude(Ending.LINK_LOST)
                case Step.END_TIME_LIMIT:
                    await self._conclude(Ending.TIME_LIMIT)
                case Step.REQUEST_KEYFRAME | Step.DROP_PEER:
                    continue

    def _facts(self) -> Facts:
        peer = self._peer
        return Facts(
            joined_at_ms=self._joined_at_ms,
            has_peer=peer is not None,
            last_heard_ms=peer.last_heard_ms if peer else self._last_upload_ms,
            last_frame_ms=peer.last_frame_ms if peer else self._last_upload_ms,
            alone_since_ms=self._alone_since_ms,
        )

    # Small steps

    async def _join(self) -> None:
        if self.record.state == SessionState.CREATED:
            await self._judgement.move(SessionState.CONNECTING, self._transmit)

    async def _conclude(self, ending: Ending) -> None:
        await self._judgement.conclude(ending, self._transmit)
        self._finish_if_final()

    def _finish_if_final(self) -> None:
        if self.record.state in FINAL:
            self._over.set()

    def _require_running(self) -> asyncio.TaskGroup:
        if self._tasks is None or self._over.is_set():
            raise Conflict(f"the session is {self.record.state}", hint="start or retry a session")
        return self._tasks

    def _transmit(self, label: str, text: str) -> bool:
        return self._peer is not None and self._peer.send(label, text)
