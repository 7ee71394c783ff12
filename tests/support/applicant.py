"""An applicant for tests: the animated portrait, which does what the server's prompts ask."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from aiohttp import ClientSession
from aiortc import MediaStreamTrack, RTCConfiguration

from kyc_rtc.frames import BgrImage
from media.publisher import PictureTrack, Publisher
from tests.support import portrait_actions as actions
from tests.support.portrait import AnimatedPortrait

REACTION_MS = 500.0
SIZE = (480, 360)
_DRIFT_STEP_MS = 700.0

Draw = Callable[[float], BgrImage]
NewTrack = Callable[[Draw], MediaStreamTrack]

Answer = Callable[[dict[str, Any]], actions.Action | None]
"""Chooses the action for a `challenge` message; None does nothing."""


def obey(challenge: dict[str, Any]) -> actions.Action | None:
    """Do what is asked."""
    match challenge["challenge_type"]:
        case "head_turn":
            side: Literal["left", "right"] = challenge["direction"]
            return actions.head_turn(side)
        case "nod":
            nods = [actions.nod(angle_deg) for angle_deg in (19.0, 16.0, 18.0)]
            return actions.sequence(*nods[: challenge["count"]], pause_ms=250)
        case "blink":
            return actions.blink(challenge["count"])
        case "smile":
            return actions.smile(500 + challenge["hold_ms"])
        case "mouth_open":
            return actions.mouth_open(300 + challenge["hold_ms"])
        case "come_closer" | "step_back" as kind:
            return actions.change_distance(closer=kind == "come_closer")
        case other:
            raise AssertionError(f"an unknown challenge: {other}")


class PortraitApplicant:
    """Draws the portrait for a moment of the test; `act` starts an action a reaction time later."""

    def __init__(self, model: Path, seed: int = 1) -> None:
        self._portrait = AnimatedPortrait(model, SIZE)
        self._action: actions.Action | None = None
        self._began_ms = 0.0
        self._now_ms = 0.0
        self._chance = random.Random(seed)  # noqa: S311 - repeatable movement, no secret
        self._pace = random.Random(seed)  # noqa: S311 - likewise
        self._drift = [(0.0, 0.0)]

    def _sway(self, at_ms: float) -> actions.Expression:
        """A slow drift that never repeats, as somebody's who holds a phone."""
        while len(self._drift) < at_ms / _DRIFT_STEP_MS + 2:
            steps = [0.85 * last + self._chance.gauss(0, 0.9) for last in self._drift[-1]]
            self._drift.append((steps[0], steps[1]))
        number, share = divmod(at_ms / _DRIFT_STEP_MS, 1.0)
        share = (1 - math.cos(math.pi * share)) / 2
        before, after = self._drift[int(number)], self._drift[int(number) + 1]
        yaw, pitch = (a + share * (b - a) for a, b in zip(before, after, strict=True))
        return actions.Expression(yaw_deg=yaw, pitch_deg=0.6 * pitch)

    def act(self, action: actions.Action | None) -> None:
        """Nobody turns twice alike: the same action done again to the frame would be a video loop."""
        pace = self._pace.uniform(0.9, 1.15)
        self._action = None if action is None else action.slowed(pace)
        self._began_ms = self._now_ms + REACTION_MS

    def draw(self, at_ms: float) -> BgrImage:
        self._now_ms = at_ms
        expression = actions.idle(at_ms).plus(self._sway(at_ms)).plus(actions.muttering(at_ms))
        if self._action is not None:
            expression = expression.plus(self._action.at(at_ms - self._began_ms))
        return self._portrait.render(expression)


def camera(draw: Draw) -> PictureTrack:
    """A phone's camera at 20 pictures a second."""
    return PictureTrack(draw, fps=20)


class Call:
    """A session over real WebRTC: keeps every message, answers the prompts, waits for the verdict."""

    def __init__(
        self,
        http: ClientSession,
        base_url: str,
        draw: Draw,
        new_track: NewTrack = camera,
    ) -> None:
        self.messages: list[dict[str, Any]] = []
        self.session_id = ""
        self.token = ""
        self._http = http
        self._url = f"{base_url}/api/v1/kyc"
        self._draw, self._new_track = draw, new_track
        self._verdict: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.on_challenge: Callable[[dict[str, Any]], None] = lambda _message: None
        self.configuration: RTCConfiguration | None = None
        self._publishers: list[Publisher] = []

    @property
    def publisher(self) -> Publisher:
        """Of the last connection."""
        return self._publishers[-1]

    def _take(self, message: dict[str, Any]) -> None:
        self.messages.append({"at_s": time.monotonic(), **message})
        if message["type"] == "challenge":
            self.on_challenge(message)
        if message["type"] == "verdict" and not self._verdict.done():
            self._verdict.set_result(message)

    async def start(self, user_id: str = "portrait") -> None:
        """Open the session, connect, and let the server begin."""
        await self.open(user_id)
        await self.join()

    async def open(self, user_id: str = "portrait") -> None:
        """Open the session."""
        async with self._http.post(
            f"{self._url}/start-session", json={"user_id": user_id}
        ) as response:
            started = await response.json()
        self.session_id, self.token = started["session_id"], started["client_token"]

    async def connect(self) -> None:
        """Connect again, as a client that knows nothing of the connection before; in vain where the
        session is over by now."""
        if (await self.status())["status"] == "active":
            await self.join()

    async def hang_up(self) -> None:
        await self.publisher.aclose()

    async def join(self) -> None:
        """Connect, by the servers of `configuration`."""
        track = self._new_track(self._draw)
        self._publishers.append(Publisher(track, self._take, self.configuration))
        offer = {"type": "offer", "sdp": await self.publisher.offer()}
        headers = {"Authorization": f"Bearer {self.token}"}
        path = f"{self._url}/sessions/{self.session_id}/offer"
        async with self._http.post(path, json=offer, headers=headers) as response:
            assert response.status == 200, await response.text()
            answer = await response.json()
        await self.publisher.accept(answer["sdp"])

    async def verdict(self, within_s: float) -> dict[str, Any]:
        """The verdict message, or the test fails."""
        async with asyncio.timeout(within_s):
            return await self._verdict

    async def status(self) -> dict[str, Any]:
        """The record, as the institution reads it."""
        url, query = f"{self._url}/get-session-status", {"session_id": self.session_id}
        async with self._http.get(url, params=query) as response:
            body: dict[str, Any] = await response.json()
            return body

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def account(self) -> str:
        """What happened, for a failed assertion."""
        shown = ("quality", "challenge", "challenge_result", "verdict")
        lines = [json.dumps(m) for m in self.messages if m["type"] in shown]
        return "\n".join([*lines, *[json.dumps(m) for m in self.of_type("frame")[-1:]]])

    async def aclose(self) -> None:
        for publisher in self._publishers:
            await publisher.aclose()
