"""The REST API as a client sees it: a body, a refusal, or nobody there."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

KYC = "/api/v1/kyc"
_LIMIT = ClientTimeout(total=12)
"""Longer than SQLite's busy timeout and asyncpg's connect timeout: a server that waits for its database
may do so, and then has to say something."""


class Refused(Exception):
    """The server said no. `retry_after_s`: None where it did not say when to come again."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class Unreachable(Exception):
    """Nobody answered, or not in time: what became of the request is not known."""


class Rest:
    """Calls to one server."""

    def __init__(self, http: ClientSession, base_url: str) -> None:
        self._http = http
        self.base_url = base_url

    async def get(self, path: str, token: str = "") -> dict[str, Any]:
        """Raises Refused, Unreachable."""
        return await self._call("GET", path, None, _bearer(token))

    async def post(
        self, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> dict[str, Any]:
        """Raises Refused, Unreachable."""
        return await self._call("POST", path, body, _bearer(token))

    async def start(self, user_id: str, key: str = "") -> dict[str, Any]:
        """`key`: the Idempotency-Key; empty for none."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self._call("POST", f"{KYC}/start-session", {"user_id": user_id}, headers)

    async def status(self, session_id: str) -> dict[str, Any]:
        """The institution's view of a verification."""
        return await self.get(f"{KYC}/get-session-status?session_id={session_id}")

    async def complete(self, session_id: str) -> dict[str, Any]:
        return await self.post(f"{KYC}/complete-verification", {"session_id": session_id})

    async def journal(self, session_id: str, after: int = 0) -> list[dict[str, Any]]:
        """The journal of one attempt, from `after` on."""
        body = await self.get(f"{KYC}/sessions/{session_id}/events?after={after}")
        events: list[dict[str, Any]] = body["events"]
        return events

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        url = self.base_url + path
        try:
            async with self._http.request(
                method, url, json=body, headers=headers, timeout=_LIMIT
            ) as answer:
                text, status = await answer.text(), answer.status
                retry_after = answer.headers.get("Retry-After")
        except (ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{method} {path}: {type(error).__name__}") from error
        parsed = _parsed(text)
        if status >= 400:
            refusal = parsed.get("error", {})
            after_s = None if retry_after is None else float(retry_after)
            raise Refused(
                status, refusal.get("code", ""), refusal.get("message", text[:200]), after_s
            )
        return parsed


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _parsed(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
