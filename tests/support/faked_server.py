"""The real server with a faked analysis: `python -m tests.support.faked_server --port P`.

Everything of `server.py` is as it is (settings from the environment, serving, signals, drain), but no
model is fetched, and what a picture shows is what it says (`tests.support.face_picture`).

SIGUSR1 makes SQLite full: from then on no connection lets the file grow. SIGUSR2 gives the room back.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

import server
from tests.support.faked_analysis import FakedAnalysis

_ROOM = 1_000_000_000
"""Pages: more than any test writes."""
_FULL = 1
"""Pages: fewer than there are, which SQLite takes to mean as many as there are."""


class DiskSpace:
    """How many pages SQLite's file may have, set on every connection as its transaction begins."""

    def __init__(self) -> None:
        self._pages = _ROOM

    def install(self) -> None:
        """Listen to every engine of this process, and to the two signals."""
        event.listen(Engine, "begin", self._tell)
        signal.signal(signal.SIGUSR1, lambda *_: self._set(_FULL))
        signal.signal(signal.SIGUSR2, lambda *_: self._set(_ROOM))

    def _set(self, pages: int) -> None:
        self._pages = pages

    def _tell(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA max_page_count = {self._pages}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    DiskSpace().install()
    build: Any = functools.partial(server.build, new_analysis=FakedAnalysis)
    with patch.object(server, "build", build):
        return server.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
