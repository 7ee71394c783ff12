"""Calls by HTTP, with the standard library alone."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any


class Failed(Exception):
    """A step did not come out as the documents say."""


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
