"""What a session needs from the rooms below, as protocols, so that tests can stand in for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from kyc_rtc.alerts.rules import AlertRules, shipped_rules
from kyc_rtc.clock import Clock
from kyc_rtc.errors import AtCapacity
from kyc_rtc.frames import Frame
from kyc_rtc.frames.sizes import LARGEST_BYTES
from kyc_rtc.ids import PeerId, SessionId
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.pipeline.analysis import FrameResult
from kyc_rtc.settings import LimitSettings, Settings
from kyc_rtc.storage.features import FeaturesRepository
from kyc_rtc.storage.footage import FootageRepository
from kyc_rtc.storage.sandbox import SandboxStore
from kyc_rtc.storage.sessions import SessionStore
from kyc_rtc.telemetry import Metrics
from media.peer_events import PeerEvent
from media.sdp import Fragment, Offer
from media.timeline import MediaTimeline
from media.video_track import FrameSink

T = TypeVar("T")


class PeerPort(Protocol):
    """One transport, such as `media.peer.Peer`."""

    @property
    def peer_id(self) -> PeerId: ...
    @property
    def last_heard_ms(self) -> float: ...
    async def answer(self, offer: Offer) -> str: ...
    def is_continued_by(self, offer: Offer) -> bool: ...
    async def add_candidates(self, fragment: Fragment) -> None: ...
    async def next_event(self) -> PeerEvent: ...
    def send(self, label: str, text: str) -> bool: ...
    async def request_keyframe(self) -> None: ...
    async def aclose(self) -> None: ...


class AnalysisPort(Protocol):
    """The analysers of one session, such as `pipeline.analysis.FrameAnalysis`."""

    def analyse(self, frame: Frame) -> FrameResult: ...
    def begin_challenges(self) -> None: ...
    def record(self) -> bytes: ...
    def features(self) -> dict[str, float]: ...
    def close(self) -> None: ...


class PoolPort(Protocol):
    """Runs CPU-heavy work elsewhere, such as `pipeline.pool.AnalysisPool`."""

    async def run(self, work: Callable[[], T]) -> T: ...


PeerFactory = Callable[[PeerId, MediaTimeline, FrameSink], PeerPort]
AnalysisFactory = Callable[[], AnalysisPort]
TakePlace = Callable[[SessionId], AtCapacity | None]
"""Gives a session a place; the error where it gets none."""


def decoded_places(limits: LimitSettings) -> asyncio.Semaphore:
    """As many as there is room for pictures of the largest size."""
    return asyncio.Semaphore(max(1, limits.decoded_bytes_in_flight // LARGEST_BYTES))


@dataclass(frozen=True, slots=True)
class Services:
    """What every live session shares. `background`: a pool for what must not wait for frames.
    `decoded`: one place for each uploaded picture that may be decoded at one time."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    pool: PoolPort
    background: PoolPort
    decoded: asyncio.Semaphore
    store: SessionStore
    footage: FootageRepository
    features: FeaturesRepository
    sandbox: SandboxStore
    new_peer: PeerFactory
    new_analysis: AnalysisFactory
    issuer: Issuer
    alert_rules: AlertRules = field(default_factory=shipped_rules)
