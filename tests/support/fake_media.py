"""A peer without a network and an analysis without nets: for tests of the sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from kyc_rtc.clock import Clock
from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.errors import BadSdp, KycError
from kyc_rtc.frames import Frame
from kyc_rtc.ids import PeerId
from kyc_rtc.pipeline.analysis import FrameResult, Stage
from kyc_rtc.vision.observation import FaceObservation
from kyc_rtc.vision.quality import FaceQuality, QualityIssue
from kyc_rtc.vision.tracking import TrackState
from media.peer_events import (
    CameraStarted,
    ChannelOpened,
    Connected,
    MessageReceived,
    PeerClosed,
    PeerEvent,
    Refused,
)
from media.sdp import Fragment, Offer
from media.timeline import MediaTimeline
from media.video_track import FrameSink
from tests.unit.liveness.fakes.actor import Actor
from tests.unit.liveness.fakes.faces import make_face, make_observation

T = TypeVar("T")


class FakePeer:
    """A `PeerPort` in the test's hand: it delivers what the test says and records what is sent."""

    def __init__(
        self, peer_id: PeerId, timeline: MediaTimeline, sink: FrameSink, clock: Clock
    ) -> None:
        self.peer_id = peer_id
        self.timeline = timeline
        self.sent: list[dict[str, Any]] = []
        self.fragments: list[Fragment] = []
        self.keyframes_requested = 0
        self.closed = False
        self.refuses = False
        self.continues = False
        self.answers = 0
        self.connection: tuple[str, ...] = ()
        self.is_open = False
        self.last_heard_ms = clock.monotonic_ms()
        self._sink = sink
        self._clock = clock
        self._events: asyncio.Queue[PeerEvent] = asyncio.Queue()
        self._sequence = 0

    async def answer(self, offer: Offer) -> str:
        if self.refuses:
            raise BadSdp("the offer cannot be answered")
        self.connection = offer.connection
        self.answers += 1
        return "an answer"

    def is_continued_by(self, offer: Offer) -> bool:
        return self.continues and offer.connection == self.connection

    async def add_candidates(self, fragment: Fragment) -> None:
        self.fragments.append(fragment)

    async def next_event(self) -> PeerEvent:
        return await self._events.get()

    def send(self, label: str, text: str) -> bool:
        if self.closed or not self.is_open:
            return False
        self.sent.append({"label": label, **json.loads(text)})
        return True

    async def request_keyframe(self) -> None:
        self.keyframes_requested += 1

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            self._events.put_nowait(PeerClosed())

    def connect(self) -> None:
        """The transport comes up, with the channels."""
        self.is_open = True
        for event in (Connected(), ChannelOpened("kyc"), CameraStarted()):
            self._events.put_nowait(event)

    def refuse(self, error: KycError) -> None:
        """Something of the client's is not used."""
        self._events.put_nowait(Refused(error))

    def say(self, kind: str, **fields: Any) -> None:
        """The client sends a message."""
        self.deliver(json.dumps({"v": 1, "seq": 0, "type": kind, **fields}))

    def deliver(self, data: str | bytes) -> None:
        self.last_heard_ms = self._clock.monotonic_ms()
        self._events.put_nowait(MessageReceived("kyc", data))

    def show(self, captured_at_ms: int) -> None:
        """The camera delivers a frame."""
        self.last_heard_ms = self._clock.monotonic_ms()
        blank = np.zeros((48, 64, 3), np.uint8)
        self._sink(Frame(captured_at_ms, self.last_heard_ms, self._sequence, lambda: blank))
        self._sequence += 1

    def types_sent(self) -> list[str]:
        return [message["type"] for message in self.sent]

    def last_sent(self, kind: str) -> dict[str, Any]:
        return [message for message in self.sent if message["type"] == kind][-1]


@dataclass
class FakeAnalysis:
    """An `AnalysisPort` whose results the test writes: `issues` and `evidence` of all frames from
    now on, the `footage` and the `measured` figures of the session. An `applicant` is seen, in a good
    picture; without one nobody is."""

    issues: tuple[QualityIssue, ...] = (QualityIssue.NO_FACE,)
    failure: Exception | None = None
    closed: bool = False
    footage: bytes = b""
    measured: dict[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    applicant: Actor | None = None
    analysed: list[Frame] = field(default_factory=list)
    begun_after: list[int] = field(default_factory=list)

    def analyse(self, frame: Frame) -> FrameResult:
        if self.failure is not None:
            raise self.failure
        self.analysed.append(frame)
        seen = FaceObservation(frame.captured_at_ms, frame.sequence, (64, 48), ())
        issues, track = self.issues, no_face_track()
        if self.applicant is not None:
            face = make_face(self.applicant.look(frame.captured_at_ms))
            seen, issues = make_observation(face, frame.captured_at_ms), ()
            track = TrackState(
                present=True,
                lost_for_ms=0,
                changed=False,
                doubted=False,
                similarity=1.0,
                judged=frame.captured_at_ms // 100,
                compared=frame.captured_at_ms // 100,
            )
        return FrameResult(
            observation=seen,
            received_at_ms=frame.received_at_ms,
            quality=FaceQuality(issues, None, 0.4 if track.present else 0.0),
            issues=issues,
            track=track,
            evidence=self.evidence,
            enhanced=False,
            cpu_ms={Stage.OBSERVE: 10.0},
        )

    def begin_challenges(self) -> None:
        self.begun_after.append(len(self.analysed))

    def record(self) -> bytes:
        return self.footage

    def features(self) -> dict[str, float]:
        return self.measured

    def close(self) -> None:
        self.closed = True


def no_face_track() -> TrackState:
    return TrackState(
        present=False,
        lost_for_ms=0,
        changed=False,
        doubted=False,
        similarity=1.0,
        judged=0,
        compared=0,
    )


class YieldingPool:
    """A `PoolPort` that gives way before and after the work, as a real one does."""

    async def run(self, work: Callable[[], T]) -> T:
        await asyncio.sleep(0)
        result = work()
        await asyncio.sleep(0)
        return result
