"""A session's messages as server-sent events."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
import structlog
from aiohttp import ClientConnectionResetError, ClientError, ClientResponse, web
from aiohttp.test_utils import TestClient

from kyc_rtc.errors import NotFound, StorageUnavailable
from kyc_rtc.settings import Settings
from signaling.event_stream import EVENT_STREAM, KEEP_ALIVE_MS, as_event
from tests.support.clock import ManualClock
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import MakeClient

Client = TestClient[Any, Any]
STATE = {"v": 1, "seq": 0, "type": "state", "t_ms": 0, "event": 2, "state": "connecting"}
QUALITY = {"v": 1, "seq": 1, "type": "quality", "t_ms": 40, "ok": True, "issues": []}


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    made: Client = await make_client(Settings())
    return made


async def opened(client: Client, **headers: str) -> ClientResponse:
    started = await (await client.post("/api/v1/kyc/start-session", json={"user_id": "x"})).json()
    bearer = {"Authorization": f"Bearer {started['client_token']}"}
    return await client.get(f"/whip/{started['session_id']}/messages", headers=bearer | headers)


async def test_messages_are_events_and_the_journal_numbers_them(
    client: Client, sessions: FakeSessions
) -> None:
    sessions.messages = (STATE, QUALITY)
    response = await opened(client)
    assert (response.status, response.content_type) == (200, "text/event-stream")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    _, state, quality, rest = (await response.text()).split("\n\n")
    number, kind, data = state.split("\n")
    assert (number, kind) == ("id: 2", "event: state")
    assert json.loads(data.removeprefix("data: ")) == {k: v for k, v in STATE.items() if k != "seq"}
    assert quality.startswith("event: quality\ndata: ")
    assert rest == ""
    assert sessions.calls[-1][0] == "unfollowed"


async def test_it_resumes_after_the_event_that_the_client_names(
    client: Client, sessions: FakeSessions
) -> None:
    await (await opened(client)).text()
    await (await opened(client, **{"Last-Event-ID": "17"})).text()
    assert [detail for name, detail in sessions.calls if name == "following"] == [0, 17]


@pytest.mark.parametrize("junk", ["x", "-1", "1.5", "99999999999", "\u0661", "4294967296"])
async def test_junk_for_the_last_event_is_400(client: Client, junk: str) -> None:
    assert (await opened(client, **{"Last-Event-ID": junk})).status == 400


async def test_it_is_kept_alive_while_nothing_is_said(
    client: Client, sessions: FakeSessions, clock: ManualClock
) -> None:
    sessions.over.clear()
    response = await opened(client)
    async with asyncio.timeout(5):
        assert await response.content.readuntil(b"\n\n") == b"retry: 3000\n\n"
        for _ in range(3):
            await asyncio.sleep(0.01)  # until the handler waits again
            await clock.advance(KEEP_ALIVE_MS)
            assert await response.content.readuntil(b"\n\n") == b": keep-alive\n\n"
        sessions.over.set()
        assert b"data" not in await response.read()


async def beaten(response: ClientResponse, clock: ManualClock) -> bytes:
    """What comes with the next beat of an open stream."""
    assert await response.content.readuntil(b"\n\n") == b"retry: 3000\n\n"
    await asyncio.sleep(0.01)  # until the handler waits
    await clock.advance(KEEP_ALIVE_MS)
    return await response.content.read(100)


async def test_it_ends_when_the_link_was_replaced(
    client: Client, sessions: FakeSessions, clock: ManualClock
) -> None:
    sessions.over.clear()
    response = await opened(client)
    [session_id] = sessions.sessions
    await sessions.renew_link(session_id)
    async with asyncio.timeout(5):
        assert await beaten(response, clock) == b""


async def test_it_outlives_an_outage_of_the_database(
    client: Client, sessions: FakeSessions, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("the database is away")

    sessions.over.clear()
    response = await opened(client)
    monkeypatch.setattr(sessions, "check_token", away)
    async with asyncio.timeout(5):
        assert await beaten(response, clock) == b": keep-alive\n\n"
    sessions.over.set()


async def test_messages_do_not_wait_for_a_slow_database(
    client: Client, sessions: FakeSessions, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any, **__: Any) -> None:
        asked.set()
        await answered.wait()

    sessions.over.clear()
    response = await opened(client)
    monkeypatch.setattr(sessions, "check_token", slow)
    async with asyncio.timeout(5):
        assert await response.content.readuntil(b"\n\n") == b"retry: 3000\n\n"
        await asyncio.sleep(0.01)  # until the handler waits
        await clock.advance(KEEP_ALIVE_MS)
        await asked.wait()
        sessions.over.set()
        assert await response.read() == b""  # the end of the messages, while the check still waits
    answered.set()


async def test_a_refusal_is_an_error_and_not_a_stream(
    client: Client, sessions: FakeSessions
) -> None:
    started = await (await client.post("/api/v1/kyc/start-session", json={"user_id": "x"})).json()
    sessions.refusal = NotFound("the session does not run")
    bearer = {"Authorization": f"Bearer {started['client_token']}"}
    response = await client.get(f"/whip/{started['session_id']}/messages", headers=bearer)
    assert response.status == 404
    assert (await response.json())["error"]["code"] == "not_found"


@pytest.mark.parametrize("step", ["prepare", "write"])
async def test_a_client_that_has_gone_before_the_first_byte_is_not_an_error(
    client: Client, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def gone(*_: Any) -> None:
        raise ClientConnectionResetError("Cannot write to closing transport")

    def limited(response: web.StreamResponse, *arguments: Any) -> Any:
        streams = response.content_type == EVENT_STREAM
        return gone() if streams else former(response, *arguments)

    former = getattr(web.StreamResponse, step)
    monkeypatch.setattr(web.StreamResponse, step, limited)
    with structlog.testing.capture_logs() as logs, suppress(ClientError):
        await (await opened(client)).read()
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


def test_a_message_is_one_line_whatever_is_in_it() -> None:
    event = as_event({"type": "error", "message": "a\n\nid: 9\r\ndata: forged"}).decode()
    assert event.count("\n") == 3
    assert "\r" not in event
