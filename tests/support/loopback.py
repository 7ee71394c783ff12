"""A real `Peer` and a real client, without a server between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiortc import MediaStreamTrack

from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.frames import Frame
from kyc_rtc.ids import new_peer_id
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from media.peer import Peer
from media.peer_events import PeerClosed, PeerEvent, Refused
from media.publisher import Publisher
from media.sdp import parse_offer
from media.timeline import MediaTimeline

E = TypeVar("E")


def as_it_is(sdp: str) -> str:
    """The offer as the client made it."""
    return sdp


class Loopback:
    """`peer` receives what a client sends from `track`; its frames and events are kept."""

    def __init__(
        self,
        track: MediaStreamTrack,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.frames: list[Frame] = []
        self.events: list[PeerEvent] = []
        self.metrics = Metrics()
        self.publisher = Publisher(track, lambda _message: None)
        self.peer = Peer(
            new_peer_id(),
            settings=self.settings,
            clock=clock or SystemClock(),
            timeline=MediaTimeline(),
            sink=self.frames.append,
            metrics=self.metrics,
        )
        self._reading = asyncio.create_task(self._read())

    async def connect(self, edit: Callable[[str], str] = as_it_is) -> None:
        """Offer and answer; `edit` changes the offer on its way."""
        await self.publisher.accept(await self.answer(edit))

    async def answer(self, edit: Callable[[str], str] = as_it_is) -> str:
        """The answer, which the client does not get."""
        sdp = edit(await self.publisher.offer())
        return await self.peer.answer(parse_offer(sdp, self.settings.media.max_offer_bytes))

    async def until(self, condition: Callable[[], object], within_s: float = 10.0) -> None:
        """Wait for it, or the test fails."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - a live peer is watched from outside
                await asyncio.sleep(0.02)  # polling, bounded by the timeout

    def of_type(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def refusals(self) -> list[str]:
        return [event.error.code for event in self.of_type(Refused)]

    async def _read(self) -> None:
        while not self.of_type(PeerClosed):
            self.events.append(await self.peer.next_event())

    async def aclose(self) -> None:
        await self.publisher.aclose()
        await self.peer.aclose()
        await self._reading
