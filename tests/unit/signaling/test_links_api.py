"""The applicant's link over HTTP, on real sessions in memory and a clock that the test turns."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.creations import CreationService
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from signaling.app import create_app
from tests.support.clock import ManualClock
from tests.support.credentials import LINK_NUMBER, Credentials
from tests.support.fake_sessions import FakeSessions
from tests.support.interfaces import interfaces
from tests.unit.sessions.conftest import Stage, build_stage
from tests.unit.signaling.conftest import Client, MakeClient
from tests.unit.signaling.test_api import PIXEL, bearer, decided, start

HOUR_MS = 3_600_000
ONE = "/api/v1/kyc/sessions"


@pytest.fixture
def stage(development: Settings) -> Stage:
    return build_stage(development)


@pytest.fixture
async def bank(stage: Stage, development: Settings) -> AsyncIterator[Client]:
    """A client of the application over the sessions of `stage`, which need no housekeeping here."""
    life = contextlib.nullcontext()
    creations = CreationService(stage.store.idempotency, stage.clock)
    app = create_app(
        development,
        stage.clock,
        Metrics(),
        interfaces(stage.service, stage.clock, creations=creations),
        life,
    )
    async with TestClient(TestServer(app)) as client:
        yield client


def parts(join_url: str) -> tuple[str, str]:
    """The session and the token of a link."""
    address, _, token = join_url.partition("#")
    return address.rsplit("/", 1)[-1], token


async def post(client: Client, path: str, token: str = "") -> tuple[int, dict[str, Any]]:
    response = await client.post(f"{ONE}/{path}", headers=bearer(token) if token else {})
    return response.status, await response.json()


async def open_link(client: Client, join_url: str) -> tuple[int, dict[str, Any]]:
    session_id, token = parts(join_url)
    return await post(client, f"{session_id}/open", token)


async def status(client: Client, session_id: str, token: str) -> int:
    return (await client.get(f"{ONE}/{session_id}", headers=bearer(token))).status


async def refused_with(client: Client, join_url: str) -> tuple[int, str]:
    code, body = await open_link(client, join_url)
    return code, body["error"]["code"]


@pytest.mark.parametrize("hours", [0, 2, 23])
async def test_a_link_opens_as_long_as_its_verification_waits(
    bank: Client, stage: Stage, hours: int
) -> None:
    begun = await start(bank)
    stage.clock.tick(hours * HOUR_MS)
    code, opened = await open_link(bank, begun["join_url"])
    assert (code, opened["session_id"], opened["expires_in_s"]) == (200, begun["session_id"], 3_600)
    assert await status(bank, begun["session_id"], opened["client_token"]) == 200
    by_first = await status(bank, begun["session_id"], begun["client_token"])
    assert by_first == (200 if hours == 0 else 401)


async def test_a_link_ends_with_its_verification(bank: Client, stage: Stage) -> None:
    begun = await start(bank)
    stage.clock.tick(24 * HOUR_MS - 1_000)
    assert (await open_link(bank, begun["join_url"]))[0] == 200
    stage.clock.tick(1_000)
    assert await refused_with(bank, begun["join_url"]) == (401, "link_expired")


async def test_a_link_opens_a_check_that_is_under_way_when_its_time_ends(
    bank: Client, stage: Stage
) -> None:
    begun = await start(bank)
    session_id = begun["session_id"]
    stage.store.put(replace(stage.row(session_id), state="challenging", owner_id="a process"))
    stage.clock.tick(24 * HOUR_MS + 60_000)
    code, opened = await open_link(bank, begun["join_url"])
    assert (code, opened["session_id"]) == (200, session_id)
    stage.store.put(
        replace(stage.row(session_id), state="passed", verdict_status="PASSED", owner_id=None)
    )
    assert await refused_with(bank, begun["join_url"]) == (401, "link_expired")


async def test_a_link_opens_again_and_again(bank: Client) -> None:
    begun = await start(bank)
    tokens = [(await open_link(bank, begun["join_url"]))[1]["client_token"] for _ in range(2)]
    for token in tokens:
        assert await status(bank, begun["session_id"], token) == 200


async def test_a_client_token_is_renewed_before_it_ends(bank: Client, stage: Stage) -> None:
    begun = await start(bank)
    session_id, token = begun["session_id"], begun["client_token"]
    for _ in range(20):
        stage.clock.tick(HOUR_MS - 1_000)
        code, body = await post(bank, f"{session_id}/renew", token)
        assert (code, body["session_id"]) == (200, session_id)
        token = body["client_token"]
    stage.clock.tick(HOUR_MS)
    assert (await post(bank, f"{session_id}/renew", token))[0] == 401


async def test_a_new_link_ends_the_old_one_with_its_tokens(bank: Client, stage: Stage) -> None:
    begun = await start(bank)
    session_id = begun["session_id"]
    token = (await open_link(bank, begun["join_url"]))[1]["client_token"]
    code, renewed = await post(bank, f"{session_id}/link")
    assert code == 201
    assert {name: renewed[name] for name in ("session_id", "verification_id", "expires_at")} == {
        name: begun[name] for name in ("session_id", "verification_id", "expires_at")
    }
    assert "client_token" not in renewed
    assert await refused_with(bank, begun["join_url"]) == (401, "link_replaced")
    for old in (token, begun["client_token"]):
        assert await status(bank, session_id, old) == 401
        assert (await post(bank, f"{session_id}/renew", old))[0] == 401
    stage.clock.tick(23 * HOUR_MS)
    token = (await open_link(bank, renewed["join_url"]))[1]["client_token"]
    assert await status(bank, session_id, token) == 200


async def test_tokens_of_a_deleted_verification_are_void(bank: Client, stage: Stage) -> None:
    begun = await start(bank)
    await stage.store.sessions.delete(SessionId(begun["session_id"]))
    assert await refused_with(bank, begun["join_url"]) == (401, "unauthorised")
    assert await status(bank, begun["session_id"], begun["client_token"]) == 401
    assert (await post(bank, f"{begun['session_id']}/link"))[0] == 404


async def test_each_token_opens_its_own_routes_only(bank: Client) -> None:
    begun = await start(bank)
    session_id, token = parts(begun["join_url"])
    assert await status(bank, session_id, token) == 401
    assert (await post(bank, f"{session_id}/open", begun["client_token"]))[0] == 401


# After the end of an attempt: its outcome can be read, and another one begun.


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        ("GET /api/v1/kyc/sessions/{id}", 200),
        ("POST /api/v1/kyc/sessions/{id}/retry", 201),
        ("DELETE /whip/{id}/the-peer", 200),
        ("POST /api/v1/kyc/sessions/{id}/renew", 409),
        ("POST /api/v1/kyc/sessions/{id}/offer", 409),
        ("POST /api/v1/kyc/upload-video-frame", 409),
        ("GET /api/v1/kyc/client-config", 409),
        ("POST /whip/{id}", 409),
        ("PATCH /whip/{id}/the-peer", 409),
    ],
)
async def test_after_the_end_a_client_token_reads_and_retries(
    make_client: MakeClient,
    sessions: FakeSessions,
    clock: ManualClock,
    tmp_path: Path,
    route: str,
    answer: int,
) -> None:
    credentials = Credentials(clock)
    production = credentials.production(tmp_path)
    client: Client = await make_client(production)
    session_id = (await sessions.open("x")).session_id
    decided(sessions, session_id, link_number=LINK_NUMBER)
    method, _, path = route.partition(" ")
    sent: dict[str, Any] = {}
    if path.endswith("frame"):
        sent = {"json": {"session_id": session_id, "frame": PIXEL}}
    headers = credentials.of(session_id, session_id)["own"]
    response = await client.request(method, path.format(id=session_id), headers=headers, **sent)
    assert response.status == answer


async def test_after_the_end_a_link_opens_to_the_outcome(
    client: Client, sessions: FakeSessions
) -> None:
    begun = await start(client)
    decided(sessions, begun["session_id"])
    code, opened = await open_link(client, begun["join_url"])
    assert code == 200
    assert await status(client, begun["session_id"], opened["client_token"]) == 200


async def test_devices_are_named_to_the_sessions(client: Client, sessions: FakeSessions) -> None:
    begun = await start(client)
    url = f"{ONE}/{begun['session_id']}/offer"
    for said in ({}, {"instance": "tab-1"}, {"instance": "tab-2", "take_over": True}):
        body = {"type": "offer", "sdp": "v=0", **said}
        response = await client.post(url, json=body, headers=bearer(begun["client_token"]))
        assert response.status == 200
    named = [(one.instance, one.take_over) for one in sessions.clients]
    assert named == [("", False), ("tab-1", False), ("tab-2", True)]


@pytest.mark.parametrize("instance", ["a b", "x" * 65, "\n", "ü", 7, None])
async def test_a_device_has_a_short_plain_name(client: Client, instance: Any) -> None:
    begun = await start(client)
    url = f"{ONE}/{begun['session_id']}/offer"
    body = {"type": "offer", "sdp": "v=0", "instance": instance}
    response = await client.post(url, json=body, headers=bearer(begun["client_token"]))
    assert response.status == 400
