"""What REST says of a session that ended without a verdict."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.sessions.interface import AttemptView
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.test_api import bearer, start

Client = TestClient[Any, Any]
KYC = "/api/v1/kyc"


@pytest.mark.parametrize("state", ["cancelled", "interrupted", "expired"])
async def test_an_end_without_a_verdict_is_inconclusive_for_the_institution(
    client: Client, sessions: FakeSessions, state: str
) -> None:
    body = await start(client)
    session_id = body["session_id"]
    sessions.sessions[session_id] = dataclasses.replace(
        sessions.sessions[session_id],
        state=state,
        reasons=(state,),
        reason_weights=(1.0,),
        attempts=(AttemptView(session_id, 1, state, None, 5, 5),),
    )
    url = f"{KYC}/get-session-status"
    status = await (await client.get(url, params={"session_id": session_id})).json()
    assert (status["state"], status["status"], status["verified"]) == (state, "INCONCLUSIVE", False)
    assert status["attempts"][0]["status"] == "INCONCLUSIVE"
    reason = {
        "code": state,
        "text": f"reason.{state}",
        "weight": 1.0,
        "weight_text": "weight.decisive",
    }
    assert status["reasons"] == [reason]
    # The page tells an end from a verdict by it.
    own = await client.get(f"{KYC}/sessions/{session_id}", headers=bearer(body["client_token"]))
    seen = await own.json()
    assert (seen["state"], seen["status"], seen["verified"]) == (state, None, None)
    listed = await (await client.get(f"{KYC}/sessions")).json()
    row = listed["sessions"][0]
    assert (row["state"], row["status"], row["verified"]) == (state, "INCONCLUSIVE", False)


async def test_an_institution_cancels(client: Client, sessions: FakeSessions) -> None:
    session_id = (await start(client))["session_id"]
    response = await client.post(f"{KYC}/sessions/{session_id}/cancel")
    body = await response.json()
    assert (response.status, body["state"], body["status"]) == (200, "cancelled", "INCONCLUSIVE")
    assert (await client.post(f"{KYC}/sessions/{uuid.uuid4()}/cancel")).status == 404


async def test_completing_an_end_gives_its_reason(
    client: Client, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = (await start(client))["session_id"]
    view = dataclasses.replace(
        sessions.sessions[session_id], state="cancelled", reasons=("cancelled",)
    )

    async def as_it_stands(_id: str, _command: object) -> Any:
        return view

    monkeypatch.setattr(sessions, "command", as_it_stands)
    response = await client.post(f"{KYC}/complete-verification", json={"session_id": session_id})
    body = await response.json()
    assert (body["verified"], body["status"], body["state"]) == (False, "INCONCLUSIVE", "cancelled")
    assert [reason["code"] for reason in body["reasons"]] == ["cancelled"]
    assert body["recommendations"] == ["recommendation.cancelled"]
