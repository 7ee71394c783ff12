"""What the REST API tells of a verification: attempts, journal, transport; and of an ill process."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.errors import KycError, Misdirected, StorageUnavailable, UploadsDisabled
from kyc_rtc.sessions.interface import AttemptView
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.test_api import PIXEL, START, bearer, start

Client = TestClient[Any, Any]
STATUS = "/api/v1/kyc/get-session-status"
UPLOAD = "/api/v1/kyc/upload-video-frame"


@pytest.mark.parametrize(
    ("problems", "status"),
    [((), "healthy"), (("sweep",), "degraded"), (("database", "draining"), "degraded")],
)
async def test_an_ill_process_answers_and_says_what_is_wrong(
    client: Client, sessions: FakeSessions, problems: tuple[str, ...], status: str
) -> None:
    sessions.problems = problems
    response = await client.get("/health")
    body = await response.json()
    assert (response.status, body["status"], body["problems"]) == (200, status, list(problems))


@pytest.mark.parametrize("causes", [(), ("database",), ("disk", "lease", "draining")])
async def test_a_process_that_is_not_ready_names_every_cause(
    client: Client, sessions: FakeSessions, causes: tuple[str, ...]
) -> None:
    sessions.causes = causes
    response = await client.get("/health/ready")
    body = {"ready": not causes, "causes": list(causes)}
    assert (response.status, await response.json()) == (503 if causes else 200, body)
    described = await (await client.get("/api/v1")).json()
    responses = described["paths"]["/health/ready"]["get"]["responses"]
    assert responses["200"]["content"] == responses["503"]["content"]


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Misdirected("the session lives in another process"), 421, "misdirected"),
        (StorageUnavailable("the database is away"), 503, "storage_unavailable"),
        (UploadsDisabled("pictures cannot be uploaded here"), 403, "uploads_disabled"),
    ],
)
async def test_a_picture_that_is_refused(
    client: Client, sessions: FakeSessions, refusal: KycError, status: int, code: str
) -> None:
    body = await start(client)
    sessions.refusal = refusal
    response = await client.post(
        UPLOAD,
        json={"session_id": body["session_id"], "frame": PIXEL},
        headers=bearer(body["client_token"]),
    )
    assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    assert ("Retry-After" in response.headers) == (status != 403)


async def test_no_verification_begins_while_the_database_is_away(
    client: Client, sessions: FakeSessions
) -> None:
    sessions.refusal = StorageUnavailable("the database is away", hint="try again")
    response = await client.post(START, json={"user_id": "customer-7"})
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0
    assert (await response.json())["error"]["hint"] == "try again"


async def test_the_status_tells_what_a_verdict_rests_on(
    client: Client, sessions: FakeSessions
) -> None:
    session_id = (await start(client))["session_id"]
    attempts = tuple(
        AttemptView(name, number, state, status, 1_700_000_000_000, 1_700_000_001_000)
        for number, (name, state, status) in enumerate(
            ((session_id, "failed", "FAILED"), ("the second", "passed", "PASSED")), start=1
        )
    )
    sessions.sessions[session_id] = dataclasses.replace(
        sessions.sessions[session_id],
        state="passed",
        status="PASSED",
        attempt=2,
        attempt_id="the second",
        attempts=attempts,
        transport="webrtc",
        connection={"peers": 2, "gaps": 0},
    )
    body = await (await client.get(STATUS, params={"session_id": session_id})).json()
    assert (body["session_id"], body["verification_id"]) == (session_id, session_id)
    assert (body["status"], body["verified"], body["attempt"]) == ("PASSED", True, 2)
    assert [(a["session_id"], a["status"]) for a in body["attempts"]] == [
        (session_id, "FAILED"),
        ("the second", "PASSED"),
    ]
    assert (body["transport"], body["needs_review"]) == ("webrtc", False)
    assert body["connection"] == {"peers": 2, "gaps": 0}


@pytest.mark.parametrize(
    ("after", "numbers"), [(None, [1, 2]), ("0", [1, 2]), ("1", [2]), ("2", [])]
)
async def test_the_journal_is_read_in_parts(
    client: Client, after: str | None, numbers: list[int]
) -> None:
    session_id = (await start(client))["session_id"]
    url = f"/api/v1/kyc/sessions/{session_id}/events"
    response = await client.get(url, params={} if after is None else {"after": after})
    assert response.status == 200
    events = (await response.json())["events"]
    assert [event["seq"] for event in events] == numbers
    assert all(set(event) == {"seq", "at", "actor", "type", "payload"} for event in events)


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, ""])
async def test_a_place_in_the_journal_is_a_number(client: Client, after: str) -> None:
    session_id = (await start(client))["session_id"]
    url = f"/api/v1/kyc/sessions/{session_id}/events"
    response = await client.get(url, params={"after": after})
    assert response.status == 400
