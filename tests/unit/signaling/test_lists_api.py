"""Lists over HTTP: filters, pages, and junk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions.interface import AlertFilter, AlertView, VerificationFilter
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.test_api import start

Client = TestClient[Any, Any]
SESSIONS, ALERTS = "/api/v1/kyc/sessions", "/api/v1/alerts/active"
UUID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"


@pytest.mark.parametrize(
    ("query", "wanted", "after", "limit"),
    [
        ("", VerificationFilter(DEFAULT_TENANT), "", 50),
        (
            "?user_id=Ada%20L&state=created",
            VerificationFilter(DEFAULT_TENANT, "Ada L", "created"),
            "",
            50,
        ),
        (
            "?status=PASSED&after=abc&limit=200",
            VerificationFilter(DEFAULT_TENANT, status="PASSED"),
            "abc",
            200,
        ),
        (
            "?from=2026-01-31T08:00:00Z",
            VerificationFilter(DEFAULT_TENANT, from_ms=1_769_846_400_000),
            "",
            50,
        ),
        (  # a plus that was not escaped
            "?to=2026-01-31T08:00:00.250+01:00",
            VerificationFilter(DEFAULT_TENANT, to_ms=1_769_842_800_250),
            "",
            50,
        ),
    ],
)
async def test_what_is_asked_of_the_verifications(
    client: Client,
    sessions: FakeSessions,
    query: str,
    wanted: VerificationFilter,
    after: str,
    limit: int,
) -> None:
    assert (await client.get(SESSIONS + query)).status == 200
    assert sessions.calls[-1] == ("verifications", (wanted, after, limit))


@pytest.mark.parametrize(
    ("query", "wanted", "after", "limit"),
    [
        ("", AlertFilter(DEFAULT_TENANT), "", 200),
        (
            "?severity=high&type=face_changed",
            AlertFilter(DEFAULT_TENANT, "high", "face_changed"),
            "",
            200,
        ),
        (
            f"?session_id={UUID}&limit=1&after=x",
            AlertFilter(DEFAULT_TENANT, session_id=UUID),
            "x",
            1,
        ),
    ],
)
async def test_what_is_asked_of_the_alerts(
    client: Client,
    sessions: FakeSessions,
    query: str,
    wanted: AlertFilter,
    after: str,
    limit: int,
) -> None:
    assert (await client.get(ALERTS + query)).status == 200
    assert sessions.calls[-1] == ("active_alerts", (wanted, after, limit))


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (SESSIONS, "state=gone", "state"),
        (SESSIONS, "status=passed", "status"),
        (SESSIONS, "user_id=", "user_id"),
        (SESSIONS, "from=yesterday", "from"),
        (SESSIONS, "from=2026-01-31", "from"),
        (SESSIONS, "from=2026-01-31T08:00:00", "from"),
        (SESSIONS, "to=1700000000", "to"),
        (SESSIONS, "to=2026-02-30T08:00:00Z", "to"),
        (SESSIONS, "limit=0", "limit"),
        (SESSIONS, "limit=201", "limit"),
        (SESSIONS, "limit=many", "limit"),
        (SESSIONS, "colour=red", "unknown key: colour"),
        (SESSIONS, "from_ms=5", "unknown key: from_ms"),
        (SESSIONS, "state=created&state=passed", "twice"),
        (ALERTS, "severity=HIGH", "severity"),
        (ALERTS, "type=junk", "type"),
        (ALERTS, "limit=-1", "limit"),
        (ALERTS, "status=active", "unknown key: status"),
        (f"{SESSIONS}/{UUID}/events", "before=5", "unknown key: before"),
        ("/api/v1/kyc/get-session-status", "session_id=a&session_id=b", "twice"),
    ],
)
async def test_junk_is_refused_by_name(
    client: Client, sessions: FakeSessions, path: str, query: str, named: str
) -> None:
    response = await client.get(f"{path}?{query}")
    error = (await response.json())["error"]
    assert (response.status, error["code"]) == (400, "bad_request")
    assert named in error["message"]
    assert not sessions.calls


async def test_a_page_of_verifications(client: Client) -> None:
    made = [(await start(client))["session_id"] for _ in range(3)]
    body = await (await client.get(SESSIONS, params={"limit": 2})).json()
    assert (body["count"], body["next"]) == (2, "more")
    assert body["sessions"][0] == {
        "session_id": made[0],
        "user_id": "customer-7",
        "status": "active",
        "state": "created",
        "verified": None,
        "attempt": 1,
        "attempts": 1,
        "needs_review": False,
        "profile": None,
        "created_at": "2023-11-14T22:13:20.000+00:00",
        "updated_at": "2023-11-14T22:13:20.000+00:00",
        "expires_at": "2023-11-15T22:13:20.000+00:00",
    }
    assert (await (await client.get(SESSIONS)).json())["next"] is None


async def test_a_page_of_alerts(client: Client, sessions: FakeSessions) -> None:
    for key in "abc":
        sessions.alerts[key] = AlertView(key, "s", "face_changed", "high", "k", {}, 4)
    body = await (await client.get(ALERTS, params={"limit": 2})).json()
    assert (body["count"], len(body["alerts"]), body["next"]) == (2, 2, "more")


async def test_openapi_names_the_filters(client: Client) -> None:
    paths = (await (await client.get("/api/v1")).json())["paths"]
    names = {
        path: {item["name"] for item in paths[path]["get"]["parameters"]}
        for path in (SESSIONS, ALERTS)
    }
    assert names[SESSIONS] == {"user_id", "state", "status", "from", "to", "after", "limit"}
    assert names[ALERTS] == {"severity", "type", "session_id", "after", "limit"}
    schemas = {item["name"]: item["schema"] for item in paths[SESSIONS]["get"]["parameters"]}
    assert schemas["from"] == {"type": "string", "format": "date-time"}
    assert schemas["limit"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert "cancelled" in schemas["state"]["enum"]
    assert "null" not in json.dumps(schemas)
