"""Bodies of requests: too large, too slow, too many."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import AtCapacity, TooManyUploads, TooSlow
from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.settings import HttpSettings, LimitSettings, Settings
from signaling.bodies import Bodies, UploadPlaces, is_too_slow
from signaling.endpoints import BODIES, SMALL_BODY_BYTES
from signaling.whip import SDP
from tests.support.clock import ManualClock, settle
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import Client, MakeClient
from tests.unit.signaling.test_api import bearer, start

START = "/api/v1/kyc/start-session"
UPLOAD = "/api/v1/kyc/upload-video-frame"
JSON = {"Content-Type": "application/json"}
LIMITS = HttpSettings(body_timeout_s=15, body_grace_s=5, body_min_bytes_per_s=1_000)
WHOLE = json.dumps({"user_id": "customer"}).encode()


@pytest.mark.parametrize(
    ("elapsed_s", "received", "expected"),
    [
        (0, 0, False),
        (4.9, 0, False),
        (5, 4_999, True),
        (5, 5_000, False),
        (14.9, 14_900, False),
        (15, 10**9, True),
    ],
)
def test_a_body_has_a_time_and_a_least_rate(
    elapsed_s: float, received: int, *, expected: bool
) -> None:
    assert is_too_slow(elapsed_s * 1_000, received, LIMITS) is expected


@given(st.floats(0, 60_000), st.integers(0, 10**7), st.integers(0, 10**7))
def test_more_bytes_never_make_it_slower(elapsed_ms: float, few: int, more: int) -> None:
    if not is_too_slow(elapsed_ms, few, LIMITS):
        assert not is_too_slow(elapsed_ms, few + more, LIMITS)


class Body:
    """A body that comes in pieces, when the test says so; chunked, as its length is not known."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, piece: bytes | None) -> None:
        self._pieces.put_nowait(piece)

    async def pieces(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


async def until_reading(client: Client, size: int = 1) -> None:
    """The server has begun with requests that have bodies of so many bytes together."""
    assert client.app is not None
    async with asyncio.timeout(5):
        while client.app[BODIES].in_flight < size:  # noqa: ASYNC110 - sockets have their own time
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)  # the first piece is on its way
    await settle()


async def test_half_a_body_is_given_up_after_its_time(
    client: Client, clock: ManualClock, sessions: FakeSessions
) -> None:
    body = Body()
    body.send(WHOLE[:5])
    asking = asyncio.ensure_future(client.post(START, data=body.pieces(), headers=JSON))
    await until_reading(client)
    await clock.advance(4_900)
    assert not asking.done()
    await clock.advance(400)
    response = await asking
    assert (response.status, (await response.json())["error"]["code"]) == (408, "too_slow")
    assert response.headers["Connection"] == "close"
    assert client.app is not None
    assert (client.app[BODIES].in_flight, sessions.calls) == (0, [])
    body.send(None)


async def test_a_slow_body_that_keeps_its_rate_is_read(client: Client, clock: ManualClock) -> None:
    body = Body()
    body.send(WHOLE[:-1] + b" " * 100_000)
    asking = asyncio.ensure_future(client.post(START, data=body.pieces(), headers=JSON))
    await until_reading(client)
    await clock.advance(10_000)
    body.send(WHOLE[-1:])
    body.send(None)
    assert (await asking).status == 201


@pytest.mark.parametrize("path", ["/api/v1/kyc/sessions/{id}/offer", "/whip/{id}"])
async def test_a_body_that_outlives_its_link_is_refused(
    client: Client, sessions: FakeSessions, path: str
) -> None:
    started = await start(client)
    session_id = started["session_id"]
    url = path.replace("{id}", session_id)
    whip = url.startswith("/whip")
    headers = bearer(started["client_token"]) | ({"Content-Type": SDP} if whip else JSON)
    whole = json.dumps({"type": "offer", "sdp": "v=0"})
    body = Body()
    body.send(whole[:9].encode())
    asking = asyncio.ensure_future(client.post(url, data=body.pieces(), headers=headers))
    await until_reading(client)
    assert (await client.post(f"/api/v1/kyc/sessions/{session_id}/link")).status == 201
    sessions.calls.clear()
    body.send(whole[9:].encode())
    body.send(None)
    response = await asking
    assert (response.status, (await response.json())["error"]["code"]) == (401, "link_replaced")
    assert sessions.calls == []


@pytest.mark.parametrize(("path", "limit"), [(START, SMALL_BODY_BYTES), (UPLOAD, 4 * 1024 * 1024)])
async def test_only_pictures_may_be_large(client: Client, path: str, limit: int) -> None:
    for size, chunked in ((limit, False), (limit + 1, False), (limit + 1, True)):
        body = Body()
        body.send(b" " * size)
        body.send(None)
        data = body.pieces() if chunked else io.BytesIO(b" " * size)
        response = await client.post(path, data=data, headers=JSON)
        assert response.status == (413 if size > limit else 400)


async def test_bodies_of_all_clients_have_one_limit(
    make_client: MakeClient, development: Settings, clock: ManualClock
) -> None:
    room = HttpSettings(body_bytes_in_flight=4 * 1024 * 1024)
    limits = LimitSettings(max_body_bytes=1536 * 1024)
    settings = Settings(data_dir=development.data_dir, http=room, limits=limits)
    client: Client = await make_client(settings)
    large = [Body(), Body()]
    for body in large:
        body.send(b"{")
    asking = [
        asyncio.ensure_future(client.post(UPLOAD, data=body.pieces(), headers=JSON))
        for body in large
    ]
    await until_reading(client, 2 * limits.max_body_bytes)
    refused = await client.post(UPLOAD, data=b"{" * 1_000, headers=JSON)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    small = await client.post(START, data=WHOLE, headers=JSON)
    assert small.status == 201
    for body in large:
        body.send(None)
    assert [(await one).status for one in asking] == [400, 400]
    assert (await client.post(UPLOAD, data=b"{" * 1_000, headers=JSON)).status == 400


class Announced(dict[object, int]):
    """As much of a request as a place looks at."""

    body_exists = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.content_length = size
        self.content: object = None
        self.headers: dict[str, str] = {}


@pytest.mark.parametrize(
    ("session_id", "size", "held"), [("a", 400_000, 3), ("", 400_000, 10), ("", 500_000, 8)]
)
def test_one_session_has_a_share_and_an_institution_all(
    clock: ManualClock, session_id: str, size: int, held: int
) -> None:
    room = 4 * 1024 * 1024
    bodies = Bodies(HttpSettings(body_bytes_in_flight=room), clock)
    with contextlib.ExitStack() as stack:

        def hold(of: str) -> None:
            asked = cast("web.Request", Announced(size))
            stack.enter_context(bodies.place(asked, size, large=False, session_id=of))

        for _ in range(held):
            hold(session_id)
        with pytest.raises(AtCapacity):
            hold(session_id)
        if session_id:
            hold("another")
    assert bodies.in_flight == 0


async def test_a_malformed_body_is_not_a_failure_of_the_server(client: Client) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    response = await client.post(START, data=b"this is not gzip", headers=headers)
    assert response.status == 400


def test_a_session_has_so_many_places_for_pictures() -> None:
    places = UploadPlaces(2)
    with places.place("a"), places.place("a"), places.place("b"):
        with pytest.raises(TooManyUploads) as refused, places.place("a"):
            pass
        assert (refused.value.code, refused.value.retry_after_s) == ("too_many_uploads", 1)
    with places.place("a"), places.place("a"):
        pass
    assert not places._under_way


async def test_the_fifth_picture_of_an_applicant_is_refused_before_it_is_read(
    make_client: MakeClient, development: Settings
) -> None:
    key = new_api_key()
    keys = {"api_key_hashes": (api_key_hash(key),)}  # without one, everybody is an institution
    client: Client = await make_client(development.model_copy(update=keys))
    opened = await client.post(START, json={"user_id": "x"}, headers={"X-API-Key": key})
    started = await opened.json()
    headers = JSON | {"Authorization": f"Bearer {started['client_token']}"}
    waiting = [Body() for _ in range(4)]
    for body in waiting:
        body.send(b"{")
    asking = [
        asyncio.ensure_future(client.post(UPLOAD, data=body.pieces(), headers=headers))
        for body in waiting
    ]
    await until_reading(client, 4 * 4 * 1024 * 1024)
    refused = await client.post(UPLOAD, data=b"{", headers=headers)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    for body in waiting:
        body.send(None)
    assert [(await one).status for one in asking] == [400] * 4
    assert (await client.post(UPLOAD, data=b"{", headers=headers)).status == 400


async def test_pictures_of_one_session_are_counted_together_however_its_id_is_written(
    client: Client, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = (await start(client))["session_id"]
    under_way, go_on = asyncio.Semaphore(0), asyncio.Event()
    upload = sessions.upload

    async def slow(*arguments: Any) -> Any:
        under_way.release()
        await go_on.wait()
        return await upload(*arguments)

    monkeypatch.setattr(sessions, "upload", slow)
    frame = "data:image/jpeg;base64,/9j/"
    written = [session_id, session_id.upper(), session_id.replace("-", ""), f"{{{session_id}}}"]
    bodies = [{"session_id": one, "frame": frame} for one in written]
    asking = [asyncio.ensure_future(client.post(UPLOAD, json=body)) for body in bodies]
    async with asyncio.timeout(5):
        for _ in asking:
            await under_way.acquire()
    async with asyncio.timeout(5):
        refused = await client.post(UPLOAD, json={"session_id": session_id.title(), "frame": frame})
    assert (refused.status, (await refused.json())["error"]["code"]) == (429, "too_many_uploads")
    go_on.set()
    await asyncio.gather(*asking)


class Endless:
    """A body that never comes, and whose reader takes some turns of the loop to end."""

    def __init__(self) -> None:
        self.ended = False

    def is_eof(self) -> bool:
        return False

    async def readany(self) -> bytes:
        try:
            return await asyncio.Event().wait() and b""
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            self.ended = True


async def test_a_body_that_is_given_up_is_no_longer_read(clock: ManualClock) -> None:
    bodies, content = Bodies(LIMITS, clock), Endless()
    ended_by_then: list[bool] = []
    announced = Announced(100)
    announced.content = content
    asked = cast("web.Request", announced)
    with bodies.place(asked, 1_000, large=False):
        reading = asyncio.ensure_future(bodies.read(asked))
        reading.add_done_callback(lambda _: ended_by_then.append(content.ended))
        await settle()
        await clock.advance(5_000)
        with pytest.raises(TooSlow):
            await reading
    assert ended_by_then == [True]
