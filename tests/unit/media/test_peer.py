"""A peer without a client: what comes at the same time, and what fails inside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from fractions import Fraction

import av
import numpy as np
import pytest
import structlog
from aiortc import RTCIceCandidate
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from kyc_rtc.errors import RestartUnsupported
from kyc_rtc.frames import Frame
from kyc_rtc.ids import new_peer_id
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from media import peer as peer_module
from media.aiortc_quirks import PictureQueue
from media.peer import Peer
from media.peer_events import CameraStarted, PeerClosed
from media.sdp import Fragment, parse_fragment
from media.sdp_lines import MAX_CANDIDATES
from media.timeline import MediaTimeline
from tests.support.clock import ManualClock

NewPeer = Callable[..., Peer]


def ignore(_frame: Frame) -> None:
    """A sink for frames that the test does not look at."""


@pytest.fixture
async def new_peer() -> AsyncIterator[NewPeer]:
    made: list[Peer] = []

    def make(sink: Callable[[Frame], None] = ignore) -> Peer:
        clock, timeline = ManualClock(), MediaTimeline()
        made.append(
            Peer(
                new_peer_id(),
                settings=Settings(),
                clock=clock,
                timeline=timeline,
                sink=sink,
                metrics=Metrics(),
            )
        )
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


def message(number: int, *, count: int = 64) -> Fragment:
    """A fragment with a name to resolve, and addresses that no other message has."""
    name = f"a=candidate:1 1 udp 1 0000000{number}-0000-4000-8000-000000000000.local 9 typ host"
    addresses = [
        f"a=candidate:{n} 1 udp 1 192.168.{number}.{n} 5000 typ host" for n in range(1, count)
    ]
    return parse_fragment("\r\n".join(["a=mid:0", name, *addresses, "a=end-of-candidates"]))


class Resolving:
    """Names that become known when the test says so; and what a connection is given to try."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
        self.known = asyncio.Event()
        self.tried: list[RTCIceCandidate | None] = []
        monkeypatch.setattr(peer_module, "resolve_mdns", self._resolve)
        monkeypatch.setattr(peer._connection, "addIceCandidate", self._try)

    async def _resolve(self, names: tuple[str, ...], limit_s: float) -> dict[str, str]:
        await self.known.wait()
        return dict.fromkeys(names, "192.168.99.1")

    async def _try(self, candidate: RTCIceCandidate | None) -> None:
        self.tried.append(candidate)


async def test_messages_at_the_same_time_have_one_limit_of_candidates(
    new_peer: NewPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = new_peer()
    resolving = Resolving(monkeypatch, peer)
    adding = asyncio.gather(*(peer.add_candidates(message(number)) for number in range(8)))
    await asyncio.sleep(0)
    resolving.known.set()
    await adding
    assert len([one for one in resolving.tried if one is not None]) == MAX_CANDIDATES


async def test_no_end_is_announced_while_another_message_waits_for_its_names(
    new_peer: NewPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = new_peer()
    resolving = Resolving(monkeypatch, peer)
    waiting = asyncio.create_task(peer.add_candidates(message(1, count=2)))
    await asyncio.sleep(0)
    await peer.add_candidates(
        parse_fragment("a=mid:0\na=candidate:1 1 udp 1 10.0.0.1 5 typ host\na=end-of-candidates")
    )
    assert [one.ip for one in resolving.tried if one] == ["192.168.1.1", "10.0.0.1"]
    resolving.known.set()
    await waiting
    assert [one is not None for one in resolving.tried] == [True, True, True, False]


async def test_an_ice_restart_is_refused(new_peer: NewPeer) -> None:
    with pytest.raises(RestartUnsupported) as refused:
        await new_peer().add_candidates(parse_fragment("a=ice-ufrag:other"))
    assert refused.value.hint == "send a new offer instead"


def picture() -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
    made.pts, made.time_base = 1, Fraction(1, 90_000)
    return made


async def test_an_error_at_a_picture_is_logged_and_closes_the_peer(new_peer: NewPeer) -> None:
    def fail(_frame: Frame) -> None:
        raise RuntimeError("a bug in the sink")

    peer, track = new_peer(fail), RemoteStreamTrack("video")
    with structlog.testing.capture_logs() as logs:
        peer._on_track(track)
        await track._queue.put(picture())
        async with asyncio.timeout(5):
            assert await peer.next_event() == PeerClosed()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("camera_failed", "error")]


async def test_the_end_of_a_camera_is_not_an_error(new_peer: NewPeer) -> None:
    peer, track = new_peer(), RemoteStreamTrack("video")
    with structlog.testing.capture_logs() as logs:
        peer._on_track(track)
        await track._queue.put(picture())
        await track._queue.put(None)
        async with asyncio.timeout(5):
            assert await peer.next_event() == CameraStarted()
            assert peer._pump is not None
            await peer._pump
    assert [entry["event"] for entry in logs] == ["camera_ended"]


async def test_decoded_pictures_that_nobody_takes_are_bounded(new_peer: NewPeer) -> None:
    track = RemoteStreamTrack("video")
    new_peer()._on_track(track)
    for number in range(100):
        await track._queue.put(number)
    await track._queue.put(None)
    kept = [track._queue.get_nowait() for _ in range(track._queue.qsize())]
    assert kept == [*range(100 - PictureQueue.MOST, 100), None]


@pytest.mark.parametrize("error", [ConnectionError("the link is gone"), ValueError("a bug")])
async def test_a_peer_closes_where_aiortc_fails_to(
    new_peer: NewPeer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail() -> None:
        raise error

    peer = new_peer()
    with monkeypatch.context() as broken, structlog.testing.capture_logs() as logs:
        broken.setattr(peer._connection, "close", fail)
        await peer.aclose()
    assert await peer.next_event() == PeerClosed()
    assert [(entry["event"], entry["exc_info"]) for entry in logs] == [("peer_close_failed", error)]
