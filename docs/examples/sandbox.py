#!/usr/bin/env python3
"""A bank's integration from nothing to verified webhooks, in the sandbox: python3 docs/examples/sandbox.py

Serves kyc-rtc by `scripts/run` (which installs it, the first time), makes a test key, starts the bank's
backend (bank.py) on another origin, registers its webhook, does a check on the bank's page in Chromium for
each user id of the sandbox, and waits until every webhook is verified. It keeps its data in a temporary
folder, takes free ports, and ends what it started. Exit status 0 where all was as docs/webhooks.md says.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chromium import Chromium, chromium_path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
BANK = Path(__file__).parent / "bank.py"
LIMIT_S = 600.0
POLL_S = 0.2
STOP_LIMIT_S = 20.0
ELSEWHERE = "http://localhost:1"
"""An origin that no server lists."""

STARTED, COMPLETED, ALERT = "verification.started", "verification.completed", "alert.raised"
OUTCOMES: dict[str, tuple[str | None, set[str]]] = {
    "test-passed": ("PASSED", {STARTED, COMPLETED}),
    "test-failed": ("FAILED", {STARTED, COMPLETED, ALERT}),
    "test-inconclusive": ("INCONCLUSIVE", {STARTED, COMPLETED, ALERT}),
    "test-needs-review": (
        "INCONCLUSIVE",
        {STARTED, COMPLETED, "verification.needs_review", ALERT},
    ),
    "test-expired": (None, {"verification.expired"}),
    "test-cancelled": (None, {STARTED, "verification.cancelled"}),
}
"""What each user id of the sandbox leads to: the status, and the webhooks."""


class Failed(Exception):
    """A step did not come out as the documents say."""


class Way:
    """Its steps, each a line with the seconds that it took; all together have `LIMIT_S`."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    @property
    def left_s(self) -> float:
        """Raises `Failed` where the time is over."""
        left_s = self._began_s + LIMIT_S - time.monotonic()
        if left_s <= 0:
            raise Failed(f"not done after {LIMIT_S:.0f} s")
        return left_s

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """What is put into the list is printed when the step has succeeded."""
        said: list[str] = []
        began_s = time.monotonic()
        try:
            yield said
        except (Failed, RuntimeError, OSError, subprocess.SubprocessError) as error:
            self._print(name, began_s, [f"FAILED: {error}"])
            raise Failed(name) from error
        self._print(name, began_s, said)

    def end(self, how: str) -> None:
        self._print(how, self._began_s, ["in all"])

    @staticmethod
    def _print(name: str, began_s: float, said: list[str]) -> None:
        print(f"{name:8} {time.monotonic() - began_s:6.1f} s  {said[0]}")
        for line in said[1:]:
            print(f"{'':19}{line}")
        sys.stdout.flush()


class Backend:
    """bank.py as a process, and what it prints: a line for each webhook that it has verified."""

    def __init__(self, port: str, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(PYTHON), str(BANK), port], env=environ, stdout=subprocess.PIPE, text=True
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, limit_s: float) -> dict[str, Any]:
        """The next webhook. Raises `Failed` where none comes, or something else is printed."""
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            raise Failed("no webhook came") from None
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            raise Failed(line.strip() or "bank.py ended") from None
        return message

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")


def call(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """Status, headers and body of an answer; what is no JSON is text. Raises `OSError` without an answer."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} if data is not None else {}
    request = urllib.request.Request(url, data, given | (headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            status, head, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        status, head, text = refused.code, refused.headers, refused.read()
    try:
        return status, head, json.loads(text)
    except ValueError:
        return status, head, text.decode(errors="replace")


def wanted(status: int, answered: tuple[int, Any, Any]) -> Any:
    """The body of an answer with this status. Raises `Failed` for another one."""
    if answered[0] != status:
        raise Failed(f"HTTP {answered[0]} in the place of {status}: {answered[2]}")
    return answered[2]


def answers(url: str) -> bool:
    try:
        return call("GET", url)[0] == 200
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def own_settings(folder: Path, origin: str) -> dict[str, str]:
    """The environment of a server that has nothing but its defaults, a folder, and the bank's origin."""
    config = folder / "config"
    config.mkdir()
    (config / "tenants.toml").write_text(f'[tenants.default]\nallowed_origins = ["{origin}"]\n')
    dropped = ("SECRET_KEY", "DATABASE_URL")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "KYC_RTC_CACHE_DIR" or not (name.startswith("KYC_RTC_") or name in dropped)
    }
    own = {"KYC_RTC_CONFIG_DIR": str(config), "KYC_RTC_DATA_DIR": str(folder / "var")}
    return kept | own


@contextlib.contextmanager
def served(way: Way, port: int, environ: dict[str, str], log: Path) -> Iterator[str]:
    """The server, by `scripts/run`, until the block ends."""
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [str(ROOT / "scripts" / "run"), "--port", str(port)],
            env=environ,
            stdout=out,
            stderr=out,
            start_new_session=True,  # a group of its own, which is ended as one
        )
    try:
        while not answers(f"{url}/health/ready"):
            if server.poll() is not None:
                raise Failed(f"scripts/run ended:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(min(POLL_S, way.left_s))
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(STOP_LIMIT_S)
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def made_key(environ: dict[str, str]) -> str:
    """A test key, by the command line, on the database of the server's settings."""
    command = [str(PYTHON), "-m", "kyc_rtc", "keys", "create", "--name", "our developer", "--test"]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    found = re.search(r"kyc_test_\S+", done.stdout)
    if found is None:
        raise Failed(done.stderr or done.stdout)
    return found.group()


def listed(server: str, origin: str) -> bool:
    """Whether pages of this origin may call the server, as a browser asks (a preflight request)."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    head = call("OPTIONS", f"{server}/api/v1/kyc/start-session", headers=asked)[1]
    return bool(head.get("Access-Control-Allow-Origin") == origin)


def on_the_page(way: Way, bank: str, users: list[str], folder: Path, path: str) -> list[str]:
    """Do a check for each user on the bank's page; what the page said last."""
    browser = Chromium(path, folder)
    try:
        tabs = [(user, browser.open(f"{bank}/as/{user}")) for user in users]
        for _, tab in tabs:
            until(way, browser, tab, "document.readyState === 'complete' && !!window.start")
            browser.evaluate(tab, "document.getElementById('start').click()")
        ended = "['done', 'failed'].includes(document.body.dataset.step)"
        said = []
        for user, tab in tabs:
            until(way, browser, tab, ended)
            text = browser.evaluate(tab, "document.getElementById('prompt-text').textContent")
            if browser.evaluate(tab, "document.body.dataset.step") != "done":
                raise Failed(f"{user}: the page says: {text}")
            said.append(f"{user}: {text}")
        return said
    finally:
        browser.close()


def until(way: Way, browser: Chromium, tab: str, expression: str) -> None:
    while not browser.evaluate(tab, expression):
        time.sleep(min(POLL_S, way.left_s))


def by_rest(bank: str, users: list[str]) -> list[str]:
    """What the page would ask its backend for."""
    for user in users:
        wanted(200, call("POST", f"{bank}/kyc", {}, {"Cookie": f"user={user}"}))
    return [f"{user}: started" for user in users]


def heard(way: Way, backend: Backend, users: list[str]) -> dict[str, str]:
    """Wait for every webhook of these users; the session of each. Raises `Failed` for one too many."""
    missing = {(user, event) for user in users for event in OUTCOMES[user][1]}
    sessions = {}
    while missing:
        message = backend.next(way.left_s)
        user, data = message["customer"], message["data"]
        if (user, message["type"]) not in missing or not data["is_test"]:
            raise Failed(f"not expected: {message}")
        missing.remove((user, message["type"]))
        if message["type"] == COMPLETED and data["status"] != OUTCOMES[user][0]:
            raise Failed(f"another outcome: {message}")
        sessions[user] = data["session_id"]
    return sessions


@dataclass(frozen=True)
class Place:
    """Where the server and the bank are, and the key of the one at the other."""

    server: str
    key: str
    bank: str

    def ask(self, status: int, method: str, path: str, body: Any = None) -> Any:
        """What the server answers to the bank. Raises `Failed` for another status, `OSError` for none."""
        url, headers = f"{self.server}/api/v1/{path}", {"X-API-Key": self.key}
        return wanted(status, call(method, url, body, headers))


def walk(way: Way, given: argparse.Namespace, ending: contextlib.ExitStack) -> None:
    """Raises `Failed`."""
    made = tempfile.TemporaryDirectory(prefix="kyc-sandbox-", ignore_cleanup_errors=True)
    folder, port = Path(ending.enter_context(made)), given.bank_port or free_port()
    bank = f"http://localhost:{port}"
    with way.step("server") as said:
        if given.server:
            server, environ = given.server.rstrip("/"), dict(os.environ)
            wanted(200, call("GET", f"{server}/health/ready"))
        else:
            environ = own_settings(folder, bank)
            run = served(way, given.port or free_port(), environ, folder / "server.log")
            server = ending.enter_context(run)
        said.append(f"{server} serves")
    with way.step("key") as said:
        key = os.environ.get("KYC_API_KEY", "") if given.server else ""
        key = key or made_key(environ)
        said.append(f"{key[:12]}… starts tests of the sandbox")
    with way.step("origin") as said:
        if not listed(server, bank):
            raise Failed(f"the server does not list {bank}: docs/sdk.md says how")
        if not given.server and listed(server, ELSEWHERE):
            raise Failed(f"{ELSEWHERE} may call the server too")
        said.append(f"the server lists {bank}")
    place = Place(server, key, bank)
    backend = integrated(way, place, environ, ending)
    check(way, place, given, folder)
    conclude(way, place, given.users, backend)
    way.end("done")
    if given.keep:
        print(f"{bank} and {server} go on until Ctrl+C; log in at {bank}/as/test-passed")
        signal.pause()


def integrated(
    way: Way, place: Place, environ: dict[str, str], ending: contextlib.ExitStack
) -> Backend:
    """The bank's backend, whose webhook endpoint is registered and tried."""
    with way.step("backend") as said:
        hook = place.ask(201, "POST", "webhooks", {"url": f"{place.bank}/kyc-hook"})
        endpoint = f"webhooks/{hook['webhook']['webhook_id']}"
        ending.callback(place.ask, 204, "DELETE", endpoint)  # the server may not be ours, and stay
        own = {"KYC_SERVER": place.server, "KYC_API_KEY": place.key}
        port = place.bank.rpartition(":")[2]
        backend = Backend(port, environ | own | {"WEBHOOK_SECRET": hook["secret"]})
        ending.callback(backend.close)
        while not answers(place.bank):
            time.sleep(min(POLL_S, way.left_s))
        said.append(f"{place.bank} serves its page, and takes webhooks at /kyc-hook")
    with way.step("test") as said:
        sent = place.ask(200, "POST", f"{endpoint}/test")
        message = backend.next(way.left_s)
        if not sent["ok"] or message["type"] != "webhook.test":
            raise Failed(f"{sent}, {message}")
        wanted(401, call("POST", f"{place.bank}/kyc-hook", {"type": COMPLETED}, forged()))
        said.append("a test message is verified; one with another signature is answered 401")
    return backend


def check(way: Way, place: Place, given: argparse.Namespace, folder: Path) -> None:
    """A check for each user."""
    path = None if given.no_browser else chromium_path()
    with way.step("page") as said:
        if path is None:
            said.append("not opened, for want of Chromium: the checks are started by REST alone")
            said.append(f"to see the page: --keep, and open {place.bank}/as/test-passed")
            said.extend(by_rest(place.bank, given.users))
        else:
            said.append(f"in {Path(path).name}, where it says:")
            said.extend(on_the_page(way, place.bank, given.users, folder / "chromium", path))


def conclude(way: Way, place: Place, users: list[str], backend: Backend) -> None:
    """Wait for the webhooks, and ask the server for what counts."""
    with way.step("webhooks") as said:
        sessions = heard(way, backend, users)
        count = sum(len(OUTCOMES[user][1]) for user in users)
        said.append(f"{count} came, all verified; get-session-status, which counts, says the same:")
        for user in users:
            query = f"kyc/get-session-status?session_id={sessions[user]}"
            status = place.ask(200, "GET", query)
            verdict = OUTCOMES[user][0]  # without one the state says how it ended
            if status["state"] != (verdict.lower() if verdict else user.removeprefix("test-")):
                raise Failed(f"{user}: {status}")
            said.append(f"{user}: {status['state']}")


def forged() -> dict[str, str]:
    """The headers of somebody who does not know the secret."""
    signature = base64.b64encode(bytes(32)).decode()
    now = str(int(time.time()))
    return {"webhook-id": "1", "webhook-timestamp": now, "webhook-signature": f"v1,{signature}"}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--server",
        help="a server in development that runs on this machine, in the place of one of its own; "
        "KYC_API_KEY is its key, or one is made on the database of the settings",
    )
    parser.add_argument("--port", type=int, help="of the server; without it: a free one")
    parser.add_argument("--bank-port", type=int, help="of the bank; without it: a free one")
    parser.add_argument(
        "--users", nargs="+", choices=OUTCOMES, default=list(OUTCOMES), help="without it: all"
    )
    parser.add_argument("--no-browser", action="store_true", help="start the checks by REST")
    parser.add_argument("--keep", action="store_true", help="go on serving until Ctrl+C")
    return parser.parse_args()


def main() -> int:
    given = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    way = Way()
    try:
        with contextlib.ExitStack() as ending:
            walk(way, given, ending)
    except Failed:
        way.end("failed")
        return 1
    except KeyboardInterrupt:
        return 0 if given.keep else 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
