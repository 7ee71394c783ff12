"""A server process watched from outside: its memory, and how long `/health` takes meanwhile."""

from __future__ import annotations

import http.client
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

MB = 1_000_000
_SAMPLE_S = 0.05
_PROBE_S = 0.2
_PROBE_LIMIT_S = 10.0


def rss_mb(pid: int) -> float:
    """Resident memory of a process, in MB (proc_pid_statm(5))."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4_096 / MB


class Watch:
    """Samples memory and asks `/health` from 127.0.0.1, each on a thread of its own, while entered.

    `peak_mb`: the most memory. `worst_s`: the slowest answer; one that does not come counts 10 s.
    """

    def __init__(self, pid: int, port: int) -> None:
        self._pid, self._port = pid, port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._sample, self._probe)]
        self.peak_mb = rss_mb(pid)
        self.worst_s = 0.0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.peak_mb = max(self.peak_mb, rss_mb(self._pid))

    def _probe(self) -> None:
        while not self._over.wait(_PROBE_S):
            began_s = time.monotonic()
            try:
                self._ask()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(type(error).__name__)
                self.worst_s = _PROBE_LIMIT_S
            self.worst_s = max(self.worst_s, time.monotonic() - began_s)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PROBE_LIMIT_S)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                self.failures.append(str(answer.status))
        finally:
            connection.close()
