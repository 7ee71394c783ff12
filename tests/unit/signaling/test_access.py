"""Who may do what: every route with every credential, and that a weakened guard is noticed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import FormData, web

import signaling.app
from kyc_rtc.errors import Unauthorised
from kyc_rtc.scopes import Scope, with_implied
from kyc_rtc.sessions.interface import AlertView
from kyc_rtc.settings import Settings
from signaling.auth import Authenticator
from signaling.endpoints import Admission, Endpoint, routes_of
from signaling.people import People
from signaling.principals import Access, Kind, Principal
from signaling.tokens import Tokens
from tests.support.clock import ManualClock
from tests.support.credentials import LINK_NUMBER, Credentials
from tests.support.edge import BODIES, Edge
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import Client, MakeClient

EVERYBODY = None
KEYS = frozenset({"key", "key_as_bearer"})
OWN = frozenset({"own"})
ANY_TOKEN = frozenset({"own", "foreign"})
LINK = frozenset({"link"})
NOBODY: frozenset[str] = frozenset()
"""None but people: test_access_people.py has them."""


def keys(*scopes: Scope) -> frozenset[str]:
    """Keys that may do everything, and those that may do one thing which includes one of these."""
    having = {one for one in Scope if not with_implied([one]).isdisjoint(scopes)}
    elsewhere = set() if Scope.METRICS in scopes else {"key_elsewhere"}
    return KEYS | {f"key_{one.value}" for one in having} | elsewhere


ADMITTED: dict[str, frozenset[str] | None] = {
    "GET /health": EVERYBODY,
    "GET /health/ready": EVERYBODY,
    "GET /api/v1": EVERYBODY,
    "GET /favicon.ico": EVERYBODY,
    "GET /apply": EVERYBODY,
    "GET /apply/{session_id}": EVERYBODY,
    "GET /apply/{rest}": EVERYBODY,
    "GET /ops/": EVERYBODY,
    "GET /static/apply": EVERYBODY,
    "GET /login": EVERYBODY,
    "GET /login/callback": EVERYBODY,
    "GET /static/i18n": EVERYBODY,
    "GET /static/ops": EVERYBODY,
    "GET /static/sdk": EVERYBODY,
    "GET /static/style": EVERYBODY,
    "OPTIONS /whip/{session_id}": EVERYBODY,
    "GET /api/v1/kyc/client-config": keys(Scope.VERIFICATIONS_READ) | ANY_TOKEN,
    "POST /api/v1/kyc/start-session": keys(Scope.VERIFICATIONS),
    "POST /api/v1/kyc/send-challenge": keys(Scope.ASSIST),
    "POST /api/v1/kyc/upload-video-frame": keys(Scope.VERIFICATIONS) | OWN,
    "POST /api/v1/kyc/complete-verification": keys(Scope.ASSIST),
    "GET /api/v1/kyc/get-session-status": keys(Scope.VERIFICATIONS_READ),
    "GET /api/v1/kyc/sessions": keys(Scope.VERIFICATIONS_READ),
    "GET /api/v1/kyc/sessions/{session_id}": OWN,
    "GET /api/v1/kyc/sessions/{session_id}/events": keys(Scope.VERIFICATIONS_READ),
    "GET /api/v1/kyc/sessions/{session_id}/consent": OWN,
    "POST /api/v1/kyc/sessions/{session_id}/consent": OWN,
    "POST /api/v1/kyc/sessions/{session_id}/offer": OWN,
    "POST /api/v1/kyc/sessions/{session_id}/retry": OWN,
    "POST /api/v1/kyc/sessions/{session_id}/open": LINK,
    "POST /api/v1/kyc/sessions/{session_id}/renew": OWN,
    "POST /api/v1/kyc/sessions/{session_id}/link": keys(Scope.VERIFICATIONS),
    "POST /api/v1/kyc/sessions/{session_id}/cancel": keys(Scope.VERIFICATIONS),
    "POST /api/v1/kyc/sessions/{session_id}/label": keys(Scope.LABELS),
    "GET /api/v1/kyc/labels/statistics": keys(Scope.LABELS_READ),
    "GET /api/v1/alerts": keys(Scope.ALERTS_READ),
    "GET /api/v1/alerts/course": keys(Scope.ALERTS_READ),
    "GET /api/v1/alerts/feed": keys(Scope.ALERTS_READ),
    "GET /api/v1/alerts/{alert_id}": keys(Scope.ALERTS_READ),
    "POST /api/v1/alerts/{alert_id}/assign": keys(Scope.ALERTS),
    "POST /api/v1/alerts/{alert_id}/resolve": keys(Scope.ALERTS),
    "GET /api/v1/alerts/active": keys(Scope.ALERTS_READ),
    "GET /api/v1/alerts/statistics": keys(Scope.ALERTS_READ),
    "POST /api/v1/alerts/{alert_id}/acknowledge": keys(Scope.ALERTS),
    "GET /api/v1/keys": keys(Scope.KEYS),
    "POST /api/v1/keys": keys(Scope.KEYS),
    "POST /api/v1/keys/{key_id}/rotate": keys(Scope.KEYS),
    "POST /api/v1/keys/{key_id}/revoke": keys(Scope.KEYS),
    "GET /api/v1/webhooks": keys(Scope.WEBHOOKS),
    "POST /api/v1/webhooks": keys(Scope.WEBHOOKS),
    "DELETE /api/v1/webhooks/{webhook_id}": keys(Scope.WEBHOOKS),
    "POST /api/v1/webhooks/{webhook_id}/rotate": keys(Scope.WEBHOOKS),
    "POST /api/v1/webhooks/{webhook_id}/test": keys(Scope.WEBHOOKS),
    "GET /api/v1/deliveries": keys(Scope.DELIVERIES_READ),
    "GET /api/v1/deliveries/{delivery_id}": keys(Scope.DELIVERIES_READ),
    "POST /api/v1/deliveries/{delivery_id}/replay": keys(Scope.WEBHOOKS),
    "GET /metrics": keys(Scope.METRICS),
    "GET /api/v1/me": NOBODY,
    "POST /logout": NOBODY,
    "POST /whip/{session_id}": OWN,
    "GET /whip/{session_id}/messages": OWN,
    "PATCH /whip/{session_id}/{peer_id}": OWN,
    "DELETE /whip/{session_id}/{peer_id}": OWN,
}
"""Which credentials each route admits, by the names of `Credentials.of`; None: any, and none."""

GUARDED_TWICE = "POST /api/v1/keys"
"""Nobody can give a scope that they lack: who gets past the route's own guard is refused all the same."""


@pytest.fixture
def credentials(clock: ManualClock) -> Credentials:
    return Credentials(clock)


@pytest.fixture
async def make_edge(
    make_client: MakeClient,
    credentials: Credentials,
    sessions: FakeSessions,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Any]:
    async def make() -> Edge:
        settings = credentials.production(tmp_path_factory.mktemp("edge"))
        client = await make_client(settings)
        own, other = [(await sessions.open("x")).session_id for _ in range(2)]
        for session_id in (own, other):
            view = dataclasses.replace(sessions.sessions[session_id], link_number=LINK_NUMBER)
            sessions.sessions[session_id] = view
        sessions.alerts["a1"] = AlertView("a1", own, "face_changed", "high", "k", {}, 4)
        return Edge(client, sessions, credentials.of(own, other), own)

    return make


async def test_the_table_names_every_route(make_edge: Callable[[], Any]) -> None:
    edge = await make_edge()
    assert edge.routes() == set(ADMITTED)


@pytest.mark.parametrize("route", ADMITTED)
async def test_each_route_admits_whom_the_table_says(
    route: str, make_edge: Callable[[], Any]
) -> None:
    edge = await make_edge()
    assert len(edge.names) == 27 + len(Scope)
    assert await edge.wrong(route, ADMITTED[route]) == []


def names_something(route: str) -> bool:
    """Whether a call names a session, an alert or a key, in its path, its query or its body."""
    _, path = route.split(" ")
    make_body = BODIES.get(path.rsplit("/", 1)[-1])
    in_body = make_body is not None and "session_id" in make_body("x")
    return in_body or "_id}" in path or path.endswith("get-session-status")


@pytest.mark.parametrize(
    "route", [r for r, who in ADMITTED.items() if who is not None and "key_elsewhere" in who]
)
async def test_nothing_of_a_tenant_is_there_for_another(
    route: str, make_edge: Callable[[], Any]
) -> None:
    edge = await make_edge()
    status = await edge.status(route, "key_elsewhere")
    assert status == 404 if names_something(route) else status in (200, 201)


async def test_lists_hold_only_what_the_tenant_owns(
    make_edge: Callable[[], Any], sessions: FakeSessions
) -> None:
    edge = await make_edge()
    for credential, count in (("key", 2), ("key_elsewhere", 0)):
        listed = await edge.json("GET /api/v1/kyc/sessions", credential)
        assert len(listed["sessions"]) == count
        assert (await edge.json("GET /api/v1/alerts/active", credential))["count"] == count // 2
        statistics = await edge.json("GET /api/v1/alerts/statistics", credential)
        assert statistics["total"] == count // 2


@pytest.mark.parametrize("route", [route for route, who in ADMITTED.items() if who is not None])
async def test_who_is_refused_is_refused_before_the_body_is_read(
    route: str, make_edge: Callable[[], Any]
) -> None:
    """A body of the wrong type, that would be refused with 415 or 413 if it were looked at."""
    edge = await make_edge()
    method, path = route.split(" ")
    url = edge.url(path)
    data = FormData({"x": "y" * 100})
    response = await edge.client.request(method, url, data=data if method != "GET" else None)
    assert response.status == 401


async def test_in_development_without_keys_only_the_institution_needs_none(
    make_client: MakeClient, development: Settings
) -> None:
    client: Client = await make_client(development)
    started = await client.post("/api/v1/kyc/start-session", json={"user_id": "x"})
    session_id = (await started.json())["session_id"]
    assert started.status == 201
    assert (await client.get(f"/api/v1/kyc/sessions/{session_id}")).status == 401


# Weakened guards: every one of them has to show in the table.


def weakened(endpoint: Endpoint) -> Iterator[Endpoint]:
    """The endpoint with its access declared too widely, in every way that there is."""
    yield dataclasses.replace(endpoint, access=Access.ANYONE)
    if endpoint.access in (Access.INSTITUTION, Access.APPLICANT, Access.PERSON):
        yield dataclasses.replace(endpoint, access=Access.KNOWN)
    if endpoint.access is Access.APPLICANT:
        yield dataclasses.replace(endpoint, access=Access.EITHER)
    if endpoint.access is Access.LINK:
        yield dataclasses.replace(endpoint, access=Access.APPLICANT)
    elif endpoint.access not in (Access.APPLICANT, Access.PERSON):
        for scope in Scope:
            if scope is not endpoint.scope:
                yield dataclasses.replace(endpoint, scope=scope)


def mutations() -> Iterator[tuple[str, int]]:
    """Each guarded route, and the numbers of its weakenings."""
    for route, who in ADMITTED.items():
        if who is EVERYBODY:
            continue
        others = len(Scope) - 1
        number = (
            2
            if who in (LINK, NOBODY)
            else 3
            if who == OWN
            else others + (1 if who & ANY_TOKEN else 2)
        )
        yield from ((route, at) for at in range(number) if (route, at) != (GUARDED_TWICE, 1))


@pytest.mark.parametrize(("route", "number"), list(mutations()))
async def test_a_route_declared_too_widely_is_noticed(
    route: str, number: int, make_edge: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def widened(endpoints: tuple[Endpoint, ...], admission: Admission) -> list[web.RouteDef]:
        chosen = [
            list(weakened(e))[number] if f"{e.method} {e.path}" == route else e for e in endpoints
        ]
        assert chosen != list(endpoints)
        return routes_of(chosen, admission)

    monkeypatch.setattr(signaling.app, "routes_of", widened)
    edge = await make_edge()
    assert await edge.wrong(route, ADMITTED[route]) != []


def tokens_of_any_session(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Principal, "require_session", lambda _self, _id: None)


def tokens_of_any_kind(patch: pytest.MonkeyPatch) -> None:
    read = Tokens.read

    def either(self: Tokens, token: str, kind: Kind) -> Principal:
        try:
            return read(self, token, kind)
        except Unauthorised:
            other = Kind.LINK if kind is Kind.APPLICANT else Kind.APPLICANT
            return dataclasses.replace(read(self, token, other), kind=kind)

    patch.setattr(Tokens, "read", either)


def tokens_of_any_link(patch: pytest.MonkeyPatch) -> None:
    async def confirm(_self: Authenticator, _principal: Principal, *, after_end: bool) -> None:
        pass

    patch.setattr(Authenticator, "confirm", confirm)


def keys_of_any_scope(patch: pytest.MonkeyPatch) -> None:
    admit = Authenticator.admit

    async def all_scopes(
        self: Authenticator, request: web.Request, access: Access, _: Scope
    ) -> Any:
        for scope in Scope:
            try:
                return await admit(self, request, access, scope)
            except Exception as error:  # noqa: BLE001 - the next scope is tried
                last = error
        raise last

    patch.setattr(Authenticator, "admit", all_scopes)


def any_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("signaling.auth.hmac.compare_digest", lambda _a, _b: True)


def nobody_checks(patch: pytest.MonkeyPatch) -> None:
    async def anybody(*_: Any) -> Principal:
        return Principal(Kind.INSTITUTION, scopes=frozenset(Scope))

    patch.setattr(Authenticator, "_institution", anybody)
    patch.setattr(People, "required", anybody)


@pytest.mark.parametrize(
    ("weaken", "route"),
    [
        (weaken, route)
        for route, who in ADMITTED.items()
        if who is not None
        for weaken in (
            *([tokens_of_any_session] if who & (OWN | LINK) and "foreign" not in who else []),
            *([tokens_of_any_kind, tokens_of_any_link] if who & (ANY_TOKEN | LINK) else []),
            *([any_key] if who & KEYS else []),
            *([nobody_checks] if who & KEYS or who == NOBODY else []),
            *([keys_of_any_scope] if who & KEYS and route != GUARDED_TWICE else []),
        )
    ],
)
async def test_a_weakened_check_is_noticed(
    weaken: Callable[[pytest.MonkeyPatch], None],
    route: str,
    make_edge: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weaken(monkeypatch)
    edge = await make_edge()
    assert await edge.wrong(route, ADMITTED[route]) != []


async def test_a_route_without_a_declared_access_stops_the_start(
    make_edge: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    def one_more(endpoints: tuple[Endpoint, ...], admission: Admission) -> list[web.RouteDef]:
        return [*routes_of(endpoints, admission), web.get("/debug", handler)]

    monkeypatch.setattr(signaling.app, "routes_of", one_more)
    with pytest.raises(RuntimeError, match="GET /debug is routed without a declared access"):
        await make_edge()


@pytest.mark.parametrize(
    ("path", "access"), [("/x", Access.APPLICANT), ("/x/{alert_id}", Access.EITHER)]
)
def test_an_access_that_cannot_be_checked_cannot_be_declared(path: str, access: Access) -> None:
    async def handler(_request: web.Request, _principal: Principal) -> web.Response:
        return web.Response()

    with pytest.raises(ValueError, match="session"):
        Endpoint("POST", path, handler, "", access)


async def test_who_acknowledges_and_labels_is_the_keys_owner(
    make_edge: Callable[[], Any], sessions: FakeSessions
) -> None:
    edge = await make_edge()
    assert await edge.status("POST /api/v1/alerts/{alert_id}/acknowledge", "key_alerts") == 200
    assert sessions.alerts["a1"].acknowledged_by == "the alerts desk"
    assert sessions.alerts["a1"].acknowledged_note == "x"
