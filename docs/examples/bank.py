"""A bank's small backend: serves the page of docs/sdk.md, starts its checks, and receives the webhooks.

    pip install standardwebhooks
    KYC_SERVER=http://127.0.0.1:8080 KYC_API_KEY=kyc_test_… WEBHOOK_SECRET=whsec_… python bank.py 9000

`/as/test-passed` logs a customer in; `/` is the page; `/kyc` starts a check; `/kyc-hook` takes webhooks.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import urllib.error
import urllib.request
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SERVER = os.environ.get("KYC_SERVER", "http://127.0.0.1:8080")
PAGE = Path(__file__).parent.parent / "sdk.md"
SEEN: set[str] = set()  # a real backend keeps these two in its database
CUSTOMERS: dict[str, str] = {}
PRINTING = threading.Lock()


def start_session(user_id: str) -> dict[str, Any]:
    """A check of this customer. Raises `URLError` where the server refuses it, or does not answer."""
    request = urllib.request.Request(
        f"{SERVER}/api/v1/kyc/start-session",
        json.dumps({"user_id": user_id}).encode(),
        {"X-API-Key": os.environ["KYC_API_KEY"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        session: dict[str, Any] = json.load(answer)
    CUSTOMERS[session["session_id"]] = user_id
    return session


def say(line: str) -> None:
    """Print a line, whole, whichever thread it comes from."""
    with PRINTING:
        print(line, flush=True)


class Backend(BaseHTTPRequestHandler):
    """The key and the secret stay here; the page gets a client token."""

    def do_GET(self) -> None:
        if self.path.startswith("/as/"):
            user_id = re.sub(r"[^a-z-]", "", self.path.removeprefix("/as/"))
            cookie = f"user={user_id}; HttpOnly; SameSite=Strict; Path=/"
            self.answer(303, headers={"Location": "/", "Set-Cookie": cookie})
        elif self.path == "/":
            page = PAGE.read_text("utf-8").partition("```html\n")[2].partition("```")[0]
            self.answer(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
        else:
            self.answer(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/kyc":
            self.start()
        elif self.path == "/kyc-hook":
            self.hear(body)
        else:
            self.answer(404)

    def start(self) -> None:
        """A check of whoever is logged in, for the page."""
        user = SimpleCookie(self.headers.get("Cookie", "")).get("user")
        try:
            session = start_session(user.value if user else "test-passed")
        except urllib.error.HTTPError as refused:
            say(f"start-session: {refused.code} {refused.read().decode()}")
            self.answer(502)
            return
        except OSError as error:
            say(f"start-session: {error}")
            self.answer(502)
            return
        order = {name: session[name] for name in ("session_id", "client_token")}
        text = json.dumps({"server": SERVER, **order}).encode()
        self.answer(200, text, {"Content-Type": "application/json"})

    def hear(self, body: bytes) -> None:
        """204 to what is genuine, 401 to what is not."""
        try:
            message = Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.answer(401)
            return
        self.answer(204)  # at once: what takes longer is done afterwards
        if self.headers["webhook-id"] not in SEEN:  # a message may come twice
            SEEN.add(self.headers["webhook-id"])
            customer = CUSTOMERS.get(message["data"].get("session_id", ""))
            say(json.dumps({"customer": customer, **message}))

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Backend).serve_forever()
