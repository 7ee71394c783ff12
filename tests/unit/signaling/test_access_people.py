"""Who of the institution may do what: every route with every role, by bearer and by login; and from where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import signaling.app
from kyc_rtc.access.people import Person
from kyc_rtc.scopes import Role, Scope
from kyc_rtc.sessions.interface import AlertView
from kyc_rtc.settings import Settings
from signaling.login_cookies import CSRF_HEADER, LoginCookies
from signaling.people import People
from signaling.principals import Principal
from signaling.signatures import MAX_TOKEN_CHARS
from tests.support.access_table import access_table, rendered
from tests.support.clock import ManualClock
from tests.support.credentials import Credentials
from tests.support.edge import Edge
from tests.support.fake_logins import MemoryLogins
from tests.support.fake_provider import (
    FakeProvider,
    new_keys,
    signed_with_the_public_key,
    unsigned,
)
from tests.support.fake_sessions import FakeSessions
from tests.support.people import bearer, logged_in, people
from tests.unit.signaling.conftest import MakeClient
from tests.unit.signaling.test_access import ADMITTED

TABLE = access_table()
GUARDED = [route for route in TABLE if ADMITTED[route] is not None]
OF_PEOPLE = [route for route in GUARDED if any(TABLE[route].values())]
UNSAFE = [route for route in OF_PEOPLE if not route.startswith("GET ")]
KEYS = new_keys()

Headers = dict[str, dict[str, str]]
MakeEdge = Callable[[Headers], Awaitable[Edge]]


@pytest.fixture
def settings(clock: ManualClock, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Credentials(clock).production(tmp_path_factory.mktemp("people"))


@pytest.fixture
async def make_edge(
    make_client: MakeClient, settings: Settings, sessions: FakeSessions
) -> MakeEdge:
    async def make(headers: Headers) -> Edge:
        client = await make_client(settings)
        own = (await sessions.open("x")).session_id
        sessions.alerts["a1"] = AlertView("a1", own, "face_changed", "high", "k", {}, 4)
        return Edge(client, sessions, headers, own)

    return make


@pytest.fixture
async def everybody(
    make_edge: MakeEdge,
    provider: FakeProvider,
    login_rows: MemoryLogins,
    settings: Settings,
    clock: ManualClock,
) -> Edge:
    return await make_edge(await people(provider, login_rows, settings, clock))


def admitted(route: str) -> frozenset[str]:
    roles = [role.value for role, may in TABLE[route].items() if may]
    return frozenset(f"{way}_{role}" for way in ("bearer", "cookie") for role in roles)


def test_the_table_names_every_route_and_no_other() -> None:
    assert set(TABLE) == {route for route in ADMITTED if " /static/" not in route}
    assert all(all(row.values()) for route, row in TABLE.items() if ADMITTED[route] is None)


@pytest.mark.parametrize("route", TABLE)
async def test_each_route_admits_the_roles_that_the_table_says(route: str, everybody: Edge) -> None:
    assert len(everybody.names) == 2 * len(Role)
    assert await everybody.wrong(route, admitted(route)) == []


def every_scope(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Person, "scopes", frozenset(Scope))


def no_scope(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Person, "scopes", frozenset())


@pytest.mark.parametrize("weaken", [every_scope, no_scope])
@pytest.mark.parametrize("route", ["POST /api/v1/keys", "POST /api/v1/kyc/start-session"])
async def test_roles_that_open_more_or_less_are_noticed(
    weaken: Callable[[pytest.MonkeyPatch], None],
    route: str,
    everybody: Edge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weaken(monkeypatch)
    assert await everybody.wrong(route, admitted(route)) != []


def forged(provider: FakeProvider, now_s: int) -> Headers:
    """Bearers that are not valid, and the cookie of no login."""
    pad_chars = (MAX_TOKEN_CHARS - len(provider.token(pad=""))) * 3 // 4 + 60
    tokens = {
        "unknown key": provider.token(key=KEYS["ES256"], alg="ES256"),
        "wrong audience": provider.token(aud="x"),
        "expired": provider.token(exp=now_s - 61),
        "not yet valid": provider.token(nbf=now_s + 61),
        "alg none": unsigned(provider.claims()),
        "HS256 with the public key": signed_with_the_public_key(provider.claims()),
        "another type": provider.token(key=KEYS["EdDSA"], alg="EdDSA", header={"kid": "rsa"}),
        "another issuer": provider.token(iss="https://other.example"),
        "huge": provider.token(pad="x" * pad_chars),
        "junk": "a.b.c",
    }
    return {name: bearer(token) for name, token in tokens.items()} | {
        "no login": {"Cookie": "__Host-kyc_login=x"},
        "name of development": {"Cookie": "kyc_login=x"},
    }


@pytest.mark.parametrize("route", GUARDED)
async def test_nobody_comes_in_by_what_is_forged(
    route: str, make_edge: MakeEdge, provider: FakeProvider, clock: ManualClock
) -> None:
    edge = await make_edge(forged(provider, clock.now_ms() // 1_000))
    statuses = {name: await edge.status(route, name) for name in edge.names}
    assert statuses == dict.fromkeys(edge.names, 401)


@pytest.mark.parametrize("route", OF_PEOPLE)
async def test_without_a_role_everything_is_forbidden(
    route: str, make_edge: MakeEdge, provider: FakeProvider
) -> None:
    edge = await make_edge({"guest": bearer(provider.token(roles=["guest"]))})
    assert await edge.status(route, "guest") == 403


@pytest.mark.parametrize("route", OF_PEOPLE)
async def test_while_the_provider_is_away_bearers_wait(
    route: str, make_edge: MakeEdge, provider: FakeProvider
) -> None:
    provider.away = True
    edge = await make_edge({"admin": bearer(provider.token())})
    assert await edge.status(route, "admin") == 503


async def test_whoever_has_to_wait_learns_how_long(
    make_edge: MakeEdge, provider: FakeProvider
) -> None:
    provider.away = True
    edge = await make_edge({})
    response = await edge.client.get("/api/v1/me", headers=bearer(provider.token()))
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert (await response.json())["error"]["code"] == "provider_unavailable"


# Calls that another site makes the browser send.

CROSS: dict[str, dict[str, str | None]] = {
    "no header": {CSRF_HEADER: None},
    "wrong header": {CSRF_HEADER: "x"},
    "header that is not UTF-8": {CSRF_HEADER: "\udcff"},
    "another origin": {"Origin": "https://evil.example"},
    "origin of a sandbox": {"Origin": "null"},
    "a like origin": {"Origin": "https://kyc.example.evil.example"},
    "another port": {"Origin": "https://kyc.example:8443"},
    "no TLS": {"Origin": "http://kyc.example"},
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a sister site": {"Sec-Fetch-Site": "same-site"},
    "neither origin nor site": {"Origin": None, "Sec-Fetch-Site": None},
}


def with_changes(own: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in {**own, **CROSS[name]}.items() if value is not None}


@pytest.mark.parametrize("route", UNSAFE)
async def test_no_other_site_uses_a_login(
    route: str,
    make_edge: MakeEdge,
    login_rows: MemoryLogins,
    settings: Settings,
    clock: ManualClock,
) -> None:
    own = await logged_in(login_rows, settings, clock, Role.ADMIN)
    changed = {name: with_changes(own, name) for name in CROSS}
    only_origin = {key: value for key, value in own.items() if key != "Sec-Fetch-Site"}
    edge = await make_edge({**changed, "own": only_origin})
    statuses = {name: await edge.status(route, name) for name in CROSS}
    assert statuses == dict.fromkeys(CROSS, 403)
    assert await edge.status(route, "own") not in (401, 403)


def no_origin_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LoginCookies, "check_origin", lambda _self, _request: None)


def no_token_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("signaling.login_cookies.same", lambda _given, _expected: True)


@pytest.mark.parametrize("weaken", [no_origin_checked, no_token_checked])
async def test_each_of_the_two_checks_is_needed(
    weaken: Callable[[pytest.MonkeyPatch], None],
    make_edge: MakeEdge,
    login_rows: MemoryLogins,
    settings: Settings,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weaken(monkeypatch)
    own = await logged_in(login_rows, settings, clock, Role.ADMIN)
    edge = await make_edge({name: with_changes(own, name) for name in CROSS})
    statuses = {await edge.status("POST /api/v1/keys", name) for name in CROSS}
    assert statuses == {201, 403}


async def test_the_token_of_one_login_is_not_anothers(
    make_edge: MakeEdge, login_rows: MemoryLogins, settings: Settings, clock: ManualClock
) -> None:
    one, other = [await logged_in(login_rows, settings, clock, Role.ADMIN) for _ in range(2)]
    edge = await make_edge({"mixed": {**one, CSRF_HEADER: other[CSRF_HEADER]}})
    assert await edge.status("POST /api/v1/keys", "mixed") == 403


# Tenants, and what is done in whose name.


async def test_people_see_nothing_of_another_tenant(
    make_edge: MakeEdge, login_rows: MemoryLogins, settings: Settings, clock: ManualClock
) -> None:
    other = await logged_in(login_rows, settings, clock, Role.ADMIN, tenant_id="another-bank")
    edge = await make_edge({"other": other})
    session = "GET /api/v1/kyc/sessions/{session_id}/events"
    assert await edge.status(session, "other") == 404
    assert await edge.status("POST /api/v1/kyc/sessions/{session_id}/cancel", "other") == 404
    assert (await edge.json("GET /api/v1/kyc/sessions", "other"))["sessions"] == []
    assert await edge.status("GET /metrics", "other") == 403  # those of the whole server
    me = await edge.json("GET /api/v1/me", "other")
    assert (me["tenant"], me["roles"], "metrics" in me["scopes"]) == (
        "another-bank",
        ["admin"],
        False,
    )


async def test_who_acknowledges_is_the_person(everybody: Edge, sessions: FakeSessions) -> None:
    route = "POST /api/v1/alerts/{alert_id}/acknowledge"
    assert await everybody.status(route, "cookie_agent") == 200
    assert sessions.alerts["a1"].acknowledged_by == "ada"


async def test_a_key_goes_before_a_login(
    make_edge: MakeEdge, login_rows: MemoryLogins, settings: Settings, clock: ManualClock
) -> None:
    own = await logged_in(login_rows, settings, clock, Role.ADMIN)
    edge = await make_edge({"bad key": {**own, "X-API-Key": "kyc_wrong"}})
    assert await edge.status("GET /api/v1/kyc/sessions", "bad key") == 401


async def test_somebody_unknown_is_noticed(
    everybody: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the table would fail, were cookies not looked at."""

    async def nobody(_self: People, _request: Any) -> Principal | None:
        return None

    monkeypatch.setattr(People, "by_cookie", nobody)
    assert await everybody.wrong("GET /api/v1/me", admitted("GET /api/v1/me")) != []


def test_the_documentation_has_the_same_table() -> None:
    assert rendered() in (Path(signaling.app.__file__).parents[1] / "docs" / "api.md").read_text()
