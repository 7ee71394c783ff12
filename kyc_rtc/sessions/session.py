"""One session as a state machine: events in, effects out. No lock, no callback, no await, no clock.

    event ──▶ Session.handle(event, now) ──▶ effects, in order

It owns the record, the journal, the verification and the deadlines. All that an event changes is in
one `Store`; what it means for others is sent when `Stored` comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from kyc_rtc.alerts.rules import AlertRules
from kyc_rtc.detection.evidence import Sign
from kyc_rtc.errors import AtCapacity, BadMessage, Conflict, KycError
from kyc_rtc.ids import PeerId
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.pipeline.verification import Ending
from kyc_rtc.sessions import messages
from kyc_rtc.sessions.catch_up import CatchUp
from kyc_rtc.sessions.client_watch import ClientWatch
from kyc_rtc.sessions.course import Course
from kyc_rtc.sessions.deadlines import Facts, Step, Unjoined, next_step, pace_ms
from kyc_rtc.sessions.devices import Devices
from kyc_rtc.sessions.effects import (
    Analyse,
    Audience,
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
    Cancelled,
    CannotDo,
    ChallengeOrdered,
    ChannelReady,
    Client,
    Completed,
    FootageCompared,
    FrameAnalysed,
    FrameArrived,
    Interrupted,
    MessageArrived,
    Now,
    OwnershipEnded,
    PeerJoined,
    PeerLost,
    PeerRefused,
    Request,
    SessionEvent,
    Stored,
    Tick,
)
from kyc_rtc.sessions.journal import APPLICANT, SERVER, EntryType, message_of
from kyc_rtc.sessions.ledger import Ledger
from kyc_rtc.sessions.notices import Notices
from kyc_rtc.sessions.refusals import after_the_end, of_a_newcomer
from kyc_rtc.sessions.replies import Replies
from kyc_rtc.sessions.states import SessionState
from kyc_rtc.sessions.wire import InboundType, Outbound, Throttle, parse_message
from kyc_rtc.settings import Settings
from kyc_rtc.storage.records import EventRecord, SessionRecord


class Session:
    """`handle` never raises for what a client, or the storage, does."""

    def __init__(
        self,
        record: SessionRecord,
        settings: Settings,
        issuer: Issuer,
        rules: AlertRules,
        *,
        can_retry: bool,
        cannot: tuple[ChallengeType, ...] = (),
    ) -> None:
        """`can_retry`: whether another attempt may follow a verdict that is not PASSED. `cannot`: what
        the applicant cannot do, as they said in earlier attempts."""
        self._settings = settings
        self._ledger = Ledger(record)
        self._course = Course(self._ledger, settings, issuer, rules, cannot)
        self._exposure = messages.Exposure(scores=settings.scores_exposed, can_retry=can_retry)
        self._peer_id: PeerId | None = None
        self._devices, self._greeted_seq = Devices(), 0
        self._ready = self._ended = self._is_crowded_out = False
        self._unjoined = Unjoined()
        self._joined_at_ms: float | None = None
        self._alone_since_ms = self._gap_ms = 0.0
        self._uploader: Client | None = None
        self._notices, self._pace = Notices(), Throttle(pace_ms(settings.target_fps))
        self._replies = Replies(self._ledger)
        self.catch_up = CatchUp(self._ledger, self._course, self._exposure)
        self.client_watch = ClientWatch()

    @property
    def record(self) -> SessionRecord:
        """As the database has it."""
        return self._ledger.stored_record

    @property
    def seen(self) -> SessionRecord:
        """`record`, with what was measured since."""
        return replace(self.record, **self._course.measured())

    @property
    def is_over(self) -> bool:
        """Whether its outcome is formed, stored or not."""
        return self._ended or self._ledger.is_final

    def handle(self, event: SessionEvent, now: Now) -> tuple[Effect, ...]:
        """Take an event. The effects are to be carried out in order, each once."""
        if self._ended:
            return after_the_end(event, SessionState(self.record.state))
        effects = self._dispatch(event, now)
        commit = self._ledger.commit(now, self._course.snapshot)
        if commit is not None:
            effects.append(Store(commit))
        if self._ledger.unstored:
            self._notices.storing(now.monotonic_ms)
        return tuple(effects)

    def _dispatch(self, event: SessionEvent, now: Now) -> list[Effect]:  # noqa: C901, PLR0911, PLR0912 - one flat table
        match event:
            case Stored(seq):
                return self._publish(seq, now)
            case OwnershipEnded():
                return self._give_up()
            case PeerJoined():
                return self._join(event, now)
            case PeerLost(peer_id):
                return self._lose(peer_id, now)
            case PeerRefused(_, AtCapacity()):
                self._is_crowded_out = True
                return []
            case PeerRefused(peer_id, error):
                return [self._send(messages.refusal(error))] if peer_id == self._peer_id else []
            case ChannelReady(peer_id):
                return self._greet(now) if peer_id == self._peer_id else []
            case MessageArrived(peer_id, data):
                return self._read(data, now) if peer_id == self._peer_id else []
            case FrameArrived():
                return self._offer(event, now)
            case FrameAnalysed():
                return self._take(event, now)
            case AnalysisFailed(request):
                return [*self._conclude(Ending.INTERNAL_ERROR, now), *self._replies.answer(request)]
            case FootageCompared():
                return [] if self._ledger.is_final else self._course.compared(event, now)
            case ChallengeOrdered():
                return self._order(event)
            case CannotDo(challenge_id, request):
                return [*self._course.cannot(challenge_id, now), *self._replies.answer(request)]
            case Completed():
                return self._complete(event, now)
            case Cancelled(actor, request):
                return self._cancel(actor, request, now)
            case Interrupted():
                return self._interrupt(now)
            case Tick():
                return self._tick(event, now)
            case _ as never:
                assert_never(never)

    # Peers

    def _join(self, event: PeerJoined, now: Now) -> list[Effect]:
        refusal = self.refusal_of_peer(event.client)
        if refusal is not None:
            return [Reply(event.request, refusal)]
        effects: list[Effect] = []
        if self._peer_id is not None:
            farewell = self._devices.farewell(event.client)
            effects.append(DropPeer(self._peer_id, self._send(farewell) if farewell else None))
        took_over = self._devices.join(event.client, occupied=self._peer_id is not None)
        self._peer_id, self._uploader = event.peer_id, None
        self._notices.peer_changed()
        self._enter(now)
        peer = self._course.connection.joined(event.client, now, took_over=took_over)
        self._ledger.add(EntryType.PEER, peer, now, APPLICANT if took_over else SERVER)
        if event.client.mismatch:
            self._course.advice.note(Sign.CLIENT_MISMATCH)
        self._ready = not event.has_data_channel
        self.client_watch.joined(now.monotonic_ms, has_channel=event.has_data_channel)
        return [*effects, *self._course.peer_changed(now), Reply(event.request)]

    def refusal_of_peer(self, client: Client) -> KycError | None:
        """Why this peer is not taken; None where it is."""
        refusal = of_a_newcomer(self._ledger.state, self._ledger.unstored)
        return refusal or self._devices.refusal(client, occupied=self._peer_id is not None)

    def _enter(self, now: Now) -> None:
        if self._joined_at_ms is None:
            self._joined_at_ms = self._alone_since_ms = now.monotonic_ms
            self._ledger.move(SessionState.CONNECTING, now)

    def _lose(self, peer_id: PeerId, now: Now) -> list[Effect]:
        if peer_id == self._peer_id:
            self._peer_id = None
            self._alone_since_ms = now.monotonic_ms
            if not self._ledger.is_final:
                self._ledger.add(EntryType.PEER, {"number": self._devices.joins, "left": True}, now)
        return []

    def _greet(self, now: Now) -> list[Effect]:
        again = self.client_watch.channel.opened(now.monotonic_ms) and not self.is_over
        self._ready = self._ready and not again
        voided = self._course.peer_changed(now) if again else []  # its client knows of no prompt
        self._greeted_seq = self._ledger.stored_seq
        hello = messages.hello(
            self.record.session_id,
            self.record.state,
            self._course.challenges_total,
            self._greeted_seq,
            expose_scores=self._exposure.scores,
        )
        return [*voided, *self._all((hello, *self._notices.repeat()))]

    def _read(self, data: str | bytes, now: Now) -> list[Effect]:
        try:
            inbound = parse_message(data)
        except BadMessage as error:
            return [self._send(messages.error(error.code, error.message))]
        match inbound.type if inbound else None:
            case InboundType.READY if inbound:
                self._ready = True
                self.client_watch.channel.ready()
                missed = self.catch_up.missed(inbound.fields.get("last_event"), self._greeted_seq)
                return self._all(missed, Audience.PEER)
            case InboundType.CANNOT if inbound:
                return self._course.cannot(inbound.fields.get("challenge_id"), now)
            case InboundType.CANCEL:
                self._course.cancel(APPLICANT, now)
            case InboundType.CAPTURE_INFO if inbound:
                self._course.advice.capture_reported(inbound.fields)
        return []  # of `stats`, that something came is noted by the peer

    def _offer(self, event: FrameArrived, now: Now) -> list[Effect]:
        """Whether a frame is analysed: at most `target_fps` a second, and none after the end."""
        self._gap_ms = max(self._gap_ms, event.gap_ms)
        self._course.connection.gap(event.gap_ms)
        if event.upload is not None:
            return self._offer_upload(event, event.upload, now)
        if self.is_over or self._course.is_decided or not self._ready:
            return []
        # By arrival: by its own clock, a sender could choose which frames are left out.
        return [Analyse(None)] if self._pace.allows(event.received_at_ms) else []

    def _offer_upload(self, event: FrameArrived, client: Client, now: Now) -> list[Effect]:
        if self._peer_id is not None:
            error = Conflict("a camera is connected; pictures cannot be mixed in")
            return self._replies.answer(event.request, error)
        if self.is_over or self._course.is_decided:
            return self._replies.answer(event.request)
        if client == self._uploader:
            return [Analyse(event.request)]
        # Pictures from elsewhere than before: another peer, in all but name.
        if (refusal := self.refusal_of_peer(client)) is not None:
            return self._replies.answer(event.request, refusal)
        self._devices.join(client, occupied=False)
        self._uploader = client
        self.client_watch.joined(now.monotonic_ms, has_channel=False)
        self._enter(now)
        self._course.uploads_begin()
        self._ledger.add(EntryType.PEER, self._course.connection.joined(client, now), now)
        return [*self._course.peer_changed(now), Analyse(event.request)]

    def _take(self, event: FrameAnalysed, now: Now) -> list[Effect]:
        if self.is_over:
            return self._replies.answer(event.request)
        gap_ms, self._gap_ms = max(self._gap_ms, event.gap_ms), 0.0
        self._course.connection.gap(event.gap_ms)
        effects = self._course.take(event, gap_ms, now)
        if self._course.is_decided:  # the picture that leads to the verdict is answered with it
            return effects + self._replies.answer_at_the_end(event.request, event.result)
        return [*effects, *self._replies.answer(event.request, result=event.result)]

    def _order(self, event: ChallengeOrdered) -> list[Effect]:
        try:
            self._course.order(event.challenge)
        except Conflict as error:
            return self._replies.answer(event.request, error)
        return self._replies.answer(event.request)

    def _complete(self, event: Completed, now: Now) -> list[Effect]:
        """The caller is answered when the outcome is stored, whichever it is. Who hangs up before its first
        picture was seen only parts: it may have failed to connect, and come again."""
        if event.left is not None:
            if self._uploader is not None or self._peer_id not in (event.left, None):
                return self._replies.answer(event.request)  # somebody else counts by now
            if self._ledger.state is SessionState.CONNECTING:
                self._lose(event.left, now)
                return [DropPeer(event.left), *self._replies.answer(event.request)]
        waiting = self._replies.answer_at_the_end(event.request)
        return [*waiting, *self._conclude(Ending.COMPLETED, now)]

    def _cancel(self, actor: str, request: Request | None, now: Now) -> list[Effect]:
        waiting = self._replies.answer_at_the_end(request)
        self._course.cancel(actor, now)
        return waiting

    def _conclude(self, ending: Ending, now: Now) -> list[Effect]:
        return [] if self._ledger.is_final else self._course.conclude(ending, now)

    def _interrupt(self, now: Now) -> list[Effect]:
        """End without a verdict. What is over already stays as it is."""
        if not self._ledger.is_final:
            self._ledger.move(SessionState.INTERRUPTED, now)
        return []

    def _tick(self, event: Tick, now: Now) -> list[Effect]:
        is_watched = self._peer_id is not None and not self.is_over and not self._course.is_decided
        blind_since_ms = event.last_frame_ms if is_watched else None
        due = self._notices.look(now.monotonic_ms, blind_since_ms, event.last_heard_ms)
        effects = self._all(due)
        if self.is_over:
            return effects
        if self._joined_at_ms is None and not self._course.is_decided:
            return self._wait_for_anybody(now)
        present, noticed = self._peer_id is not None, bool(self._notices.repeat())
        begins, said = self.client_watch.look(event, now.monotonic_ms, present, noticed)
        self._ready = self._ready or begins
        effects += [*self._all(said), *self._course.check(event.last_frame_ms, now)]
        facts = Facts(
            joined_at_ms=self._joined_at_ms,
            has_peer=self._peer_id is not None,
            last_heard_ms=event.last_heard_ms,
            last_frame_ms=event.last_frame_ms,
            alone_since_ms=self._alone_since_ms,
        )
        match next_step(facts, now.monotonic_ms, self._settings.media, self._settings.limits):
            case Step.REQUEST_KEYFRAME:
                effects.append(RequestKeyframe())
            case Step.DROP_PEER if self._peer_id is not None:
                effects.append(DropPeer(self._peer_id))
            case Step.END_LINK_LOST:
                effects += self._end_alone(now)
            case Step.END_TIME_LIMIT:
                effects += self._conclude(Ending.TIME_LIMIT, now)
            case Step.NOTHING | Step.DROP_PEER:
                pass
        return effects

    def _end_alone(self, now: Now) -> list[Effect]:
        """Nobody came back. Who only ever found every place taken has spent no attempt."""
        if self._is_crowded_out and self._ledger.state is SessionState.CONNECTING:
            return self._interrupt(now)
        return self._conclude(Ending.LINK_LOST, now)

    def _wait_for_anybody(self, now: Now) -> list[Effect]:
        """Nobody joined: after a while the session is given back, as if it had never begun."""
        if not self._unjoined.is_over(now.monotonic_ms):
            return []
        self._ended = True
        return [End(linger=False)]

    # Storage, and what follows from it

    def _publish(self, seq: int, now: Now) -> list[Effect]:
        """Send what is stored now, answer who waited for it, and end after the last entry."""
        more_waits = self._ledger.last_seq > seq
        effects = self._all(self._notices.stored(now.monotonic_ms, more_waits=more_waits))
        for entry in self._ledger.stored(seq):
            effects += self._send_entry(entry, now)
        self._ended = self._ledger.is_final and not self._ledger.unstored
        effects += self._replies.stored(seq, ended=self._ended)
        if self._ended:
            effects.append(End(linger=True))
        return effects

    def _send_entry(self, entry: EventRecord, now: Now) -> list[Effect]:
        if entry.type != EntryType.CHALLENGE:
            return self._messages([entry])
        media_ms = self._course.open_prompt(entry.seq, now)
        return [] if media_ms is None else self._messages([entry], media_ms)

    def _messages(self, entries: list[EventRecord], media_ms: int = 0) -> list[Effect]:
        made = (message_of(entry, self._exposure, media_ms) for entry in entries)
        waits = self._peer_id is not None and not self._ready  # and says then where to begin
        return self._all(filter(None, made), Audience.READERS if waits else Audience.ALL)

    def _send(self, message: Outbound, to: Audience = Audience.ALL) -> Send:
        return Send(message, self._course.media_ms, to)

    def _all(self, outbound: Iterable[Outbound], to: Audience = Audience.ALL) -> list[Effect]:
        return [self._send(message, to) for message in outbound]

    def _give_up(self) -> list[Effect]:
        """Another process may have it by now: nothing more is stored, and nothing is sent."""
        self._ended = True
        return [*self._replies.fail(), End(linger=False)]
