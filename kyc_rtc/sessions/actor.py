"""The actor of a live session: one task, one inbox; it carries out the effects of `Session`.

It alone calls `Session.handle`. What takes time (analysis, storage, closing a peer) runs in child tasks
that come back with an event, so that a cancel, a lost peer or a commit is never kept waiting by another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, assert_never

import structlog

from kyc_rtc.errors import Conflict, KycError, NotFound, StorageUnavailable
from kyc_rtc.frames import Frame, PixelSource
from kyc_rtc.ids import PeerId, new_peer_id
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.sessions.analysis import SessionAnalysis
from kyc_rtc.sessions.arrivals import Arrivals, Arrived
from kyc_rtc.sessions.callers import Callers, judged_too_late
from kyc_rtc.sessions.effects import (
    Analyse,
    CompareFootage,
    DropPeer,
    Effect,
    End,
    Reply,
    RequestKeyframe,
    Send,
    Store,
)
from kyc_rtc.sessions.events import (
    AnalysisFailed,
    ChannelReady,
    Client,
    Completed,
    FrameAnalysed,
    MessageArrived,
    Now,
    PeerJoined,
    PeerLost,
    PeerRefused,
    Request,
    SessionEvent,
)
from kyc_rtc.sessions.farewells import linger, part
from kyc_rtc.sessions.inbox import Inbox
from kyc_rtc.sessions.outbox import Follower, Outbox
from kyc_rtc.sessions.pending import PendingPeers
from kyc_rtc.sessions.ports import PeerPort, Services, TakePlace
from kyc_rtc.sessions.reading import Reading
from kyc_rtc.sessions.refusals import not_running
from kyc_rtc.sessions.session import Session
from kyc_rtc.sessions.writer import Writer
from kyc_rtc.storage.records import SessionRecord
from media import peer_events
from media.sdp import Fragment, Offer
from media.timeline import MediaTimeline

TICK_MS = 250.0
MAX_PEERS_AT_ONCE = 4  # one that counts, and others that are being negotiated or closed
log = structlog.get_logger(__name__)


class SessionActor:
    """Runs one session. `run` returns when it is over and nothing of it is left.

    The other methods may be called from the same event loop while `run` runs.
    """

    def __init__(self, session: Session, services: Services, take_place: TakePlace) -> None:
        """`take_place`: why a session may have no place; None where it has one until it ends."""
        self._session = session
        self._services = services
        self._take_place = take_place
        self._clock = services.clock
        self._inbox = Inbox()
        self._arrivals = Arrivals(services.clock.monotonic_ms())
        self._writer = Writer(services, self._inbox.put)
        self.outbox = Outbox()
        self.reading = Reading(session, self.outbox, services.clock)
        self._timeline = MediaTimeline()
        self._peers: dict[PeerId, PeerPort] = {}
        self.pending = PendingPeers()
        self._peer_id: PeerId | None = None
        self._greeted: PeerId | None = None
        self._analysis = SessionAnalysis(services)
        self._analysing: Frame | None = None
        self._callers = Callers(services.clock)
        self._tasks: asyncio.TaskGroup | None = None
        self._end: End | None = None
        self._closing: asyncio.Future[None] | None = None
        self._uploads_follower: Follower | None = None
        self._started = asyncio.Event()
        self._no_peer = asyncio.Event()
        self._no_peer.set()

    @property
    def record(self) -> SessionRecord:
        """As the database has it."""
        return self._session.record

    @property
    def seen(self) -> SessionRecord:
        """`record`, with what was measured since."""
        return self._session.seen

    async def run(self) -> None:
        """Until the session is over: what it published is stored, and its peer had time to read it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._started.set()
                loops = [self._spawn(self._writer.run()), self._spawn(self._tick())]
                while self._end is None:
                    await self._inbox.wait()
                    self._drain()
                self._inbox.close()
                self._callers.close()
                if self._end.linger:
                    verdict = self.record.verdict_status is not None
                    await linger(self._no_peer, self._clock, verdict=verdict)
                self._tasks = None
                for task in loops:
                    task.cancel()
                for peer in tuple(self._peers.values()):
                    await peer.aclose()
        finally:
            self._tasks = None
            self._started.set()
            self._inbox.close()
            self._callers.close()
            self._closing = asyncio.ensure_future(self._close())
            await asyncio.shield(self._closing)

    # What comes from outside

    async def started(self) -> None:
        """Wait until `run` takes calls."""
        await self._started.wait()

    async def connect(self, offer: Offer, client: Client, address: str = "") -> tuple[PeerId, str]:
        """Connect a camera; an earlier peer makes way. Raises `BadSdp`, `Conflict`, `StorageUnavailable`."""
        self._require_running()
        self.pending.explain(client.instance)
        if (refusal := self._session.refusal_of_peer(client)) is not None:
            raise refusal
        if len(self._peers) >= MAX_PEERS_AT_ONCE:
            raise StorageUnavailable("too many connections at once", hint="try again")
        if (present := self._present()) is not None and present.is_continued_by(offer):
            return present.peer_id, await present.answer(offer)
        peer_id = new_peer_id()
        peer = self._services.new_peer(peer_id, self._timeline, lambda f: self._receive(peer_id, f))
        self._peers[peer_id] = peer
        try:
            answer = await peer.answer(offer)
            await self.ask(partial(PeerJoined, peer_id, offer.has_data_channel, client))
            tasks = self._require_running()
        except BaseException:
            self._peers.pop(peer_id, None)
            self._inbox.put(PeerLost(peer_id))  # the session may have taken it already
            await peer.aclose()
            raise
        self._peer_id = peer_id
        self.pending.answered(peer_id, address, client.instance)
        self._no_peer.clear()
        self._arrivals.connected(self._clock.monotonic_ms())
        tasks.create_task(self._read(peer), name=f"peer-{peer_id}")
        return peer_id, answer

    async def trickle(self, peer_id: str, fragment: Fragment) -> None:
        """Add ICE candidates. Raises `NotFound` for a peer that is gone."""
        if (peer := self._peers.get(PeerId(peer_id))) is None:
            self.pending.explain_peer(PeerId(peer_id))
            raise NotFound("this peer is gone", hint="send a new offer")
        await peer.add_candidates(fragment)

    async def hang_up(self, peer_id: str) -> None:
        """Conclude with what was seen, unless another peer came since. Raises `NotFound`."""
        if self.pending.latest == peer_id:
            await self.ask(partial(Completed, left=PeerId(peer_id)))
        elif not self.pending.knows(PeerId(peer_id)):
            raise NotFound("there was no such peer", hint="see the Location of the answer to POST")

    async def upload(
        self, decode: PixelSource, client: Client
    ) -> tuple[FrameResult | None, tuple[Mapping[str, Any], ...]]:
        """Analyse a picture that did not come over WebRTC; None where a newer one replaced it, or
        where it came after the verdict. With it, the messages since the last upload.

        Raises:
            Conflict: the session is over, or a camera is connected. AtCapacity: it was not judged in time.
            Besides, what `decode` raises.
        """
        self._require_running()
        if self._peers:  # refused before anything is noted of it
            raise Conflict("a camera is connected; pictures cannot be mixed in")
        frame = self._arrivals.uploaded(decode, self._clock.monotonic_ms())
        number = self._callers.enter()
        if self._uploads_follower is None:
            self._uploads_follower = self.outbox.follow()
        self._take_place(self.record.session_id)
        self._put(Arrived(frame, client, number))
        result = await self._callers.answer(number, judged_too_late())
        return result, self._uploads_follower.drain()

    async def ask(self, make: Callable[[Request], SessionEvent]) -> None:
        """Hand a command to the session, and wait until what follows from it is stored.

        Raises:
            Conflict: it does not fit the session's state. StorageUnavailable: the database is away, or
            too much waits; what was asked may still happen.
        """
        number = self._callers.enter()
        try:
            if self._end is not None:  # answered at once: nothing follows from it any more
                self._handle(make(number))
            else:
                self._inbox.ask(make(number))
        except KycError:
            self._callers.leave(number)
            raise
        await self._callers.answer(number)

    def post(self, event: SessionEvent) -> None:
        """Hand over an event that nobody waits for."""
        self._inbox.put(event)

    def _require_running(self) -> asyncio.TaskGroup:
        if self._tasks is None or self._end is not None or self._session.is_over:
            raise not_running(self.record.state)
        return self._tasks

    # Frames

    def _receive(self, peer_id: PeerId, frame: Frame) -> None:
        """Take a decoded frame; never blocks. A frame of a peer that was replaced is none."""
        if peer_id == self._peer_id:
            self._put(Arrived(frame))

    def _put(self, arrived: Arrived) -> None:
        if (replaced := self._arrivals.put(arrived)) is not None:
            self._callers.settle(Reply(replaced))
        self._inbox.wake()

    def _next_frame(self) -> None:
        """Offer the latest frame to the session, unless one is being analysed."""
        if self._analysing is not None or (taken := self._arrivals.take()) is None:
            return
        self._analysing, event = taken
        if not any(isinstance(effect, Analyse) for effect in self._handle(event)):
            self._analysing = None

    async def _analyse(self, frame: Frame, request: Request | None) -> None:
        gap_ms = 0.0
        try:
            if request is not None:
                frame = await self._analysis.decode(frame)
                gap_ms = self._arrivals.decoded(frame.received_at_ms)
            result = await self._analysis.analyse(frame, self.record)
        except KycError as error:  # of an upload: no picture, or too large a one
            self._callers.settle(Reply(request or 0, error))
            return
        finally:
            self._analysing = None
            self._inbox.wake()
        if result is None:
            self._inbox.put(AnalysisFailed(request))
        else:
            dropped = self._arrivals.dropped
            self._inbox.put(FrameAnalysed(result, dropped, gap_ms, request))

    # The loop

    def _drain(self) -> None:
        while self._end is None and (event := self._inbox.take()) is not None:
            self._handle(event)
        if self._end is None:
            self._next_frame()

    def _handle(self, event: SessionEvent) -> tuple[Effect, ...]:
        now = Now(self._clock.monotonic_ms(), self._clock.now_ms())
        if isinstance(event, ChannelReady):
            self._greeted = event.peer_id
        effects = self._session.handle(event, now)
        for effect in effects:
            self._carry_out(effect)
        return effects

    def _carry_out(self, effect: Effect) -> None:  # noqa: C901 - one flat table
        match effect:
            case Store(commit):
                self._writer.add(commit)
            case Send():
                self.outbox.send(effect, self._transmit)
            case Analyse(request) if self._analysing is not None:
                self._spawn(self._analyse(self._analysing, request))
            case Analyse():
                raise RuntimeError("there is no frame to analyse")
            case CompareFootage():
                self._spawn(self._compare())
            case RequestKeyframe() if (peer := self._present()) is not None:
                self._spawn(self._quietly(peer.request_keyframe()))
            case DropPeer(peer_id, farewell) if (peer := self._peers.get(peer_id)) is not None:
                self._spawn(self._quietly(part(peer, farewell, self.outbox, self._clock)))
            case RequestKeyframe() | DropPeer():
                pass
            case Reply():
                self._callers.settle(effect)
            case End():
                self._end = effect
            case _ as never:
                assert_never(never)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._tasks is None:
            work.close()
            raise RuntimeError("the session does not run")
        return self._tasks.create_task(work, name=f"session-{self.record.session_id}")

    # The child tasks

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        """A call on a peer whose failure must not cost the session."""
        try:
            await work
        except Exception:  # whatever the transport raises
            log.exception("peer_call_failed", session_id=self.record.session_id)

    async def _read(self, peer: PeerPort) -> None:
        """A peer's events, until it is gone."""
        peer_id = peer.peer_id
        while True:
            event = await peer.next_event()
            if peer_id == self._peer_id:
                self._arrivals.heard(peer.last_heard_ms)
            match event:
                case peer_events.PeerClosed():
                    self._forget(peer_id)
                    await self._inbox.deliver(PeerLost(peer_id))
                    return
                case peer_events.ChannelOpened(label="kyc"):
                    await self._inbox.deliver(ChannelReady(peer_id))
                case peer_events.MessageReceived(data=data):
                    await self._inbox.deliver(MessageArrived(peer_id, data))
                case peer_events.Connected():
                    await self._come_in(peer)
                case peer_events.Refused(error):
                    self.pending.refused(peer_id, error)
                    await self._inbox.deliver(PeerRefused(peer_id, error))
                case peer_events.CameraStarted() | peer_events.ChannelOpened():
                    log.info("peer", peer_id=peer_id, event_type=type(event).__name__)

    async def _come_in(self, peer: PeerPort) -> None:
        """Its DTLS is up: it gets a place, or has to leave. Its next offer gets 503."""
        self.pending.is_up(peer.peer_id)
        self._arrivals.heard(self._clock.monotonic_ms())
        refusal = self._take_place(self.record.session_id)
        log.info("peer", peer_id=peer.peer_id, event_type="Connected", has_place=refusal is None)
        if refusal is not None:
            await self._inbox.deliver(PeerRefused(peer.peer_id, refusal))
            await self._quietly(peer.aclose())

    def _forget(self, peer_id: PeerId) -> None:
        self._peers.pop(peer_id, None)
        self.pending.is_gone(peer_id)
        if self._peer_id == peer_id:
            self._peer_id = None
            self._no_peer.set()
            log.info("peer_left", session_id=self.record.session_id)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep_ms(TICK_MS)
            if self._peer_id in self.pending:  # which has a limit of its own
                self._arrivals.heard(self._clock.monotonic_ms())
            elif (peer := self._present()) is not None:
                self._arrivals.heard(peer.last_heard_ms)
            self._inbox.put(self._arrivals.tick())

    async def _compare(self) -> None:
        self._inbox.put(await self._analysis.compare(self.record))

    async def _close(self) -> None:
        """Keep the features behind a verdict, free the analysers, end the followers."""
        for peer in tuple(self._peers.values()):
            await peer.aclose()
        await self._analysis.aclose(self.record)
        self.outbox.close()

    def _present(self) -> PeerPort | None:
        return self._peers.get(self._peer_id) if self._peer_id is not None else None

    def _transmit(self, label: str, text: str) -> bool:
        """To the peer that counts, from its greeting on: that says what came before."""
        peer = self._present()
        return peer is not None and peer.peer_id == self._greeted and peer.send(label, text)
