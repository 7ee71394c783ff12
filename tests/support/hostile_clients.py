"""Clients that want a server to spend what they do not spend themselves.

Each comes from 127.0.0.2 and up, some 60 connections from one address, and counts what it was answered:
statuses, `reset` where the connection was closed without a word, `held` where it was still open when the
client gave up.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiohttp import ClientSession
from PIL import Image

from kyc_rtc.frames.jpeg import MAX_SCANS
from kyc_rtc.frames.sizes import MAX_LONG_SIDE_PX, MAX_SHORT_SIDE_PX
from media.publisher import EncodedTrack, Publisher, encode_vp8
from signaling.connection import MAX_PIPELINED
from tests.support.floods import Flood
from tests.support.hostile_offers import feedback_for_all, with_lines
from tests.support.hostile_pictures import exif_jpeg, jpeg_with, many_prefix_codes, many_scans
from tests.support.pair import until
from tests.unit.frames.test_pictures import png_chunk, png_header

EACH_ADDRESS = 60
"""Connections: fewer than the default limit, so that as many as possible are let in."""

BODY_BYTES = 4_000_000
_KYC = "/api/v1/kyc"
_CONNECT_S = 10.0
_CLOSE_S = 8.0

Answers = Counter[str]


@dataclass(frozen=True, slots=True)
class Target:
    """A server, one session on it, and how long to hold what can be held."""

    port: int
    api_key: str
    session_id: str
    token: str
    hold_s: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Attack = Callable[[Target], Awaitable[Answers]]


async def half_sent_bodies(target: Target, authorisation: str, count: int = 300) -> Answers:
    """Uploads whose last bytes never come."""
    head = _head("upload-video-frame", BODY_BYTES, authorisation)
    return await _crowd(target, count, head + b"x" * (BODY_BYTES - 1))


async def half_bodies_of_anybody(target: Target) -> Answers:
    return await half_sent_bodies(target, "")


async def half_bodies_of_an_applicant(target: Target) -> Answers:
    return await half_sent_bodies(target, f"Authorization: Bearer {target.token}\r\n")


async def half_bodies_of_a_bank(target: Target) -> Answers:
    return await half_sent_bodies(target, f"X-API-Key: {target.api_key}\r\n")


async def half_sent_headers(target: Target, count: int = 1_100) -> Answers:
    """Requests whose header never ends."""
    return await _crowd(
        target, count, b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half: " + b"x" * 4_000
    )


async def slow_readers(target: Target, count: int = 300) -> Answers:
    """Whoever asks again and again for what is large here, and takes none of it."""
    request = b"GET /api/v1 HTTP/1.1\r\nHost: x\r\n\r\n"

    async def one(number: int) -> Iterable[str]:
        return [await _unread(target, number, request)]

    return await _counted(one, count)


async def large_pictures(target: Target, count: int = 60) -> Answers:
    """The largest picture that is accepted, over and over."""
    return await _uploads(target, _largest_picture(), count)


async def bombs(target: Target, count: int = 60) -> Answers:
    """A small file that unpacks to 20,000 x 20,000 pixels, over and over."""
    return await _uploads(target, _bomb(20_000), count)


async def exif_segments(target: Target, count: int = 3) -> Answers:
    """A JPEG of 3 MB that is Exif segments of 12 bytes, over and over."""
    return await _uploads(target, exif_jpeg(BODY_BYTES * 3 // 4 - 1_000), count)


async def fill_bytes(target: Target, count: int = 3) -> Answers:
    """A JPEG of 3 MB that is fill bytes, over and over."""
    return await _uploads(target, jpeg_with(b"\xff", BODY_BYTES * 3 // 4 - 1_000), count)


async def scans(target: Target, count: int = 3) -> Answers:
    """A progressive JPEG of 120,000 scans, over and over."""
    return await _uploads(target, many_scans(120_000), count)


async def most_scans(target: Target, count: int = 60) -> Answers:
    """A progressive JPEG of as many scans as are read, over and over."""
    return await _uploads(target, many_scans(MAX_SCANS - 1), count)


async def prefix_codes(target: Target, count: int = 3) -> Answers:
    """A lossless WebP whose prefix codes take 300 MB when they are read, over and over."""
    return await _uploads(target, many_prefix_codes(65_536), count)


async def feedback_lines(target: Target, count: int = 3) -> Answers:
    """Offers with thousands of lines for each of some 60 codecs, over and over."""
    return await _offers(target, await asyncio.to_thread(feedback_for_all), count)


async def feedback_lines_refused(target: Target, count: int = 3) -> Answers:
    """The same without a camera, so that none is answered and none counts."""
    offer = await asyncio.to_thread(lambda: feedback_for_all(camera=False))
    return await _offers(target, offer, count)


async def source_lines(target: Target, count: int = 3) -> Answers:
    """Offers with thousands of sources, over and over."""
    offer = await asyncio.to_thread(lambda: with_lines(lambda number: f"a=ssrc:{number} cname:"))
    return await _offers(target, offer, count)


async def flood_of_sessions(target: Target, count: int = 50) -> Answers:
    """A bank's key that starts sessions as fast as it can."""
    body = json.dumps({"user_id": "hostile"}).encode()
    head = _head("start-session", len(body), f"X-API-Key: {target.api_key}\r\n")
    return await _repeated(target, head + body, count)


async def huge_video(target: Target, side_px: int = 8_192) -> Answers:
    """A camera whose VP8 is 8192 x 8192, over real WebRTC."""
    flat = np.zeros((side_px, side_px, 3), np.uint8)
    packets = await asyncio.to_thread(encode_vp8, [flat], (side_px, side_px), 2)
    answers: Answers = Counter()

    def hear(message: dict[str, Any]) -> None:
        if message["type"] == "error":
            answers[message["code"]] += 1

    publisher = Publisher(EncodedTrack(packets, fps=2), hear)
    try:
        status = await _offer(target, publisher)
        await asyncio.sleep(target.hold_s)  # the attack's length
        return answers + Counter({str(status): 1})
    finally:
        await publisher.aclose()


async def flood(target: Target, of: Flood) -> Answers:
    """A peer that sends what no browser does; then the session is cancelled, and the peer does not leave
    by itself: `open` where the server has not closed it within 8 s."""
    flat = [np.full((48, 64, 3), shade, np.uint8) for shade in (60, 120)]
    publisher = Publisher(
        EncodedTrack(encode_vp8(flat, (64, 48), 2), fps=15), lambda _message: None
    )
    try:
        answers = Counter({str(await _offer(target, publisher)): 1})
        if await until(lambda: publisher.is_open, _CONNECT_S) is None:
            return answers + Counter({"not connected": 1})
        answers["packets"] = await of.pour(publisher._connection, target.hold_s)
        left_early = _is_left(publisher)
        if not left_early:
            await _cancel(target)
        is_left = await until(lambda: _is_left(publisher), _CLOSE_S) is not None
        answers["thrown out" if left_early else "closed at the end" if is_left else "open"] += 1
        return answers
    finally:
        await publisher.aclose()


def _is_left(publisher: Publisher) -> bool:
    """Whether the server has ended DTLS."""
    state: str = publisher._connection.getSenders()[0].transport.state
    return state == "closed"


async def _offer(target: Target, publisher: Publisher) -> int:
    """The status of the answer, which the publisher gets."""
    headers = {"Authorization": f"Bearer {target.token}"}
    path = f"{target.url}{_KYC}/sessions/{target.session_id}/offer"
    offer = {"type": "offer", "sdp": await publisher.offer()}
    async with ClientSession(headers=headers) as http, http.post(path, json=offer) as answer:
        if answer.status == 200:
            await publisher.accept((await answer.json())["sdp"])
        return answer.status


async def _cancel(target: Target) -> None:
    path = f"{target.url}{_KYC}/sessions/{target.session_id}/cancel"
    async with ClientSession(headers={"X-API-Key": target.api_key}) as http, http.post(path):
        pass


def _head(call: str, length: int, authorisation: str) -> bytes:
    return (
        f"POST {_KYC}/{call} HTTP/1.1\r\nHost: x\r\n{authorisation}"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _largest_picture() -> bytes:
    """Noise, as a JPEG: nearly as large as the body may be."""
    shape = (MAX_SHORT_SIDE_PX, MAX_LONG_SIDE_PX, 3)
    noise = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=85)
    return out.getvalue()


def _bomb(side_px: int) -> bytes:
    """A PNG of one colour, RGB, whole in itself but for the length of its data: some 78 KB."""
    rows = zlib.compress(bytes(75_000_000), 9)
    return png_header(side_px, side_px)[:33] + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


async def _uploads(target: Target, picture: bytes, count: int) -> Answers:
    data_url = "data:image/jpeg;base64," + base64.b64encode(picture).decode()
    body = json.dumps({"session_id": target.session_id, "frame": data_url}).encode()
    token = f"Authorization: Bearer {target.token}\r\n"
    return await _repeated(target, _head("upload-video-frame", len(body), token) + body, count)


async def _offers(target: Target, sdp: str, count: int) -> Answers:
    body = json.dumps({"type": "offer", "sdp": sdp}).encode()
    call = f"sessions/{target.session_id}/offer"
    token = f"Authorization: Bearer {target.token}\r\n"
    return await _repeated(target, _head(call, len(body), token) + body, count)


async def _crowd(target: Target, count: int, data: bytes) -> Answers:
    """Connections that send this at once, and wait for what becomes of them."""

    async def one(number: int) -> Iterable[str]:
        return [await _sent(target, number, data)]

    return await _counted(one, count)


async def _repeated(target: Target, data: bytes, count: int) -> Answers:
    """Connections that send this again and again."""
    until_s = asyncio.get_running_loop().time() + target.hold_s

    async def one(number: int) -> Iterable[str]:
        answers = []
        while asyncio.get_running_loop().time() < until_s:
            answers.append(await _sent(target, number, data))
        return answers

    return await _counted(one, count)


async def _counted(one: Callable[[int], Awaitable[Iterable[str]]], count: int) -> Answers:
    answers: Answers = Counter()
    for found in await asyncio.gather(*(one(number) for number in range(count))):
        answers.update(found)
    return answers


def _client(number: int) -> socket.socket:
    client = socket.socket()
    client.setblocking(False)
    client.bind((f"127.0.0.{2 + number // EACH_ADDRESS}", 0))
    return client


async def _sent(target: Target, number: int, data: bytes) -> str:
    """Send, read the first line of the answer, and close."""
    loop = asyncio.get_running_loop()
    with _client(number) as client:
        try:
            async with asyncio.timeout(target.hold_s):
                await loop.sock_connect(client, ("127.0.0.1", target.port))
                sending = asyncio.ensure_future(loop.sock_sendall(client, data))
                try:
                    return _status(await loop.sock_recv(client, 64))
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except TimeoutError:
            return "held"
        except OSError:
            return "reset"


async def _unread(target: Target, number: int, request: bytes) -> str:
    """Ask several times at once, then every second, and read nothing."""
    loop = asyncio.get_running_loop()
    with _client(number) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        try:
            async with asyncio.timeout(target.hold_s):
                await loop.sock_connect(client, ("127.0.0.1", target.port))
                await loop.sock_sendall(client, request * MAX_PIPELINED)
                while True:
                    await asyncio.sleep(1.0)  # the attack's pace, until the timeout
                    await loop.sock_sendall(client, request)
        except TimeoutError:
            return "held"
        except OSError:
            return "reset"


def _status(line: bytes) -> str:
    return line.split(b" ")[1].decode() if line.startswith(b"HTTP/") else "reset"
