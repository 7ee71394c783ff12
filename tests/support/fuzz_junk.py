"""Requests that no schema leads to: bytes that are not JSON, JSON that is not text, wrong ids in paths."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from signaling.endpoints import SMALL_BODY_BYTES
from signaling.whip import SDP

JSON = "application/json"
MAX_BODY_BYTES = 4 * 1024 * 1024

_BODIES: tuple[tuple[bytes, str], ...] = (
    (b"", JSON),
    (b"", ""),
    (b"{}", "text/plain"),
    (b"{}", "application/json; charset=utf-16"),
    (b"{}", "multipart/form-data"),
    (b"a=b", "application/x-www-form-urlencoded"),
    (b"null", JSON),
    (b"[]", JSON),
    (b"NaN", JSON),
    (b"\xff\xfe\x00", JSON),
    (b"\xef\xbb\xbf{}", JSON),
    (b"{" * 10_000, JSON),
    (b"[" * 10_000 + b"]" * 10_000, JSON),
    (b'{"session_id": 1e999}', JSON),
    (b'{"user_id": "\\ud800"}', JSON),
    (b'{"user_id": "\\u0000"}', JSON),
    (b'{"user_id": " "}', JSON),
    (b'{"user_id": "x", "user_id": ""}', JSON),
    (b'{"acknowledged_by": "\\ud800"}', JSON),
    (b'{"acknowledged_by": "\\u0000"}', JSON),
    (b'{"label": "attack", "source": "agent", "labelled_by": "\\u0000", "note": "\\ud800"}', JSON),
    (b'{"type": "offer", "sdp": "\\u0000"}', JSON),
    (b"v=0\r\n\x00", SDP),
    (b"\xff\xfe", SDP),
    (b'{"type": "offer", "sdp": "v=0\\r\\nm=video 9 UDP/TLS/RTP/SAVPF 96\\r\\n"}', JSON),
    (b'{"x": "' + b"y" * MAX_BODY_BYTES + b'"}', JSON),
)
_IDS = (
    "%00",
    "%ff",
    "%F0%9F%92%A9",
    "..",
    "%2e%2e",
    "%2f",
    "a%20b",
    "'",
    "00000000-0000-0000-0000-000000000000",
    "0" * 36,
    "x" * 3_500,  # a path may have two of them, and 8,190 bytes
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `text` names it in a report."""

    method: str
    path: str
    body: bytes | None
    content_type: str

    @property
    def text(self) -> str:
        body = (self.body or b"")[:80]
        return f"{self.method} {self.path[:200]} {self.content_type!r} {body!r}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` as in schemathesis: lists by lower-case names."""

    status_code: int
    headers: Mapping[str, list[str]]
    content: bytes


def junk(method: str, path: str, session_id: str, query: tuple[str, ...]) -> Iterator[Request]:
    """Hostile requests to an operation, whose path may have parameters in braces."""
    real = _filled(path, session_id, "none")
    if method == "POST":
        yield from (Request(method, real, body, kind) for body, kind in _BODIES)
    for value in _IDS:
        if "{" in path:
            own = _filled(path, value, value)
            yield Request(method, own, b"{}" if method == "POST" else None, JSON)
        for name in query:
            yield Request(method, f"{real}?{name}={value}", None, "")
            yield Request(method, f"{real}?{name}=1&{name}={value}", None, "")


def _filled(path: str, session_id: str, other_id: str) -> str:
    return re.sub(r"\{\w+\}", lambda _: other_id, path.replace("{session_id}", session_id))


def send(base_url: str, request: Request, headers: Mapping[str, str]) -> Answer | None:
    """Send it as it is: nothing is quoted, normalised or added. None where the server closed the connection
    on a body that is larger than it reads; that may reach a client before the answer does."""
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    kind = {"Content-Type": request.content_type} if request.content_type else {}
    try:
        connection.request(request.method, request.path, request.body, {**headers, **kind})
        response = connection.getresponse()
        found = {name.lower(): [value] for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    except ConnectionError:
        if len(request.body or b"") <= SMALL_BODY_BYTES:
            raise
        return None
    finally:
        connection.close()
