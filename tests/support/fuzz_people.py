"""Sessions, alerts, keys, webhooks and credentials that are really there, for requests that are not."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from kyc_rtc.clock import SystemClock
from kyc_rtc.scopes import Role
from kyc_rtc.settings import Settings
from kyc_rtc.storage import Database, Sealer
from kyc_rtc.storage.logins import SqlLoginRepository
from tests.support.face_picture import Shown, data_url
from tests.support.people import logged_in
from tests.support.rest import KYC

PEOPLE = tuple(role.value for role in Role if role is not Role.INTEGRATOR)
"""Who logs in; integrators have the key."""
ELSEWHERE = "elsewhere"
"""The key of another tenant."""
NOWHERE = "https://127.0.0.1:1/hook"
"""Where nobody listens."""
_FEW = 3
_V1 = "/api/v1"


class People:
    """An applicant with a session, another one, and what the institution may know of them.

    `ids`: names of things of the first tenant, by the parameter that takes them; no one of another tenant
    may see any that ever was (`all_ids`).
    """

    def __init__(self, base_url: str, key: str, key_elsewhere: str, settings: Settings) -> None:
        self.base_url = base_url
        self.picture = data_url(Shown())
        self.ids: dict[str, list[str]] = {}
        self.all_ids: set[str] = set()
        self._keys = {"key": key, ELSEWHERE: key_elsewhere}
        self._token = ""
        self._settings = settings
        self._logins: dict[str, dict[str, str]] = {}

    @property
    def session_ids(self) -> list[str]:
        return self.ids["session_id"]

    def renew(self) -> None:
        """Fresh sessions: the applicant's own, one under way by uploads, and one that is over."""
        self.log_in()
        self._renew_endpoints()
        own, under_way, over = (
            self._ask("POST", f"{KYC}/start-session", {"user_id": "customer"}) for _ in range(3)
        )
        self._token = own["client_token"]
        self.ids["session_id"] = [one["session_id"] for one in (own, under_way, over)]
        for one in (under_way, over):
            picture = {"session_id": one["session_id"], "frame": self.picture}
            self._ask("POST", f"{KYC}/upload-video-frame", picture)
        self._ask("POST", f"{KYC}/complete-verification", {"session_id": over["session_id"]})
        self.ids["alert_id"] = self._listed("alerts", "alert_id", "alerts/active")
        self.ids["delivery_id"] = self._listed("deliveries", "delivery_id")
        self.all_ids.update(*self.ids.values())

    def headers(self, credential: str) -> dict[str, str]:
        """Of a request under `none`, `applicant`, `key`, a role, or the key of another tenant."""
        if credential in self._keys:
            return {"X-API-Key": self._keys[credential]}
        if credential == "applicant":
            return {"Authorization": f"Bearer {self._token}"}
        return self._logins.get(credential, {})

    def log_in(self) -> None:
        """Everybody anew, with a cookie: cases log out, and values of cookies change with time."""
        self._logins = asyncio.run(self._logged_in())

    async def _logged_in(self) -> dict[str, dict[str, str]]:
        secret = self._settings.secret_key.get_secret_value()
        database = Database(self._settings.store_url, Sealer(secret))
        await database.open()
        try:
            rows = SqlLoginRepository(database)
            return {
                role: await logged_in(rows, self._settings, SystemClock(), Role(role))
                for role in PEOPLE
            }
        finally:
            await database.aclose()

    def description(self) -> dict[str, Any]:
        """The server's OpenAPI."""
        return self._ask("GET", _V1)

    def seen_in(self, content: bytes, named: Mapping[str, Any]) -> set[str]:
        """Things of the first tenant that an answer shows, or that the request named."""
        text = content.decode(errors="replace")
        given = {value for value in named.values() if isinstance(value, str)}
        return {one for one in self.all_ids if one in text or one in given}

    def _renew_endpoints(self) -> None:
        """Keys and endpoints of webhooks; cases of before may have ended them."""
        webhooks = self._listed("webhooks", "webhook_id")
        if not webhooks:
            made = self._ask("POST", f"{_V1}/webhooks", {"url": NOWHERE})
            webhooks = [made["webhook"]["webhook_id"]]
        keys = [key for key in self._ask("GET", f"{_V1}/keys", by="admin")["keys"] if key["valid"]]
        if not keys:
            order = {"name": "backend", "scopes": ["alerts:read"]}
            keys = [self._ask("POST", f"{_V1}/keys", order, by="admin")["key"]]
        self.ids["webhook_id"] = webhooks
        self.ids["key_id"] = [key["key_id"] for key in keys][:_FEW]

    def _listed(self, name: str, field: str, path: str = "") -> list[str]:
        found = self._ask("GET", f"{_V1}/{path or name}")[name]
        return [one[field] for one in found][:_FEW]

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, by: str = "key"
    ) -> dict[str, Any]:
        """Raises HTTPError: what is asked here has to work."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=self.headers(by) | {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            parsed: dict[str, Any] = json.load(answer)
        return parsed
