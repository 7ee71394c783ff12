"""Faked servers as processes of their own: started, killed, stopped and continued by the tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol

from tests.support.browser_server import REPOSITORY, START_LIMIT_S, free_port
from tests.support.nursery import Nursery

_POLL_S = 0.02
_KILL_LIMIT_S = 10.0


class Process(Protocol):
    """What of `subprocess.Popen` is used here."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...


class _Forked:
    """A child of the nursery, which reaps it: it is there or it is not, and has no exit status."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None


class FakedServer:
    """One port and one data folder, which stay the same over restarts.

    `settings` are environment variables without their prefix, such as `LIVENESS__ATTEMPTS`; rates are
    not limited unless they say so. Calls block; a test with live clients puts them on a thread.
    """

    def __init__(
        self, folder: Path, settings: dict[str, str], nursery: Nursery | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = folder / "server.log"
        self.start_s = 0.0
        self._nursery = nursery
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KYC_RTC_")}
        given = {"DATA_DIR": str(folder), "HTTP__RATE_LIMITS": "false", **settings}
        self._environ = kept | {f"KYC_RTC_{name}": value for name, value in given.items()}
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        began_s = time.monotonic()
        self._process = self._spawn()
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > began_s + START_LIMIT_S:
                raise RuntimeError(f"the server does not start:\n{self.log()[-3000:]}")
            time.sleep(_POLL_S)  # polling a process, bounded by START_LIMIT_S
        self.start_s = time.monotonic() - began_s

    def kill(self) -> None:
        """End it as a power cut would: no clean-up, no farewell."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self.ended(_KILL_LIMIT_S)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def ended(self, limit_s: float) -> int | None:
        """Wait for the end and give the exit status (of a forked one: 0); None when it does not end."""
        if self._process is None:
            return 0
        deadline_s = time.monotonic() + limit_s
        while (status := self._process.poll()) is None:
            if time.monotonic() > deadline_s:
                return None
            time.sleep(_POLL_S)  # polling a process, bounded by the deadline
        self._process = None
        return status

    def log(self) -> str:
        """What it wrote so far, over all its lives."""
        return self.log_file.read_text("utf-8", errors="replace")

    def health(self) -> dict[str, Any]:
        """What `/health` says; empty where nobody answers."""
        try:
            with urllib.request.urlopen(  # noqa: S310 - loopback
                f"{self.url}/health", timeout=10
            ) as answer:
                body: dict[str, Any] = json.load(answer)
                return body
        except (urllib.error.URLError, OSError):
            return {}

    def _answers(self) -> bool:
        return bool(self.health())

    def _spawn(self) -> Process:
        arguments = ["--port", str(self.port)]
        if self._nursery is not None:
            return _Forked(self._nursery.fork(arguments, self._environ, self.log_file))
        command = [sys.executable, "-m", "tests.support.faked_server", *arguments]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own words
                command, cwd=REPOSITORY, env=self._environ, stdout=log, stderr=log
            )
