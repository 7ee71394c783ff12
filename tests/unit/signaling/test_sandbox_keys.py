"""Keys of the sandbox over REST: what they reach, and what is out of their reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.access.interface import KeyOrder
from kyc_rtc.access.keys import KeyService
from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.scopes import DEFAULT_TENANT, Scope, sandbox_of
from kyc_rtc.settings import Settings
from kyc_rtc.settings.groups import ApiKeySettings
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import Client, MakeClient

KYC = "/api/v1/kyc"
LIVE_KEY = new_api_key()


@pytest.fixture
async def client(make_client: MakeClient, tmp_path: Path) -> Client:
    key = ApiKeySettings(id="live", sha256=api_key_hash(LIVE_KEY), scopes=tuple(Scope))
    made: Client = await make_client(Settings(data_dir=tmp_path, api_keys=(key,)))
    return made


@pytest.fixture
async def sandbox_key(keys: KeyService) -> str:
    order = KeyOrder(DEFAULT_TENANT, "developer", frozenset(Scope), "a test", is_test=True)
    return (await keys.create(order)).secret


async def called(client: Client, method: str, path: str, key: str, **kwargs: Any) -> Any:
    response = await client.request(method, path, headers={"X-API-Key": key}, **kwargs)
    return response.status, await response.json()


async def started(client: Client, key: str) -> str:
    status, body = await called(
        client, "POST", f"{KYC}/start-session", key, json={"user_id": "test-passed"}
    )
    assert status == 201
    return str(body["session_id"])


async def test_tests_and_what_is_live_do_not_see_each_other(
    client: Client, sandbox_key: str, sessions: FakeSessions
) -> None:
    live, test = await started(client, LIVE_KEY), await started(client, sandbox_key)
    assert [order.tenant_id for order in sessions.orders] == [
        DEFAULT_TENANT,
        sandbox_of(DEFAULT_TENANT),
    ]
    for key, session_id, expected in (
        (LIVE_KEY, live, 200),
        (LIVE_KEY, test, 404),
        (sandbox_key, test, 200),
        (sandbox_key, live, 404),
    ):
        path = f"{KYC}/get-session-status?session_id={session_id}"
        status, body = await called(client, "GET", path, key)
        assert status == expected
        assert status == 404 or body["is_test"] is (key == sandbox_key)
        assert (await called(client, "GET", f"{KYC}/sessions/{session_id}/events", key))[
            0
        ] == expected
    for key, own in ((LIVE_KEY, live), (sandbox_key, test)):
        _, page = await called(client, "GET", f"{KYC}/sessions", key)
        assert [row["session_id"] for row in page["sessions"]] == [own]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/keys"),
        ("POST", "/api/v1/keys"),
        ("GET", "/metrics"),
        ("GET", f"{KYC}/labels/statistics"),
        ("POST", f"{KYC}/sessions/x/label"),
    ],
)
async def test_a_test_key_reaches_nothing_of_the_whole(
    client: Client, sandbox_key: str, method: str, path: str
) -> None:
    status, body = await called(client, method, path, sandbox_key, json={})
    assert (status, "scope" in body["error"]["message"]) == (403, True)
