"""The application, two sessions, and what it answers to a request with one credential or another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp.test_utils import TestClient

from tests.support.fake_sessions import FakeSessions

BODIES: dict[str, Callable[[str], Any]] = {
    "start-session": lambda _id: {"user_id": "x"},
    "send-challenge": lambda key: {"session_id": key, "challenge_type": "nod"},
    "upload-video-frame": lambda key: {"session_id": key, "frame": "data:image/png;base64,AAAA"},
    "complete-verification": lambda key: {"session_id": key},
    "offer": lambda _id: {"type": "offer", "sdp": "v=0"},
    "consent": lambda _id: {"version": "x", "locale": "en"},
    "label": lambda _id: {"label": "bona_fide", "source": "agent", "labelled_by": "x"},
    "acknowledge": lambda _id: {"acknowledged_by": "x"},
    "assign": lambda _id: {"assigned_to": "x"},
    "resolve": lambda _id: {"resolution": "handled"},
    "keys": lambda _id: {"name": "x", "scopes": ["keys"]},
    "rotate": lambda _id: {},
    "webhooks": lambda _id: {"url": "https://bank.example/hook"},
}
NAMED = {
    "alert_id": "a1",
    "peer_id": "the-peer",
    "key_id": "k1",
    "webhook_id": "w1",
    "delivery_id": "d1",
    "rest": "x/y",
}
"""What paths name, apart from sessions."""

STATIC_FILES = {
    "apply": "apply.js",
    "i18n": "en.json",
    "ops": "login.css",
    "sdk": "kyc-rtc.js",
    "style": "base.css",
}
WITHOUT_BODY = ("retry", "open", "renew", "link", "cancel", "revoke", "logout", "test", "replay")
SDP_TYPES = {"POST": "application/sdp", "PATCH": "application/trickle-ice-sdpfrag"}


class Edge:
    """The application, and what it answers to each credential: `headers`, by its name. `own`: a session."""

    def __init__(
        self,
        client: TestClient[Any, Any],
        sessions: FakeSessions,
        headers: dict[str, dict[str, str]],
        own: str,
    ) -> None:
        self.client = client
        self._sessions = sessions
        self._before = dict(sessions.sessions)
        self._headers = headers
        self.own = own

    @property
    def names(self) -> list[str]:
        return list(self._headers)

    def routes(self) -> set[str]:
        """Every route of the running application, HEAD apart: it has the handler of GET."""
        app = self.client.app
        assert app is not None
        return {
            f"{route.method} {route.resource.canonical}"
            for route in app.router.routes()
            if route.method != "HEAD" and route.resource is not None
        }

    def url(self, path: str) -> str:
        """The path of a route, filled in."""
        return path.format(session_id=self.own, **NAMED)

    def _reset(self) -> None:
        """Take back what an earlier request did, such as a new link."""
        self._sessions.sessions = dict(self._before)

    async def status(self, route: str, credential: str) -> int:
        """The status of a request that is well-formed but for its credential."""
        method, path = route.split(" ")
        kwargs: dict[str, Any] = {}
        if path.startswith("/whip") and method in SDP_TYPES:
            kwargs = {"data": b"v=0\r\n"}
        elif method == "POST" and not path.endswith(WITHOUT_BODY):
            kwargs = {"json": BODIES[path.rsplit("/", 1)[-1]](self.own)}
        headers = dict(self._headers[credential])
        if "data" in kwargs:
            headers["Content-Type"] = SDP_TYPES[method]
        url = self.url(path)
        if path.startswith("/static"):
            url = f"{path}/{STATIC_FILES[path.rsplit('/', 1)[-1]]}"
        if path.endswith("get-session-status"):
            kwargs["params"] = {"session_id": self.own}
        response = await self.client.request(
            method, url, headers=headers, allow_redirects=False, **kwargs
        )
        async with response:
            return response.status

    async def json(self, route: str, credential: str) -> Any:
        """The answer to a call without a body."""
        method, path = route.split(" ")
        headers = self._headers[credential]
        response = await self.client.request(method, path, headers=headers)
        async with response:
            return await response.json()

    async def wrong(self, route: str, admitted: frozenset[str] | None) -> list[str]:
        """The credentials that the route treats otherwise than it should."""
        found = []
        for name in self.names:
            self._reset()
            status = await self.status(route, name)
            should_be = admitted is None or name in admitted
            if (status not in (401, 403)) is not should_be or status >= 500:
                found.append(f"{route} with {name}: {status}")
        return found
