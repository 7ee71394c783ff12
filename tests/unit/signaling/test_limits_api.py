"""What the API refuses for its cost: too many creating calls, a Host that makes no link."""

from __future__ import annotations

from typing import Any

import pytest

from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.settings import HttpSettings, Settings
from tests.support.clock import ManualClock
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import Client, MakeClient

START = "/api/v1/kyc/start-session"
USER = {"user_id": "x"}
FEW = HttpSettings(key_rate_per_s=1, key_burst=2, address_rate_per_s=1, address_burst=2)
LABEL = {"label": "bona_fide", "source": "agent", "labelled_by": "x"}


@pytest.fixture
async def limited(make_client: MakeClient, development: Settings) -> Client:
    made: Client = await make_client(development.model_copy(update={"http": FEW}))
    return made


async def token_of(client: Client) -> tuple[str, dict[str, str]]:
    body = await (await client.post(START, json=USER)).json()
    return body["session_id"], {"Authorization": f"Bearer {body['client_token']}"}


async def test_an_institution_that_starts_too_many_learns_when_to_come_back(
    limited: Client, clock: ManualClock, sessions: FakeSessions
) -> None:
    assert [(await limited.post(START, json=USER)).status for _ in range(3)] == [201, 201, 429]
    refused = await limited.post(START, json=USER)
    body = await refused.json()
    assert (body["error"]["code"], refused.headers["Retry-After"]) == ("rate_limited", "1")
    assert refused.headers["RateLimit"].startswith('"creating-calls";r=0;t=')
    assert refused.headers["RateLimit-Policy"].startswith('"creating-calls";q=2;w=')
    assert len(sessions.sessions) == 2
    clock.tick(1_000)
    assert (await limited.post(START, json=USER)).status == 201


@pytest.mark.parametrize(
    ("path", "kwargs"),
    [
        ("/api/v1/kyc/sessions/{}/offer", {"json": {"type": "offer", "sdp": "v=0"}}),
        ("/api/v1/kyc/sessions/{}/retry", {}),
        ("/whip/{}", {"data": b"v=0", "headers": {"Content-Type": "application/sdp"}}),
        ("/api/v1/kyc/sessions/{}/label", {"json": LABEL}),
    ],
)
async def test_every_call_that_creates_has_a_limit(
    limited: Client, clock: ManualClock, path: str, kwargs: dict[str, Any]
) -> None:
    session_id, token = await token_of(limited)
    clock.tick(60_000)
    asking = kwargs | {"headers": kwargs.get("headers", {}) | token}
    statuses = [(await limited.post(path.format(session_id), **asking)).status for _ in range(3)]
    assert 429 not in statuses[:2]
    assert statuses[2] == 429


async def test_who_may_not_is_refused_as_such_and_counts_nothing(
    make_client: MakeClient, development: Settings
) -> None:
    key = new_api_key()
    settings = {"http": FEW, "api_key_hashes": (api_key_hash(key),)}
    client: Client = await make_client(development.model_copy(update=settings))
    for _ in range(5):
        assert (await client.post(START, json=USER)).status == 401
    assert (await client.post(START, json=USER, headers={"X-API-Key": key})).status == 201


async def test_reading_has_no_limit(limited: Client) -> None:
    session_id, token = await token_of(limited)
    url = f"/api/v1/kyc/sessions/{session_id}"
    for _ in range(20):
        assert (await limited.get(url, headers=token)).status == 200
        assert (await limited.get("/health")).status == 200


async def test_no_bank_notices_the_defaults(client: Client) -> None:
    statuses = [(await client.post(START, json=USER)).status for _ in range(100)]
    assert statuses == [201] * 100


@pytest.mark.parametrize("host", ["a b", "[", "x/y", "", "a:99999", "-"])
async def test_a_host_that_makes_no_link_is_refused_before_anything_is_stored(
    client: Client, sessions: FakeSessions, host: str
) -> None:
    session_id, token = await token_of(client)
    before = len(sessions.calls)
    for path in (START, f"/api/v1/kyc/sessions/{session_id}/retry"):
        response = await client.post(path, json=USER, headers=token | {"Host": host})
        assert (response.status, "Host" in await response.text()) == (400, True)
    assert len(sessions.calls) == before


async def test_the_host_matters_to_nobody_where_the_public_url_is_set(
    make_client: MakeClient, development: Settings
) -> None:
    url = {"public_url": "https://kyc.bank.example/"}
    client: Client = await make_client(development.model_copy(update=url))
    response = await client.post(START, json=USER, headers={"Host": "evil example"})
    link = (await response.json())["join_url"]
    assert link.startswith("https://kyc.bank.example/apply/")


BODILESS = ("/revoke", "/test", "/replay", "/logout")


async def test_the_limits_are_described(client: Client) -> None:
    document = await (await client.get("/api/v1")).json()
    described = {
        path: set(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method == "post"
    }
    one = "/api/v1/kyc/sessions/{session_id}"
    without_body = {f"{one}/{call}" for call in ("retry", "open", "renew", "link", "cancel")}
    limited = {START, *(f"{one}/{call}" for call in ("offer", "retry", "label", "open", "link"))}
    uploads = "/api/v1/kyc/upload-video-frame"
    assert {path for path, found in described.items() if "429" in found} == {
        *limited,
        uploads,
        "/whip/{session_id}",
        "/login",
        *(f"/api/v1/keys{call}" for call in ("", "/{key_id}/rotate")),
        *(f"/api/v1/webhooks{call}" for call in ("", "/{webhook_id}/rotate", "/{webhook_id}/test")),
        "/api/v1/deliveries/{delivery_id}/replay",
    }
    bodies = {path for path in set(described) - without_body if not path.endswith(BODILESS)}
    assert {path for path, found in described.items() if "408" in found} == bodies
    assert all({"413", "503"} <= described[path] for path in bodies)
