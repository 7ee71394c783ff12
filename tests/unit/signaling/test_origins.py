"""Pages of other origins: listed ones may call the server and frame the page, and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from pydantic import SecretStr, ValidationError

from kyc_rtc.keys import api_key_hash
from kyc_rtc.scopes import Scope, sandbox_of
from kyc_rtc.sessions.interface import Order
from kyc_rtc.settings import Settings
from kyc_rtc.settings.groups import ApiKeySettings
from kyc_rtc.settings.tenants import TenantSettings
from signaling.origins import Origins
from signaling.tokens import Tokens
from tests.support.clock import ManualClock
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import Client, MakeClient

BANK, OTHER_BANK, STRANGER = "https://bank.example", "https://other.example", "https://evil.example"
SECRET = "s" * 40
KEY, OTHER_KEY = "kyc_of-bank-a", "kyc_of-bank-b"
PREFLIGHT = {"Access-Control-Request-Method": "POST"}
ALLOWED, VARY = "Access-Control-Allow-Origin", "Vary"


def a_key(key_id: str, secret: str, tenant: str) -> ApiKeySettings:
    return ApiKeySettings(
        id=key_id, sha256=api_key_hash(secret), scopes=(Scope.VERIFICATIONS,), tenant=tenant
    )


@pytest.fixture
def settings(development: Settings) -> Settings:
    return development.model_copy(
        update={
            "secret_key": SecretStr(SECRET),
            "public_url": "https://kyc.example",
            "api_keys": (a_key("a", KEY, "bank-a"), a_key("b", OTHER_KEY, "bank-b")),
            "tenants": {
                "bank-a": TenantSettings(allowed_origins=(BANK,)),
                "bank-b": TenantSettings(allowed_origins=(OTHER_BANK,)),
            },
        }
    )


@pytest.fixture
async def client(make_client: MakeClient, settings: Settings) -> Client:
    made: Client = await make_client(settings)
    return made


async def call(client: Client, method: str, path: str, **headers: str) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, path, headers=named)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [(BANK, BANK), (OTHER_BANK, OTHER_BANK), (STRANGER, None), ("null", None), ("junk", None)],
)
async def test_a_preflight_is_answered_for_listed_origins(
    client: Client, origin: str, allowed: str | None
) -> None:
    response = await client.options(
        "/api/v1/kyc/start-session", headers={"Origin": origin} | PREFLIGHT
    )
    assert response.status == 204
    assert response.headers.get(ALLOWED) == allowed
    assert ("Authorization" in response.headers.get("Access-Control-Allow-Headers", "")) is (
        allowed is not None
    )
    assert response.headers[VARY] == "Origin"


@pytest.mark.parametrize(
    ("origin", "key", "status"),
    [(BANK, KEY, 200), (OTHER_BANK, KEY, 403), (STRANGER, KEY, 403), (OTHER_BANK, OTHER_KEY, 200)],
)
async def test_a_page_calls_for_its_own_tenant_only(
    client: Client, origin: str, key: str, status: int
) -> None:
    response = await call(client, "GET", "/api/v1/kyc/sessions", Origin=origin, X_API_Key=key)
    assert response.status == status
    assert response.headers.get(ALLOWED) == (origin if status == 200 else None)


async def test_what_a_page_has_to_read_is_exposed(client: Client) -> None:
    response = await call(client, "GET", "/api/v1/kyc/sessions", Origin=BANK, X_API_Key=KEY)
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Location", "ETag", "Link", "Retry-After"} <= set(exposed)
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_listed_page_can_read_why_it_was_refused(client: Client) -> None:
    response = await call(client, "GET", "/api/v1/kyc/sessions", Origin=BANK, X_API_Key="kyc_x")
    assert response.status == 401
    assert response.headers[ALLOWED] == BANK


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://kyc.example"},
        {"Origin": STRANGER, "Sec_Fetch_Site": "same-origin"},
    ],
)
async def test_calls_of_no_page_and_of_the_own_one_are_as_before(
    client: Client, headers: dict[str, str]
) -> None:
    response = await call(client, "GET", "/api/v1/kyc/sessions", X_API_Key=KEY, **headers)
    assert response.status == 200
    assert ALLOWED not in response.headers


async def test_an_applicants_token_is_of_its_tenant(
    client: Client, sessions: FakeSessions, clock: ManualClock
) -> None:
    view = await sessions.open("x", Order(tenant_id="bank-a"))
    token = Tokens(SECRET, 3_600, clock).issue(view.session_id, 1, "bank-a")
    path = f"/api/v1/kyc/sessions/{view.session_id}"
    for origin, status in ((BANK, 200), (OTHER_BANK, 403)):
        response = await call(client, "GET", path, Origin=origin, Authorization=f"Bearer {token}")
        assert response.status == status
        assert response.headers.get(ALLOWED) == (origin if status == 200 else None)


async def test_in_development_every_page_may_make_an_applicants_calls_until_one_is_listed(
    make_client: MakeClient, development: Settings, sessions: FakeSessions, clock: ManualClock
) -> None:
    secret = {"secret_key": SecretStr(SECRET)}
    client: Client = await make_client(development.model_copy(update=secret))
    view = await sessions.open("x")
    path = f"/api/v1/kyc/sessions/{view.session_id}"
    preflight = await client.options(path, headers={"Origin": STRANGER} | PREFLIGHT)
    assert preflight.headers[ALLOWED] == STRANGER
    token = Tokens(SECRET, 3_600, clock).issue(view.session_id, 1)
    for asked in (path, "/api/v1/kyc/client-config"):
        own = await call(client, "GET", asked, Origin=STRANGER, Authorization=f"Bearer {token}")
        assert (own.status, own.headers[ALLOWED]) == (200, STRANGER)
    # Without keys everybody is the institution there: a page that somebody visits must not be.
    as_institution = await call(client, "GET", "/api/v1/kyc/sessions", Origin=STRANGER)
    assert as_institution.status == 403


async def test_everybody_may_load_the_sdk(client: Client) -> None:
    response = await call(client, "GET", "/static/sdk/kyc-rtc.js", Origin=STRANGER)
    assert response.headers[ALLOWED] == "*"
    page = await call(client, "GET", "/static/apply/apply.js", Origin=STRANGER)
    assert ALLOWED not in page.headers


async def test_the_page_is_framed_by_its_own_bank_only(
    client: Client, sessions: FakeSessions
) -> None:
    ours = await sessions.open("x", Order(tenant_id="bank-a"))
    unlisted = await sessions.open("x", Order(tenant_id="bank-c"))
    framed = (await client.get(f"/apply/{ours.session_id}")).headers
    assert f"frame-ancestors {BANK}" in framed["Content-Security-Policy"]
    assert "X-Frame-Options" not in framed
    for session_id in (unlisted.session_id, "0e8fbc2d-1c6b-4d3a-9a54-111111111111"):
        refused = (await client.get(f"/apply/{session_id}")).headers
        assert "frame-ancestors 'none'" in refused["Content-Security-Policy"]
        assert refused["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "origin",
    [
        "https://bank.example",
        "https://bank.example:8443",
        "http://localhost:3000",
        "http://app.localhost",
        "http://127.0.0.1:5173",
    ],
)
def test_origins_that_can_be_listed(origin: str) -> None:
    assert TenantSettings(allowed_origins=(origin,)).allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "bank.example",
        "https://bank.example/",
        "https://bank.example/kyc",
        "https://Bank.example",
        "https://bank.example:443",
        "http://bank.example",
        "https://bank.example:99999",
        "https://*.bank.example",
        "https://bank.example; script-src *",
        "https://bank.example\n",
    ],
)
def test_what_no_browser_writes_as_an_origin_is_refused(origin: Any) -> None:
    with pytest.raises(ValidationError):
        TenantSettings(allowed_origins=(origin,))


def test_a_sandbox_has_the_origins_of_its_tenant(tmp_path: Path) -> None:
    listed = {"bank-a": TenantSettings(allowed_origins=("https://bank.example",))}
    origins = Origins(Settings(data_dir=tmp_path, tenants=listed))
    assert origins.of(sandbox_of("bank-a")) == origins.of("bank-a") == {"https://bank.example"}
    assert origins.of(sandbox_of("bank-b")) == frozenset()
