"""Faked servers that start in no time: one process has imported everything, and forks.

    python -m tests.support.nursery

reads a line of JSON for each server on its standard input and answers with the process id. A server
takes three seconds to import what it is made of, and half a second for the rest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.browser_server import REPOSITORY, STOP_LIMIT_S


class Nursery:
    """The forking process, from outside."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _, _ = self._process.communicate(timeout=STOP_LIMIT_S)  # the end of its input ends it

    def fork(self, arguments: list[str], environ: dict[str, str], log_file: Path) -> int:
        """A new server's process id."""
        order = {"arguments": arguments, "environ": environ, "log_file": str(log_file)}
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the nursery has no pipes")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def main() -> None:
    """Fork a server for each line, until there are no more."""
    from tests.support import faked_server  # noqa: PLC0415 - so that importing `Nursery` stays cheap

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for the status of the dead
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_serve(faked_server.main, order))
        print(child, flush=True)  # noqa: T201 - the answer


def _serve(serve: Any, order: dict[str, Any]) -> int:
    """In the child: its own environment, log and signals; then the server."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order["environ"])
    nowhere = os.open(os.devnull, os.O_RDONLY)
    log = os.open(order["log_file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nowhere, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    status: int = serve(order["arguments"])
    return status


if __name__ == "__main__":
    main()
