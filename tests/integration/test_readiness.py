"""`/health/ready` of a real server: a full and a lost database, a disk that fills, the farewell."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.faked_process import FakedServer

LIMIT_S = 20.0


def ready(server: FakedServer) -> tuple[int, list[str]]:
    """The status, and the causes."""
    try:
        with urllib.request.urlopen(f"{server.url}/health/ready", timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)["causes"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["causes"]


def until(server: FakedServer, expected: tuple[int, list[str]]) -> None:
    """Wait for an answer: the one before is kept for a second."""
    deadline_s = time.monotonic() + LIMIT_S
    while (found := ready(server)) != expected:
        assert time.monotonic() < deadline_s, f"{found} instead of {expected}\n{server.log()}"
        time.sleep(0.1)  # polling a process, bounded by the deadline


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., FakedServer]]:
    started: list[FakedServer] = []

    def make(**settings: str) -> FakedServer:
        server = FakedServer(tmp_path / "data", settings)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.kill()


def test_it_is_ready_again_when_the_database_is(start: Callable[..., Any], tmp_path: Path) -> None:
    server: FakedServer = start(LIMITS__DRAIN_S="5")
    assert ready(server) == (200, [])
    server.signal(signal.SIGUSR1)  # no room
    until(server, (503, ["database"]))
    assert server.health()["status"] == "degraded"
    server.signal(signal.SIGUSR2)
    until(server, (200, []))
    file = tmp_path / "data" / "kyc.sqlite3"
    away = file.rename(tmp_path / "away")
    until(server, (503, ["database"]))
    assert "database" in server.health()["problems"]
    away.rename(file)
    until(server, (200, []))
    assert server.health()["status"] == "healthy"


def test_a_disk_without_room_takes_it_off_duty(start: Callable[..., Any]) -> None:
    server: FakedServer = start(LIMITS__MIN_FREE_DISK_MB="1000000000")
    assert ready(server) == (503, ["disk"])
    assert server.health()["problems"] == ["disk"]
