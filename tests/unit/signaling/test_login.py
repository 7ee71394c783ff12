"""Logins in a browser: at the provider, locally, and their end; and what keeps others out of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog.testing
from aiohttp import ClientResponse
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.access.logins import GRACE_MS, ROTATE_EVERY_MS
from kyc_rtc.scopes import Role
from kyc_rtc.settings import Settings
from signaling.code_flow import BEGUN_TTL_S
from signaling.login_cookies import CSRF_HEADER, HOME, next_path
from tests.support.clock import ManualClock
from tests.support.credentials import Credentials
from tests.support.fake_logins import MemoryLogins
from tests.support.fake_provider import CLIENT, ISSUER, FakeProvider
from tests.support.interfaces import LOCAL_PASSWORD
from tests.support.people import bearer, logged_in
from tests.unit.signaling.conftest import Client, MakeClient

COOKIE, BEGUN = "__Host-kyc_login", "__Host-kyc_login_begun"
CALLBACK = "https://kyc.example/login/callback"
HTML = {"Accept": "text/html"}
LOCAL = {"user": "admin", "password": LOCAL_PASSWORD}
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def settings(clock: ManualClock, tmp_path: Path) -> Settings:
    return Credentials(clock).production(tmp_path)


@pytest.fixture
async def served(make_client: MakeClient, settings: Settings) -> Client:
    made: Client = await make_client(settings)
    return made


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def begin(client: Client, next_: str = "/ops/alerts") -> tuple[str, dict[str, str]]:
    """Where the browser is sent, and the cookie that it has from then on."""
    response = await client.get("/login", params={"next": next_}, allow_redirects=False)
    assert response.status == 303
    return response.headers["Location"], cookies_of(response)


def cookies_of(response: ClientResponse) -> dict[str, str]:
    """What the browser keeps, as the header of its next request."""
    kept = [f"{m.key}={m.value}" for m in response.cookies.values() if m.value]
    return {"Cookie": "; ".join(kept)}


async def come_back(
    client: Client, query: dict[str, str], cookies: dict[str, str], **headers: str
) -> ClientResponse:
    return await client.get(
        "/login/callback", params=query, headers={**cookies, **headers}, allow_redirects=False
    )


async def test_the_whole_way(
    served: Client, provider: FakeProvider, login_rows: MemoryLogins, logs: list[Any]
) -> None:
    address, cookies = await begin(served)
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{ISSUER}/authorize?")
    assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
    assert (query["redirect_uri"], query["scope"]) == (CALLBACK, "openid profile")
    assert query["code_challenge_method"] == "S256"
    back = await come_back(served, provider.logged_in(address, roles=["agent"]), cookies)
    assert (back.status, back.headers["Location"]) == (303, "/ops/alerts")
    form, _ = provider.forms[0]
    assert form["redirect_uri"] == CALLBACK
    assert query["code_challenge"] not in form["code_verifier"]
    me = await (await served.get("/api/v1/me", headers=cookies_of(back))).json()
    assert (me["name"], me["roles"], me["tenant"]) == ("ada", ["agent"], "default")
    (row,) = login_rows.rows.values()
    assert row.subject == "subject-1"
    secrets = [back.cookies[COOKIE].value, form["code_verifier"], form["code"], "ada"]
    assert not any(secret in repr(logs) for secret in secrets)
    assert "login_begun" in [line["event"] for line in logs]


async def test_the_cookie_is_as_closed_as_can_be(served: Client, provider: FakeProvider) -> None:
    address, cookies = await begin(served)
    back = await come_back(served, provider.logged_in(address), cookies)
    morsel = back.cookies[COOKIE]
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, True, "Lax")
    assert (morsel["path"], morsel["domain"], morsel["max-age"]) == ("/", "", "28800")
    gone = back.cookies[BEGUN]
    assert (gone.value, gone["max-age"]) == ("", "0")


async def test_a_secret_goes_by_the_way_that_the_provider_takes(
    make_client: MakeClient, settings: Settings, provider: FakeProvider
) -> None:
    with_secret = settings.oidc.model_validate(
        settings.oidc.model_dump() | {"client_secret": "s3 :cret"}
    )
    client = await make_client(settings.model_copy(update={"oidc": with_secret}))
    for methods in (None, ["client_secret_post"]):
        if methods:
            provider.document["token_endpoint_auth_methods_supported"] = methods
            client = await make_client(settings.model_copy(update={"oidc": with_secret}))
        address, cookies = await begin(client)
        await come_back(client, provider.logged_in(address), cookies)
    (basic_form, basic), (post_form, nothing) = provider.forms
    assert (basic, "client_secret" in basic_form) == ((CLIENT, "s3+%3Acret"), False)
    assert (nothing, post_form["client_secret"]) == (None, "s3 :cret")


BACK: dict[str, tuple[dict[str, str | None], int]] = {
    "state of another login": ({"state": "x"}, 400),
    "no state": ({"state": None}, 400),
    "state that is not UTF-8": ({"state": "\udcff"}, 400),
    "another issuer": ({"iss": "https://other.example"}, 400),
    "no code": ({"code": None}, 400),
    "a huge code": ({"code": "x" * 5_000}, 400),
    "a code that is not the provider's": ({"code": "x"}, 401),
    "the provider refused": ({"error": "access_denied"}, 403),
}


@pytest.mark.parametrize("name", BACK)
async def test_other_answers_begin_no_login(
    name: str, served: Client, provider: FakeProvider, login_rows: MemoryLogins, logs: list[Any]
) -> None:
    address, cookies = await begin(served)
    changes, status = BACK[name]
    query = {**provider.logged_in(address), **changes}
    given_query = {key: value for key, value in query.items() if value is not None}
    response = await come_back(served, given_query, cookies)
    assert (response.status, COOKIE in response.cookies) == (status, False)
    assert login_rows.rows == {}
    assert [line["event"] for line in logs] == ["login_refused"]


ID_TOKENS: dict[str, tuple[dict[str, Any], int]] = {
    "another nonce": ({"nonce": "x"}, 401),
    "no nonce": ({"nonce": None}, 401),
    "another client": ({"aud": "other"}, 401),
    "for another party": ({"aud": [CLIENT, "x"], "azp": "x"}, 401),
    "expired": ({"exp": 1}, 401),
    "another issuer": ({"iss": "https://other.example"}, 401),
    "no role": ({"roles": ["guest"]}, 403),
    "a role": ({"roles": ["auditor"]}, 303),
}


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_the_id_token_has_to_be_for_this_login(
    name: str, served: Client, provider: FakeProvider, login_rows: MemoryLogins
) -> None:
    changes, status = ID_TOKENS[name]
    address, cookies = await begin(served)
    response = await come_back(served, provider.logged_in(address, **changes), cookies)
    assert response.status == status
    assert len(login_rows.rows) == (1 if status == 303 else 0)


async def test_an_answer_brought_to_another_browser_begins_no_login(
    served: Client, provider: FakeProvider
) -> None:
    address, _ = await begin(served)
    query = provider.logged_in(address)
    _, other = await begin(served)
    for cookies in ({}, other, {"Cookie": f"{BEGUN}=x"}, {"Cookie": f"{BEGUN}={'x' * 5_000}"}):
        assert (await come_back(served, query, cookies)).status == 400


async def test_a_login_has_to_be_finished_in_time(
    served: Client, provider: FakeProvider, clock: ManualClock
) -> None:
    address, cookies = await begin(served)
    clock.tick(1_000 * BEGUN_TTL_S)
    assert (await come_back(served, provider.logged_in(address), cookies)).status == 400


async def test_a_provider_that_names_itself_always_does(
    served: Client, provider: FakeProvider
) -> None:
    provider.document["authorization_response_iss_parameter_supported"] = True
    address, cookies = await begin(served)
    query = provider.logged_in(address)
    assert (await come_back(served, query, cookies)).status == 400
    assert (await come_back(served, {**query, "iss": ISSUER}, cookies)).status == 303


async def test_while_the_provider_is_away_nobody_logs_in(
    served: Client, provider: FakeProvider
) -> None:
    provider.away = True
    response = await served.get("/login", allow_redirects=False)
    assert (response.status, response.headers["Retry-After"]) == (503, "5")


async def test_whoever_reads_pages_gets_one(served: Client, provider: FakeProvider) -> None:
    address, cookies = await begin(served)
    query = provider.logged_in(address, roles=[])
    response = await come_back(served, query, cookies, **HTML)
    assert (response.status, response.content_type) == (403, "text/html")
    assert 'data-problem="forbidden"' in await response.text()


async def test_the_value_changes_every_hour_whatever_is_called(
    served: Client, login_rows: MemoryLogins, settings: Settings, clock: ManualClock
) -> None:
    idle = settings.oidc.login_idle_s
    own = await logged_in(login_rows, settings, clock, Role.AUDITOR)
    for _ in range(ROTATE_EVERY_MS // (500 * idle)):
        clock.tick(500 * idle)
        response = await served.get("/api/v1/me", headers=own)
        assert response.status == 200
    renewed = response.cookies[COOKIE]
    assert (renewed["httponly"], renewed["secure"]) == (True, True)
    new = {"Cookie": f"{COOKIE}={renewed.value}"}
    for headers, later in ((own, 200), (new, 200)):
        assert (await served.get("/api/v1/keys", headers=headers)).status == 403
        assert (await served.get("/api/v1/me", headers=headers)).status == later
    clock.tick(GRACE_MS)
    assert (await served.get("/api/v1/me", headers=own)).status == 401
    assert (await served.get("/api/v1/me", headers=new)).status == 200


async def test_logging_out_ends_the_login(
    served: Client, login_rows: MemoryLogins, settings: Settings, clock: ManualClock
) -> None:
    own = await logged_in(login_rows, settings, clock, Role.ADMIN)
    response = await served.post("/logout", headers=own)
    assert response.status == 204
    assert (response.cookies[COOKIE].value, response.cookies[COOKIE]["max-age"]) == ("", "0")
    assert login_rows.rows == {}
    assert (await served.get("/api/v1/me", headers=own)).status == 401


async def test_a_bearer_has_no_login_to_end(served: Client, provider: FakeProvider) -> None:
    headers = bearer(provider.token())
    assert (await served.post("/logout", headers=headers)).status == 400
    assert (await (await served.get("/api/v1/me", headers=headers)).json())["csrf_token"] is None


async def test_who_asks_gets_the_token_for_calls_that_change(
    served: Client, login_rows: MemoryLogins, settings: Settings, clock: ManualClock
) -> None:
    own = await logged_in(login_rows, settings, clock, Role.ADMIN)
    me = await (await served.get("/api/v1/me", headers={"Cookie": own["Cookie"]})).json()
    assert me["csrf_token"] == own[CSRF_HEADER]


# The local login.


async def test_in_development_the_password_opens(
    client: Client, login_rows: MemoryLogins, logs: list[Any]
) -> None:
    response = await client.post("/login", json={**LOCAL, "next": "/ops/keys"}, headers=OWN_PAGE)
    assert (response.status, await response.json()) == (200, {"next": "/ops/keys"})
    morsel = response.cookies["kyc_login"]
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, "", "Lax")
    me = await (await client.get("/api/v1/me", headers=cookies_of(response))).json()
    assert (me["name"], me["roles"]) == ("admin", ["admin"])
    assert LOCAL_PASSWORD not in repr(logs)
    again = await client.post("/login", json=LOCAL, headers={**OWN_PAGE, **cookies_of(response)})
    assert again.cookies["kyc_login"].value != morsel.value
    assert len(login_rows.rows) == 1


async def test_in_development_a_login_counts_before_the_open_access(
    client: Client, sessions: Any
) -> None:
    assert (await client.get("/api/v1/me")).status == 401
    assert (await client.get("/api/v1/keys")).status == 200
    login = await client.post("/login", json=LOCAL, headers=OWN_PAGE)
    made = await client.post("/api/v1/keys", json={"name": "x"}, headers=cookies_of(login))
    assert made.status == 403  # without the header against other sites


async def test_a_sixth_wrong_password_waits(client: Client, logs: list[Any]) -> None:
    wrong = {**LOCAL, "password": "wrong"}
    statuses = [
        (await client.post("/login", json=wrong, headers=OWN_PAGE)).status for _ in range(6)
    ]
    assert statuses == [401] * 5 + [429]
    assert [line["reason"] for line in logs] == ["unauthorised"] * 5 + ["rate_limited"]
    assert "wrong" not in repr(logs)


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
async def test_no_other_site_logs_somebody_in(client: Client, headers: dict[str, str]) -> None:
    response = await client.post("/login", json=LOCAL, headers=headers)
    assert (response.status, response.cookies.get("kyc_login")) == (403, None)


async def test_the_page_is_there_in_development(client: Client) -> None:
    response = await client.get("/login")
    assert (response.status, response.content_type) == (200, "text/html")
    assert response.headers["Cache-Control"] == "no-store"


async def test_in_production_there_is_no_local_login(
    served: Client, make_client: MakeClient, settings: Settings
) -> None:
    assert (await served.post("/login", json=LOCAL, headers=OWN_PAGE)).status == 405
    without = await make_client(
        settings.model_copy(update={"oidc": settings.oidc.model_validate({})})
    )
    for call in (without.get("/login"), without.post("/login", json=LOCAL, headers=OWN_PAGE)):
        assert (await call).status == 404


@pytest.mark.parametrize(
    "given_",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "/ops", "ops/", "",
        "/ops//evil.example", "/ops/../apply", "/ops/..", "/ops/%2e%2e/x", "/ops/a/.%2E/b", "/ops/%2fx",
        "/ops/%5cx", "/ops/\\x", "/ops/\r\nX: y", "/ops/ä", "/ops/a#b", "/opsx/", "/ops/" + "x" * 600,
        "javascript:alert(1)",
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(given_: str) -> None:
    assert next_path(given_) == HOME


@pytest.mark.parametrize(
    "given_", ["/ops/", "/ops/alerts", "/ops/v.html?id=1&x=a%20b", "/ops/a/b/"]
)
def test_a_login_leads_to_the_operators_pages(given_: str) -> None:
    assert next_path(given_) == given_


@given(st.text() | st.text("/.%2e\\o ps").map(lambda text: f"/ops/{text}"))
def test_wherever_a_login_leads_is_below_the_operators_pages(text: str) -> None:
    path = next_path(text)
    parts = urlsplit(path)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert parts.path.startswith("/ops/")
    assert "/../" not in f"{parts.path}/".lower().replace("%2e", ".")
