"""Logins and access tokens at an OpenID Connect provider that others wrote, on the loopback."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, encode_basic_auth
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

import server
from kyc_rtc.clock import SystemClock
from kyc_rtc.settings import OidcSettings, Settings
from signaling.provider import ASK_AGAIN_MS, STALE_MS
from tests.support.browser_server import free_port
from tests.support.faked_analysis import FakedAnalysis
from tests.support.oidc_provider import installed, running

AUDIENCE = "https://kyc.example/api"
_ACTION = re.compile(r'action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="(\w+)"')


class Ahead(SystemClock):
    """The machine's clocks; the test can let monotonic time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.by_ms = 0.0

    def monotonic_ms(self) -> float:
        return super().monotonic_ms() + self.by_ms


class RestartableProvider:
    """The provider's process, on one port. Every start has another key."""

    def __init__(self, redirect_uri: str) -> None:
        self._program = installed()
        self._redirect_uri = redirect_uri
        self._port = free_port()
        self._running = ExitStack()
        self.issuer = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        node, folder = self._program
        self._running.enter_context(running(node, folder, self._port, self._redirect_uri))

    def stop(self) -> None:
        self._running.close()


@dataclass(frozen=True, slots=True)
class Place:
    """What runs, and a browser that keeps cookies."""

    url: str
    provider: RestartableProvider
    clock: Ahead
    http: ClientSession

    async def log_in(self, name: str) -> ClientResponse:
        """Go the whole way through the provider's forms; the answer at the end of it."""
        response = await self.http.get(f"{self.url}/login", params={"next": "/ops/alerts"})
        for _ in range(2):
            page = await response.text()
            action, prompt = _ACTION.search(page), _PROMPT.search(page)
            assert action is not None, page
            assert prompt is not None, page
            form = {"prompt": prompt[1], "login": name, "password": "any"}
            response = await self.http.post(action[1], data=form)
        return response

    async def token(self, audience: str = AUDIENCE) -> str:
        """A machine's access token for an audience."""
        form = {"grant_type": "client_credentials", "resource": audience, "scope": "kyc"}
        headers = {
            "Authorization": encode_basic_auth("machine", "another"),
            "Connection": "close",  # the provider may be started anew
        }
        url = f"{self.provider.issuer}/token"
        async with self.http.post(url, data=form, headers=headers) as response:
            body = await response.json()
            return str(body["access_token"])

    async def me(self, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.get(f"{self.url}/api/v1/me", headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def provider(port: int) -> Iterator[RestartableProvider]:
    made = RestartableProvider(f"http://127.0.0.1:{port}/login/callback")
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def place(provider: RestartableProvider, port: int, tmp_path: Path) -> AsyncIterator[Place]:
    oidc = OidcSettings(
        issuer=provider.issuer,
        client_id="kyc-rtc",
        client_secret=SecretStr("a secret: of the tests"),
        audience=AUDIENCE,
    )
    clock = Ahead()
    app = server.build(Settings(data_dir=tmp_path, oidc=oidc), clock, new_analysis=FakedAnalysis)
    async with (
        TestServer(app, port=port),
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,  # of an address, not a name
    ):
        yield Place(f"http://127.0.0.1:{port}", provider, clock, http)


async def test_somebody_logs_in_with_pkce_and_out_again(place: Place) -> None:
    end = await place.log_in("agent")
    assert end.url.path == "/ops/alerts"
    status, me = await place.me()
    assert (status, me["name"], me["roles"]) == (200, "agent@bank.example", ["agent"])
    headers = {"X-CSRF-Token": me["csrf_token"], "Origin": place.url}
    async with place.http.get(f"{place.url}/api/v1/alerts/active") as alerts:
        assert alerts.status == 200
    async with place.http.post(f"{place.url}/api/v1/keys", json={"name": "x"}) as made:
        assert made.status == 403
    async with place.http.post(f"{place.url}/logout", headers=headers) as out:
        assert out.status == 204
    assert (await place.me())[0] == 401


async def test_somebody_without_a_role_does_not_come_in(place: Place) -> None:
    end = await place.log_in("guest")
    assert (end.status, end.url.path) == (403, "/login/callback")
    assert (await end.json())["error"]["hint"]
    assert (await place.me())[0] == 401


async def test_access_tokens_count_by_audience_and_by_key(place: Place) -> None:
    old = await place.token()
    status, me = await place.me(old)
    assert (status, me["name"], me["roles"]) == (200, "machine", ["supervisor"])
    assert (await place.me(await place.token("https://other.example")))[0] == 401
    place.provider.stop()
    place.provider.start()  # with another key
    new = await place.token()
    place.clock.by_ms += ASK_AGAIN_MS
    assert (await place.me(new))[0] == 200
    assert (await place.me(old))[0] == 401
    place.provider.stop()
    assert (await place.me(new))[0] == 200  # its key is known
    place.clock.by_ms += STALE_MS
    assert (await place.me(new))[0] == 503
