"""Sessions, alerts and credentials that are really there, for requests that are not."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.support.face_picture import Shown, data_url
from tests.support.rest import KYC


class People:
    """An applicant with a session, another one, and what the institution may know of them."""

    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url
        self.picture = data_url(Shown())
        self.session_ids: list[str] = []
        self.alert_ids: list[str] = []
        self._key = key
        self._token = ""

    def renew(self) -> None:
        """Fresh sessions: the applicant's own, one under way by uploads, and one that is over."""
        own, under_way, over = (
            self._ask("POST", f"{KYC}/start-session", {"user_id": "customer"}) for _ in range(3)
        )
        self._token = own["client_token"]
        self.session_ids = [own["session_id"], under_way["session_id"], over["session_id"]]
        for one in (under_way, over):
            picture = {"session_id": one["session_id"], "frame": self.picture}
            self._ask("POST", f"{KYC}/upload-video-frame", picture)
        self._ask("POST", f"{KYC}/complete-verification", {"session_id": over["session_id"]})
        alerts = self._ask("GET", "/api/v1/alerts/active")["alerts"]
        self.alert_ids = [alert["alert_id"] for alert in alerts][:3]

    def headers(self, credential: str) -> dict[str, str]:
        """Of a request under `none`, `applicant` or `key`."""
        match credential:
            case "applicant":
                return {"Authorization": f"Bearer {self._token}"}
            case "key":
                return {"X-API-Key": self._key}
            case _:
                return {}

    def description(self) -> dict[str, Any]:
        """The server's OpenAPI."""
        return self._ask("GET", "/api/v1")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raises HTTPError: what is asked here has to work."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=self.headers("key") | {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            parsed: dict[str, Any] = json.load(answer)
        return parsed
