"""The server as its own process, for tests that look at it from outside, or kill it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent.parent
START_LIMIT_S = 90.0
STOP_LIMIT_S = 20.0

IMPATIENT = {
    "LIVENESS__CHALLENGES": "2",
    "LIVENESS__ATTEMPTS": "1",
    "LIVENESS__TIME_LIMIT_MS": "3500",
}
"""Two challenges, one attempt of 3.5 s at each: whoever does not answer is done in 12 s."""

FEW = {
    "LIVENESS__CHALLENGES": "1",
    "LIVENESS__MIN_NODS": "1",
    "LIVENESS__MAX_NODS": "1",
    "LIVENESS__MIN_BLINKS": "1",
    "LIVENESS__MAX_BLINKS": "1",
    "LIVENESS__MIN_HOLD_MS": "250",
    "LIVENESS__MAX_HOLD_MS": "250",
}
"""A head turn only, and one of everything, held no longer than shows it was meant, so that the
institution chooses the rest: no recording shows it all."""


def free_port() -> int:
    """A TCP port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LiveServer:
    """`server.py` on one port and one data folder, which stay the same over restarts.

    `settings` are environment variables without their prefix, such as `LIVENESS__ATTEMPTS`; rates are
    not limited unless they say so, since all clients of a test have one address. The calls are those
    of an institution's backend, with `api_key` where there is one; they block, and are meant to be short.
    """

    def __init__(
        self, data_dir: Path, settings: dict[str, str] | None = None, api_key: str = ""
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = data_dir / "server.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KYC_RTC_")}
        given = {"DATA_DIR": str(data_dir), "HTTP__RATE_LIMITS": "false", **(settings or {})}
        if cache_dir := os.environ.get("KYC_RTC_CACHE_DIR"):
            given["CACHE_DIR"] = cache_dir
        self._environ = kept | {f"KYC_RTC_{name}": value for name, value in given.items()}
        self._api_key = api_key
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs. Raises `RuntimeError` where none does."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "server.py", "--port", str(self.port)]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # the command is our own
                command, cwd=REPOSITORY, env=self._environ, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"the server does not start:\n{self.log()[-2000:]}")
            time.sleep(0.1)  # polling a process, bounded by the deadline

    def kill(self) -> None:
        """End it as a power cut would: no clean-up, no farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
            self._process = None

    def pause(self) -> None:
        """Let it stand still, as a network does that loses everything."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end; the exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        status = self._process.wait(STOP_LIMIT_S)
        self._process = None
        return status

    def log(self) -> str:
        """What it wrote so far, over all its lives."""
        return self.log_file.read_text("utf-8", errors="replace")

    def start_session(self, user_id: str = "browser-test") -> dict[str, Any]:
        return self._call("/api/v1/kyc/start-session", {"user_id": user_id})

    def send_challenge(self, session_id: str, challenge_type: str) -> dict[str, Any]:
        body = {"session_id": session_id, "challenge_type": challenge_type}
        return self._call("/api/v1/kyc/send-challenge", body)

    def upload(self, session_id: str, data_url: str) -> dict[str, Any]:
        body = {"session_id": session_id, "frame": data_url}
        return self._call("/api/v1/kyc/upload-video-frame", body)

    def complete(self, session_id: str) -> dict[str, Any]:
        return self._call("/api/v1/kyc/complete-verification", {"session_id": session_id})

    def retry(self, session: Mapping[str, Any]) -> dict[str, Any] | None:
        """Another attempt, asked for by the applicant of `session`; None where there is none left."""
        path = f"/api/v1/kyc/sessions/{session['session_id']}/retry"
        try:
            return self._call(path, {}, session["client_token"])
        except urllib.error.HTTPError as refused:
            if refused.code != 409:
                raise
            return None

    def status(self, session_id: str) -> dict[str, Any]:
        """`get-session-status`: the whole record, with verdict, reasons and evidence."""
        return self._call(f"/api/v1/kyc/get-session-status?session_id={session_id}")

    def session(self, session_id: str, token: str) -> dict[str, Any]:
        """What the applicant's page gets about its session."""
        return self._call(f"/api/v1/kyc/sessions/{session_id}", token=token)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            return bool(self._call("/health")["status"] == "healthy")
        except (urllib.error.URLError, ConnectionError):
            return False

    def _call(
        self, path: str, body: dict[str, str] | None = None, token: str = ""
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif self._api_key:
            headers["X-API-Key"] = self._api_key
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            result: dict[str, Any] = json.load(answer)
            return result


@contextmanager
def serving(folder: Path, settings: dict[str, str]) -> Iterator[LiveServer]:
    """A server that runs meanwhile, and ends well: no failure of its own is in its log."""
    server = LiveServer(folder, settings)
    server.start()
    try:
        yield server
    finally:
        status = server.stop()
    assert status == 0
    assert "Traceback" not in server.log(), server.log()
