"""The REST API over fake sessions: contracts, credentials, and hostile bodies."""

from __future__ import annotations

import base64
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.errors import AtCapacity
from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.sessions.interface import AlertView
from kyc_rtc.settings import Settings
from tests.support.clock import ManualClock
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import MakeClient

Client = TestClient[Any, Any]
START = "/api/v1/kyc/start-session"
UPLOAD = "/api/v1/kyc/upload-video-frame"
SESSION = b"4f6e9a4e-1f0c-4f0e-9f3a-6c8b8a1d2e3f"
PIXEL = "data:image/png;base64," + base64.b64encode(b"not checked here").decode()


async def start(client: Client) -> dict[str, Any]:
    response = await client.post(START, json={"user_id": "customer-7"})
    assert response.status == 201
    body: dict[str, Any] = await response.json()
    return body


def decided(sessions: FakeSessions, session_id: str, **changes: Any) -> None:
    """Give the session a verdict with three reasons."""
    sessions.sessions[session_id] = dataclasses.replace(
        sessions.sessions[session_id],
        state="failed",
        status="FAILED",
        reasons=("no_motion", "texture", "not_asked"),
        **changes,
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_start_session_gives_a_link_whose_fragment_holds_the_token(client: Client) -> None:
    body = await start(client)
    link, _, fragment = body["join_url"].partition("#")
    assert link.endswith(f"/apply/{body['session_id']}")
    assert fragment not in ("", body["client_token"])  # a token that opens nothing but the exchange
    assert body["status"] == "active"


async def test_offer_is_answered_to_the_holder_of_the_token(
    client: Client, sessions: FakeSessions
) -> None:
    body = await start(client)
    url = f"/api/v1/kyc/sessions/{body['session_id']}/offer"
    offer = {"type": "offer", "sdp": "v=0"}
    response = await client.post(url, json=offer, headers=bearer(body["client_token"]))
    assert response.status == 200
    assert await response.json() == {"type": "answer", "sdp": "v=0\r\n"}
    assert sessions.calls[-1] == ("offer", "v=0")


@pytest.mark.parametrize("length", [0, 100, 512, 5_000])
async def test_the_sessions_get_the_clients_program(
    client: Client, sessions: FakeSessions, length: int
) -> None:
    body = await start(client)
    url = f"/api/v1/kyc/sessions/{body['session_id']}/offer"
    headers = bearer(body["client_token"]) | {"User-Agent": "x" * length}
    response = await client.post(url, json={"type": "offer", "sdp": "v=0"}, headers=headers)
    assert response.status == 200
    assert [one.user_agent for one in sessions.clients] == ["x" * min(length, 512)]


@pytest.mark.parametrize("token", ["", "junk", "a.b.c", "x" * 5_000, "eyJhbGciOiJub25lIn0.e30."])
async def test_offer_without_a_valid_token_is_refused(client: Client, token: str) -> None:
    body = await start(client)
    url = f"/api/v1/kyc/sessions/{body['session_id']}/offer"
    response = await client.post(url, json={"type": "offer", "sdp": "v=0"}, headers=bearer(token))
    assert response.status == 401
    missing_or_not = "Bearer" if token == "" else 'Bearer error="invalid_token"'
    assert response.headers["WWW-Authenticate"] == missing_or_not


async def test_a_token_opens_one_session_only(client: Client) -> None:
    mine, other = await start(client), await start(client)
    url = f"/api/v1/kyc/sessions/{other['session_id']}"
    response = await client.get(url, headers=bearer(mine["client_token"]))
    assert response.status == 403


async def test_a_token_ends(client: Client, clock: ManualClock) -> None:
    body = await start(client)
    url = f"/api/v1/kyc/sessions/{body['session_id']}"
    assert (await client.get(url, headers=bearer(body["client_token"]))).status == 200
    clock.tick(3_601_000)
    assert (await client.get(url, headers=bearer(body["client_token"]))).status == 401


async def test_the_applicant_learns_no_scores(client: Client) -> None:
    body = await start(client)
    url = f"/api/v1/kyc/sessions/{body['session_id']}"
    status = await (await client.get(url, headers=bearer(body["client_token"]))).json()
    assert not {key for key in status if "score" in key}


async def test_the_institution_reads_how_much_each_reason_weighs(
    client: Client, sessions: FakeSessions
) -> None:
    body = await start(client)
    decided(sessions, body["session_id"], reason_weights=(1.0, 0.62, 0.0))
    status = await client.get(
        "/api/v1/kyc/get-session-status", params={"session_id": body["session_id"]}
    )
    assert (await status.json())["reasons"] == [
        {
            "code": code,
            "text": f"reason.{code}",
            "weight": weight,
            "weight_text": f"weight.{word}",
        }
        for code, weight, word in (
            ("no_motion", 1.0, "decisive"),
            ("texture", 0.62, "strong"),
            ("not_asked", 0.0, "none"),
        )
    ]


async def test_weights_that_nobody_stored_are_null(client: Client) -> None:
    session_id = (await start(client))["session_id"]
    done = await client.post("/api/v1/kyc/complete-verification", json={"session_id": session_id})
    (reason,) = (await done.json())["reasons"]
    assert (reason["code"], reason["weight"], reason["weight_text"]) == (
        "completed_early", None, None,
    )  # fmt: skip


@pytest.mark.parametrize("exposed", [False, True])
async def test_the_applicant_learns_no_weights(
    make_client: MakeClient, sessions: FakeSessions, tmp_path: Path, *, exposed: bool
) -> None:
    client: Client = await make_client(Settings(data_dir=tmp_path, expose_scores=exposed))
    body = await start(client)
    decided(sessions, body["session_id"], reason_weights=(1.0, 0.62, 0.0))
    url = f"/api/v1/kyc/sessions/{body['session_id']}"
    answer = await client.get(url, headers=bearer(body["client_token"]))
    assert "weight" not in await answer.text()
    reasons = (await answer.json())["reasons"]
    assert [reason["code"] for reason in reasons] == ["no_motion", "texture", "not_asked"]


async def test_the_original_flow_keeps_its_fields(client: Client) -> None:
    session_id = (await start(client))["session_id"]
    sent = await client.post(
        "/api/v1/kyc/send-challenge", json={"session_id": session_id, "challenge_type": "nod"}
    )
    assert (sent.status, (await sent.json())["challenge_type"]) == (200, "nod")
    frame = await client.post(
        "/api/v1/kyc/upload-video-frame", json={"session_id": session_id, "frame": PIXEL}
    )
    assert {"face_detected", "liveness_score", "deepfake_score"} <= (await frame.json()).keys()
    status = await client.get("/api/v1/kyc/get-session-status", params={"session_id": session_id})
    assert {"frames_processed", "created_at"} <= (await status.json()).keys()
    done = await client.post("/api/v1/kyc/complete-verification", json={"session_id": session_id})
    body = await done.json()
    assert (body["verified"], body["status"]) == (False, "INCONCLUSIVE")
    assert {"recommendations", "alerts"} <= body.keys()


async def test_a_picture_may_say_which_challenge_the_applicant_cannot_do(
    client: Client, sessions: FakeSessions
) -> None:
    body = {"session_id": (await start(client))["session_id"], "frame": PIXEL}
    for cannot in (None, "the-challenge"):
        answer = await client.post("/api/v1/kyc/upload-video-frame", json=body | {"cannot": cannot})
        assert answer.status == 200
    assert sessions.refused_challenges == ["the-challenge"]
    refused = await client.post("/api/v1/kyc/upload-video-frame", json=body | {"cannot": ""})
    assert refused.status == 400


@pytest.mark.parametrize(
    ("path", "raw", "status"),
    [
        (START, b"", 400),
        (START, b"{", 400),
        (START, b"[]", 400),
        (START, b'{"user_id": 7}', 400),
        (START, b'{"user_id": ""}', 400),
        (START, b'{"user_id": "' + b"x" * 300 + b'"}', 400),
        (START, b"\xff\xfe\x00", 400),
        (START, b"[" * 100_000, 400),
        ("/api/v1/kyc/send-challenge", b'{"session_id": "x", "challenge_type": "dance"}', 400),
        ("/api/v1/kyc/complete-verification", b'{"session_id": "x"}', 404),
        (UPLOAD, b'{"session_id": "x", "frame": "data:image/png;base64,"}', 404),
        (UPLOAD, b'{"session_id": "%s", "frame": "http://evil/"}' % SESSION, 400),
        (UPLOAD, b'{"session_id": "%s", "frame": "data:image/png;base64,@"}' % SESSION, 400),
    ],
)
async def test_hostile_bodies_get_a_clear_error(
    client: Client, path: str, raw: bytes, status: int
) -> None:
    response = await client.post(path, data=raw, headers={"Content-Type": "application/json"})
    assert response.status == status
    error = (await response.json())["error"]
    assert error["code"]
    assert error["message"]


async def test_a_body_over_the_limit_is_413(client: Client, development: Settings) -> None:
    raw = b'{"user_id": "' + b"x" * development.limits.max_body_bytes + b'"}'
    headers = {"Content-Type": "application/json"}
    response = await client.post(START, data=io.BytesIO(raw), headers=headers)
    assert response.status == 413


async def test_another_content_type_is_415(client: Client) -> None:
    assert (await client.post(START, data=b"user_id=x")).status == 415


async def test_at_capacity_says_when_to_come_back(client: Client, sessions: FakeSessions) -> None:
    sessions.refusal = AtCapacity("full", retry_after_s=15)
    response = await client.post(START, json={"user_id": "x"})
    assert (response.status, response.headers["Retry-After"]) == (503, "15")


async def test_a_failure_inside_is_a_500_that_leaks_nothing(
    client: Client, sessions: FakeSessions
) -> None:
    sessions.sessions = None  # type: ignore[assignment]
    response = await client.get(
        "/api/v1/kyc/get-session-status", params={"session_id": "secret-id"}
    )
    assert response.status == 500
    text = await response.text()
    assert "TypeError" not in text
    assert "secret-id" not in text


async def test_alerts_are_listed_counted_and_acknowledged(
    client: Client, sessions: FakeSessions
) -> None:
    sessions.alerts["a1"] = AlertView(
        "a1", "s1", "face_changed", "high", "alert.face_changed", {}, 4
    )
    listed = await (await client.get("/api/v1/alerts/active")).json()
    assert (listed["count"], listed["alerts"][0]["severity"]) == (1, "high")
    assert (await (await client.get("/api/v1/alerts/statistics")).json())["total"] == 1
    seen = await client.post("/api/v1/alerts/a1/acknowledge", json={"acknowledged_by": "agent-3"})
    answer = await seen.json()
    assert (answer["acknowledged_by"], answer["acknowledged_note"]) == ("development", "agent-3")
    gone = await client.post("/api/v1/alerts/none/acknowledge", json={"acknowledged_by": "agent-3"})
    assert gone.status == 404


async def test_with_api_keys_the_institution_needs_one(
    make_client: MakeClient, tmp_path: Path
) -> None:
    key = new_api_key()
    client: Client = await make_client(
        Settings(data_dir=tmp_path, api_key_hashes=(api_key_hash(key),))
    )
    assert (await client.post(START, json={"user_id": "x"})).status == 401
    wrong = await client.post(START, json={"user_id": "x"}, headers={"X-API-Key": key + "x"})
    assert wrong.status == 401
    for headers in ({"X-API-Key": key}, bearer(key)):
        assert (await client.post(START, json={"user_id": "x"}, headers=headers)).status == 201


async def test_the_secret_outlives_the_process(
    make_client: MakeClient, development: Settings
) -> None:
    first: Client = await make_client(development)
    body = await start(first)
    second: Client = await make_client(development)
    url = f"/api/v1/kyc/sessions/{body['session_id']}"
    assert (await second.get(url, headers=bearer(body["client_token"]))).status == 200
    assert (development.data_dir / "secret_key").stat().st_mode & 0o077 == 0


async def test_pages_are_locked_down(client: Client) -> None:
    body = await start(client)
    page = await client.get(f"/apply/{body['session_id']}")
    assert page.status == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert (await client.get("/apply/not-a-session")).status == 404
    assert (await client.get("/static/../server.py")).status == 404
