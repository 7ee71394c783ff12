"""Injection without a browser: aiortc that claims to be Chrome, WHIP, and uploads of single pictures."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import cv2
import numpy as np
from aiohttp import ClientSession
from aiortc import MediaStreamTrack, RTCDataChannel

from kyc_rtc.frames import BgrImage
from media.publisher import PictureTrack, Publisher
from tests.injection.heard import Heard
from tests.injection.looped import RetimedTrack
from tests.injection.place import Place, Session, meanwhile
from tests.support.rest import KYC, Refused, Rest
from tests.support.whip_clients import events_of, ffmpeg
from tests.support.whip_ffmpeg import HEIGHT, WIDTH

FPS = 20
UPLOADS_PER_S = 12
STATS_EVERY_S = 2.0
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
CAMERA = {
    "width": 640,
    "height": 480,
    "frame_rate": 30,
    "facing_mode": None,
    "user_agent": CHROME,
    "device_label": "HD Webcam (046d:0825)",
}
"""What the page's client says in `capture_info` of a common webcam."""

_ORIGIN = re.compile(r"(?m)^(o=- \d+ \d+ IN IP4) \S+")
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


class ClaimsChrome:
    """Says on the data channels what the page's client says: `capture_info`, also after each `capture` order,
    and `stats` every two seconds."""

    def __init__(self, track: MediaStreamTrack, heard: Heard) -> None:
        self._heard = heard
        self._said = 0
        self._began_s = time.monotonic()
        self.publisher = Publisher(track, self._take)

    async def stats(self) -> None:
        """Without end."""
        while True:
            await asyncio.sleep(STATS_EVERY_S)  # the page's period
            if self.publisher.telemetry.readyState == "open":
                measured = {"rtt_ms": 24, "packets_lost": 0, "bitrate_kbps": 940, "fps": FPS}
                self._say(self.publisher.telemetry, "stats", measured)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] in ("hello", "capture"):
            self._say(self.publisher.reliable, "capture_info", CAMERA)
        self._heard.take(message)

    def _say(self, channel: RTCDataChannel, kind: str, fields: Mapping[str, Any]) -> None:
        self._said += 1
        at_ms = round(1_000 * (time.monotonic() - self._began_s))
        channel.send(json.dumps({"v": 1, "seq": self._said, "type": kind, "t_ms": at_ms, **fields}))


@asynccontextmanager
async def claims_chrome(place: Place, session: Session, heard: Heard) -> AsyncIterator[None]:
    """aiortc with a live track."""
    async with _peer(place, session, heard, PictureTrack(heard.person.draw, FPS)):
        yield


@asynccontextmanager
async def looped_file(place: Place, session: Session, heard: Heard) -> AsyncIterator[None]:
    """aiortc with stamps of its own; who is shown plays the file (`Looped`)."""
    async with _peer(place, session, heard, RetimedTrack(heard.person.draw, place.seed)):
        yield


@asynccontextmanager
async def _peer(
    place: Place, session: Session, heard: Heard, track: MediaStreamTrack
) -> AsyncIterator[None]:
    client = ClaimsChrome(track, heard)
    async with ClientSession(headers={"User-Agent": CHROME}) as http:
        try:
            offer = {
                "type": "offer",
                "sdp": with_a_browsers_origin(await client.publisher.offer()),
                "instance": secrets.token_urlsafe(16),
                "take_over": False,
            }
            path = f"{KYC}/sessions/{session['session_id']}/offer"
            rest = Rest(http, place.server.url)
            answer = await rest.post(path, offer, session["client_token"])
            await client.publisher.accept(answer["sdp"])
            async with _beside(client.stats()):
                yield
        finally:
            await client.publisher.aclose()


def with_a_browsers_origin(sdp: str) -> str:
    """The offer with the origin line of browsers, which hide their address in it."""
    return _ORIGIN.sub(r"\1 127.0.0.1", sdp)


@asynccontextmanager
async def whip(place: Place, session: Session, heard: Heard) -> AsyncIterator[None]:
    """FFmpeg's WHIP muxer; the prompts come from the event stream."""
    url, token = f"{place.server.url}/whip/{session['session_id']}", session["client_token"]

    def draw(at_ms: float) -> BgrImage:
        picture = heard.person.draw(at_ms)
        return np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))

    client = ffmpeg(url, token, place.folder, draw)
    async with (
        ClientSession() as http,
        meanwhile(client.run, client.stop),
        _beside(_follow(http, url, token, heard)),
    ):
        yield


async def _follow(http: ClientSession, url: str, token: str, heard: Heard) -> None:
    async for message in events_of(http, f"{url}/messages", token):
        heard.take(message)


@asynccontextmanager
async def uploads(place: Place, session: Session, heard: Heard) -> AsyncIterator[None]:
    """JPEG pictures by `upload-video-frame`; the prompts come in its answers."""
    async with (
        ClientSession() as http,
        _beside(_upload(Rest(http, place.server.url), session, heard)),
    ):
        yield


async def _upload(rest: Rest, session: Session, heard: Heard) -> None:
    """Until the attempt is over; what is late is left out, as by a camera."""
    token, began_s, next_s = session["client_token"], time.monotonic(), 0.0
    while not heard.done.is_set():
        await asyncio.sleep(max(0.0, began_s + next_s - time.monotonic()))  # the camera's rate
        at_s = time.monotonic() - began_s
        next_s = max(next_s + 1 / UPLOADS_PER_S, at_s)
        picture = await asyncio.to_thread(heard.person.draw, 1_000 * at_s)
        body = {"session_id": session["session_id"], "frame": data_url(picture)}
        try:
            answer = await rest.post(f"{KYC}/upload-video-frame", body, token)
        except Refused as refused:
            if refused.status == 409:  # it was over before this picture
                return
            raise
        for message in answer["messages"]:
            heard.take(message)


def data_url(picture: BgrImage) -> str:
    """The picture as `upload-video-frame` takes it: a JPEG of quality 92."""
    _, jpeg = cv2.imencode(".jpg", picture, _JPEG)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on meanwhile; its error ends the body, and is raised."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()
