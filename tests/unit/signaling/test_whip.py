"""WHIP (RFC 9725) over fake sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.errors import BadSdp, Conflict, KycError, RestartUnsupported
from kyc_rtc.settings import IceServer, MediaSettings, Settings
from kyc_rtc.turn import turn_credentials
from signaling.whip import ice_links
from tests.support.clock import ManualClock
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import MakeClient

Client = TestClient[Any, Any]
STUN = IceServer(urls=("stun:stun.example.net",))
TURN = IceServer(urls=("turn:t.example.net?transport=udp",), username='u"1', credential="p\\w")


@pytest.fixture
async def client(make_client: MakeClient, tmp_path: Path) -> Client:
    media = MediaSettings(ice_servers=(STUN, TURN))
    made: Client = await make_client(Settings(data_dir=tmp_path, media=media))
    return made


@pytest.fixture
async def joined(client: Client) -> tuple[str, dict[str, str]]:
    started = await (await client.post("/api/v1/kyc/start-session", json={"user_id": "x"})).json()
    headers = {
        "Authorization": f"Bearer {started['client_token']}",
        "Content-Type": "application/sdp",
    }
    return f"/whip/{started['session_id']}", headers


async def test_create_answers_201_with_location_and_ice_servers(
    client: Client, joined: tuple[str, dict[str, str]]
) -> None:
    url, headers = joined
    response = await client.post(url, data="v=0\r\n", headers=headers)
    assert response.status == 201
    assert response.headers["Location"] == f"{url}/the-peer"
    assert response.content_type == "application/sdp"
    assert response.headers["ETag"] == '"the-peer"'
    stun, turn, messages, status = response.headers.getall("Link")
    assert messages == f'<{url}/messages>; rel="monitor"; type="text/event-stream"'
    session = url.replace("/whip/", "/api/v1/kyc/sessions/")
    assert status == f'<{session}>; rel="status"; type="application/json"'
    assert stun == '<stun:stun.example.net>; rel="ice-server"'
    assert turn.startswith('<turn:t.example.net?transport=udp>; rel="ice-server"; ')
    assert turn.endswith('username="u\\"1"; credential="p\\\\w"; credential-type="password"')


async def test_the_sessions_get_the_clients_program(
    client: Client, joined: tuple[str, dict[str, str]], sessions: FakeSessions
) -> None:
    url, headers = joined
    await client.post(url, data="v=0\r\n", headers=headers | {"User-Agent": "OBS/32.0"})
    await client.post(url, data="v=0\r\n", headers=headers | {"User-Agent": "y" * 5_000})
    assert [one.user_agent for one in sessions.clients] == ["OBS/32.0", "y" * 512]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
async def test_another_content_type_is_415(
    client: Client, joined: tuple[str, dict[str, str]], kind: str
) -> None:
    url, headers = joined
    response = await client.post(url, data=b"v=0", headers=headers | {"Content-Type": kind})
    assert response.status == 415


async def test_bad_sdp_is_400(
    client: Client, joined: tuple[str, dict[str, str]], sessions: FakeSessions
) -> None:
    url, headers = joined
    sessions.refusal = BadSdp("the SDP cannot be parsed")
    assert (await client.post(url, data="junk", headers=headers)).status == 400
    assert (await client.post(url, data=b"\xff\xfe", headers=headers)).status == 400


async def test_the_token_of_a_deleted_session_is_void(
    client: Client, joined: tuple[str, dict[str, str]], sessions: FakeSessions
) -> None:
    url, headers = joined
    sessions.sessions.clear()
    assert (await client.post(url, data="v=0", headers=headers)).status == 401


async def test_without_the_token_it_is_401(
    client: Client, joined: tuple[str, dict[str, str]]
) -> None:
    url, headers = joined
    del headers["Authorization"]
    assert (await client.post(url, data="v=0", headers=headers)).status == 401


async def test_patch_adds_candidates(
    client: Client, joined: tuple[str, dict[str, str]], sessions: FakeSessions
) -> None:
    url, headers = joined
    headers |= {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": '"the-peer"'}
    response = await client.patch(f"{url}/the-peer", data="a=mid:0", headers=headers)
    assert (response.status, response.headers["ETag"]) == (204, '"the-peer"')
    assert sessions.calls[-1] == ("trickle", "a=mid:0")
    headers["If-Match"] = "*"
    assert (await client.patch(f"{url}/other", data="a=mid:0", headers=headers)).status == 404
    headers["Content-Type"] = "application/sdp"
    assert (await client.patch(f"{url}/the-peer", data="a=mid:0", headers=headers)).status == 415


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (RestartUnsupported("no restart", hint="offer"), 422, "restart_unsupported"),
        (Conflict("the session is over", hint="retry"), 409, "conflict"),
    ],
)
async def test_a_refused_patch_says_why(
    client: Client,
    joined: tuple[str, dict[str, str]],
    sessions: FakeSessions,
    refusal: KycError,
    status: int,
    code: str,
) -> None:
    url, headers = joined
    headers |= {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    sessions.refusal = refusal
    response = await client.patch(f"{url}/the-peer", data="a=mid:0", headers=headers)
    said = {"code": code, "message": refusal.message, "hint": refusal.hint}
    assert (response.status, (await response.json())["error"]) == (status, said)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({}, 428, "precondition_required"),
        ({"If-Match": ""}, 412, "precondition_failed"),
        ({"If-Match": "junk"}, 412, "precondition_failed"),
        ({"If-Match": '"nope"'}, 412, "precondition_failed"),
        ({"If-Match": 'W/"the-peer"'}, 412, "precondition_failed"),
    ],
)
async def test_candidates_are_for_the_ice_session_that_the_client_knows(
    client: Client,
    joined: tuple[str, dict[str, str]],
    sessions: FakeSessions,
    sent: dict[str, str],
    status: int,
    code: str,
) -> None:
    url, headers = joined
    headers |= {"Content-Type": "application/trickle-ice-sdpfrag"} | sent
    response = await client.patch(f"{url}/the-peer", data="a=mid:0", headers=headers)
    assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    assert not sessions.calls or sessions.calls[-1][0] != "trickle"


@pytest.mark.parametrize("sent", ['"the-peer"', "*", '"old", "the-peer"'])
async def test_what_names_the_ice_session_is_taken(
    client: Client, joined: tuple[str, dict[str, str]], sent: str
) -> None:
    url, headers = joined
    headers |= {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": sent}
    assert (await client.patch(f"{url}/the-peer", data="a=mid:0", headers=headers)).status == 204


async def test_delete_ignores_what_it_is_said_to_match(
    client: Client, joined: tuple[str, dict[str, str]]
) -> None:
    url, headers = joined
    headers["If-Match"] = '"nope"'
    assert (await client.delete(f"{url}/the-peer", headers=headers)).status == 200


async def test_delete_ends_the_peer(
    client: Client, joined: tuple[str, dict[str, str]], sessions: FakeSessions
) -> None:
    url, headers = joined
    assert (await client.delete(f"{url}/the-peer", headers=headers)).status == 200
    assert sessions.calls[-1] == ("hang_up", "the-peer")


async def test_options_says_what_may_be_posted(
    client: Client, joined: tuple[str, dict[str, str]]
) -> None:
    response = await client.options(joined[0])
    assert response.status == 204
    assert response.headers["Accept-Post"] == "application/sdp"
    assert "Link" not in response.headers  # anybody may ask


def test_servers_without_credentials_give_plain_links() -> None:
    assert ice_links(()) == []
    assert ice_links((STUN,)) == [("Link", '<stun:stun.example.net>; rel="ice-server"')]


async def test_credentials_of_turn_servers_are_made_for_each_answer(
    make_client: MakeClient, tmp_path: Path, clock: ManualClock
) -> None:
    turn = {"urls": ("turn:t.example.net",)}
    media = MediaSettings.model_validate({"ice_servers": (turn,), "turn_secret": "north"})
    client: Client = await make_client(Settings(data_dir=tmp_path, media=media))
    started = await (await client.post("/api/v1/kyc/start-session", json={"user_id": "x"})).json()
    session_id, token = started["session_id"], started["client_token"]
    headers = {"Authorization": f"Bearer {token}"}
    config = await (await client.get("/api/v1/kyc/client-config", headers=headers)).json()
    expires_at_s = clock.now_ms() // 1_000 + media.turn_ttl_s
    username, credential = turn_credentials("north", expires_at_s, session_id)
    assert config["ice_servers"] == [
        {"urls": ["turn:t.example.net"], "username": username, "credential": credential}
    ]
    posted = await client.post(
        f"/whip/{session_id}", data="v=0\r\n", headers=headers | {"Content-Type": "application/sdp"}
    )
    username, credential = turn_credentials("north", expires_at_s, session_id)
    assert f'username="{username}"; credential="{credential}"' in posted.headers["Link"]
    refused = await client.options(f"/whip/{session_id}")
    assert "Link" not in refused.headers
