"""A client that answers every challenge late: as long as it takes to render an answer elsewhere.

The portrait performs what was asked `LATE_S` ago. Meanwhile the client does what hides that nobody
is there: it sends nothing, or a picture that stands still, that is black, dark or blurred, or it
hangs up and offers anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from aiohttp import ClientSession

from kyc_rtc.frames import BgrImage
from media.publisher import PictureTrack
from tests.support.applicant import Call, PortraitApplicant, obey

STATS_EVERY_S = 1.0
POLL_S = 0.5


class Cover(Enum):
    """What the client does while the answer is made."""

    NOTHING_SENT = "no picture"
    STANDING_STILL = "the last picture, again and again"
    BLACK = "a black picture"
    DARK = "a dark picture"
    BLURRED = "a blurred picture"
    HUNG_UP = "hangs up, and offers anew"
    ANOTHER_CLIENT = "another client offers at once"


@dataclass(frozen=True, slots=True)
class Habit:
    """How the client answers: `late_s` after the prompt, with a cover meanwhile."""

    cover: Cover
    late_s: float


class LateClient:
    """One session from its offer to its verdict."""

    def __init__(self, http: ClientSession, base_url: str, model: Path, habit: Habit) -> None:
        self._applicant = PortraitApplicant(model)
        self._habit = habit
        self._covered = False
        self._last: BgrImage | None = None
        self._sends = asyncio.Event()
        self._sends.set()
        self.call = Call(http, base_url, self._draw, self._track)
        self.call.on_challenge = self._asked
        self._asked_for: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def run(self, within_s: float) -> str:
        """The verdict's status, as the record has it; `active` where none came in so long."""
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(self._answer()), tasks.create_task(self._stats())]
            try:
                await self.call.start()
                return await self._decided(within_s)
            finally:
                for task in work:
                    task.cancel()
                await self.call.aclose()

    async def _decided(self, within_s: float) -> str:
        status = "active"
        for _ in range(round(within_s / POLL_S)):
            status = (await self.call.status())["status"]
            if status != "active":
                break
            await asyncio.sleep(POLL_S)  # polling a server, so often at most
        return status

    def _asked(self, challenge: dict[str, Any]) -> None:
        self._asked_for.put_nowait(challenge)

    async def _answer(self) -> None:
        while True:
            challenge = await self._asked_for.get()
            await self._wait_under_cover()
            self._applicant.act(obey(challenge))

    async def _wait_under_cover(self) -> None:
        match self._habit.cover:
            case Cover.NOTHING_SENT:
                self._sends.clear()
                await asyncio.sleep(self._habit.late_s)
                self._sends.set()
            case Cover.HUNG_UP:
                await self.call.hang_up()
                await asyncio.sleep(self._habit.late_s)
                await self.call.connect()
            case Cover.ANOTHER_CLIENT:
                await self.call.connect()
                await asyncio.sleep(self._habit.late_s)
            case _:
                self._covered = True
                await asyncio.sleep(self._habit.late_s)
                self._covered = False

    async def _stats(self) -> None:
        """What a page says all the while, so that the session is not silent."""
        while True:
            await asyncio.sleep(STATS_EVERY_S)
            if self.call.publisher.is_open:
                self.call.publisher.say("stats", bitrate_kbps=600)

    def _track(self, draw: Callable[[float], BgrImage]) -> PictureTrack:
        return _StoppableTrack(draw, 20, self._sends)

    def _draw(self, at_ms: float) -> BgrImage:
        picture = self._applicant.draw(at_ms)
        if not self._covered or self._last is None:
            self._last = picture
            return picture
        match self._habit.cover:
            case Cover.BLACK:
                return np.zeros_like(picture)
            case Cover.DARK:
                return np.asarray(picture * 0.12, np.uint8)
            case Cover.BLURRED:
                return np.asarray(cv2.GaussianBlur(picture, (0, 0), 9), np.uint8)
            case _:
                return self._last


class _StoppableTrack(PictureTrack):
    """Sends nothing while `sends` is not set."""

    def __init__(self, draw: Callable[[float], BgrImage], fps: int, sends: asyncio.Event) -> None:
        super().__init__(draw, fps)
        self._sends = sends

    async def recv(self) -> av.VideoFrame:
        await self._sends.wait()
        return await super().recv()
