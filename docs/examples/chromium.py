"""Headless Chromium, spoken to by the DevTools protocol over a pipe: nothing else has to be installed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path
from typing import Any

ARGUMENTS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # it shows the page of this folder only, and has to run as root in containers too
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--use-fake-device-for-media-stream",  # a camera that shows a test picture
    "--use-fake-ui-for-media-stream",  # and is allowed without a question
)
ANSWER_LIMIT_S = 60.0
END_LIMIT_S = 10.0


def chromium_path() -> str | None:
    """The system's Chromium or Chrome; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Chromium:
    """A browser with a profile in `folder`. `close` ends it, and all processes that it started."""

    def __init__(self, path: str, folder: Path) -> None:
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        # It reads from descriptor 3 and writes to 4: those that are handed over are kept apart from the two.
        handed = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (commands, answers)]
        self._pid = os.posix_spawn(
            path,
            [path, *ARGUMENTS, f"--user-data-dir={folder}", "about:blank"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, handed[0], 3),
                (os.POSIX_SPAWN_DUP2, handed[1], 4),
            ],
            setpgroup=0,
        )
        for end in (commands, answers, *handed):
            os.close(end)
        self._buffer, self._number = b"", 0

    def open(self, url: str) -> str:
        """A tab with cookies of its own, with this page in it; gives the session that `evaluate` takes."""
        context = self._call("Target.createBrowserContext")["browserContextId"]
        target = self._call("Target.createTarget", {"url": url, "browserContextId": context})
        how = {"targetId": target["targetId"], "flatten": True}
        session: str = self._call("Target.attachToTarget", how)["sessionId"]
        return session

    def evaluate(self, session: str, expression: str) -> Any:
        """What an expression is in the tab. Raises `RuntimeError` where it throws."""
        what = {"expression": expression, "returnByValue": True}
        answer = self._call("Runtime.evaluate", what, session)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"in the page: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def close(self) -> None:
        """Idempotent."""
        if self._pid == 0:
            return
        os.close(self._out)  # it ends by itself when nobody speaks to it
        deadline_s = time.monotonic() + END_LIMIT_S
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0 and time.monotonic() < deadline_s:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        os.close(self._in)
        self._pid = 0

    def _call(
        self, method: str, params: dict[str, Any] | None = None, session: str = ""
    ) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:  # events come in between
            answer = self._next()
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], ANSWER_LIMIT_S)[0]:
                raise RuntimeError("Chromium does not answer")
            read = os.read(self._in, 65_536)
            if not read:
                raise RuntimeError("Chromium ended")
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message
