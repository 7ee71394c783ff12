"""What becomes of a connection, over real sockets: `Expect`, bodies that nobody reads, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kyc_rtc.errors import ExpectationFailed
from kyc_rtc.keys import api_key_hash
from signaling.errors import status_of
from tests.support.wire import Wire
from tests.unit.signaling.conftest import Connect, Serve

KEY = "an-api-key-of-tests"
LOCKED = {"api_key_hashes": (api_key_hash(KEY),)}
START, UPLOAD = "/api/v1/kyc/start-session", "/api/v1/kyc/upload-video-frame"
USER = b'{"user_id":"x"}'
ASKS = ("Expect: 100-continue",)


def request(
    path: str,
    *headers: str,
    method: str = "POST",
    body: bytes = b"",
    length: int | None = None,
    version: str = "1.1",
) -> bytes:
    """A request in JSON. `length`: as announced, where the body comes later or never."""
    announced = len(body) if length is None else length
    lines = (
        f"{method} {path} HTTP/{version}",
        "Host: kyc.example",
        "Content-Type: application/json",
        f"Content-Length: {announced}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


async def is_open(wire: Wire) -> bool:
    """Whether the next request on the connection is answered."""
    wire.send(request("/health", method="GET"))
    return (await wire.answer())[0] == 200


@pytest.mark.parametrize("length", [100, 90_000_000])
async def test_a_body_is_not_asked_for_before_access_and_size_are_checked(
    serve: Serve, connect: Connect, length: int
) -> None:
    wire = await connect(await serve(**LOCKED))
    wire.send(request(UPLOAD, *ASKS, length=length))
    status, head = await wire.answer()
    assert (status, "connection: close" in head.lower()) == (401, True)
    assert await wire.is_closed()


async def test_a_body_that_is_too_large_is_not_asked_for(serve: Serve, connect: Connect) -> None:
    wire = await connect(await serve(**LOCKED))
    wire.send(request(UPLOAD, *ASKS, f"X-API-Key: {KEY}", length=90_000_000))
    assert (await wire.answer())[0] == 413
    assert await wire.is_closed()


@pytest.mark.parametrize("expected", ["100-continue", "100-Continue"])
async def test_a_client_that_is_admitted_is_asked_for_its_body(
    serve: Serve, connect: Connect, expected: str
) -> None:
    wire = await connect(await serve(**LOCKED))
    wire.send(request(START, f"Expect: {expected}", f"X-API-Key: {KEY}", length=len(USER)))
    assert await wire.head() == (100, "HTTP/1.1 100 Continue\r\n\r\n")
    wire.send(USER)
    assert (await wire.answer())[0] == 201
    assert await is_open(wire)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(START, *ASKS, body=USER), 201),
        (request("/api/v1/kyc/sessions", *ASKS, method="GET"), 200),
        (request("/static/sdk/api.js", *ASKS, method="GET"), 200),
        (request("/static/sdk/api.js", *ASKS, length=9), 405),
        (request("/nothing", *ASKS, length=9), 404),
        (request(START, "Expect: foo", body=USER, version="1.0"), 201),
    ],
    ids=["came", "no body", "static", "method", "path", "HTTP/1.0"],
)
async def test_whose_body_came_or_is_not_read_is_not_asked_for_it(
    serve: Serve, connect: Connect, sent: bytes, status: int
) -> None:
    wire = await connect(await serve())
    wire.send(sent)
    found, _ = await wire.head()
    assert found == status


@pytest.mark.parametrize("expected", ["foo", "100-continue, foo", "100-continue\r\nExpect: foo"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("POST", START),
        ("GET", "/static/sdk/api.js"),
        ("GET", "/nothing"),
        ("PUT", START),
    ],
)
async def test_another_expectation_is_refused_like_any_other_error(
    serve: Serve, connect: Connect, method: str, path: str, expected: str
) -> None:
    wire = await connect(await serve())
    wire.send(request(path, f"Expect: {expected}", method=method))
    status, head, body = await wire.whole()
    assert status == status_of(ExpectationFailed("")) == 417
    assert json.loads(body)["error"]["code"] == "expectation_failed"
    assert b"foo" not in body
    assert "X-Content-Type-Options: nosniff" in head


async def started(wire: Wire) -> dict[str, Any]:
    wire.send(request(START, f"X-API-Key: {KEY}", body=USER))
    status, _, body = await wire.whole()
    assert status == 201
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize("body", [b"", b"{}"])
@pytest.mark.parametrize(("call", "status"), [("open", 200), ("renew", 200), ("retry", 201)])
async def test_a_body_that_came_and_is_not_read_keeps_the_connection(
    serve: Serve, connect: Connect, call: str, status: int, body: bytes
) -> None:
    wire = await connect(await serve(**LOCKED))
    session = await started(wire)
    link = session["join_url"].partition("#")[2]
    token = link if call == "open" else session["client_token"]
    path = f"/api/v1/kyc/sessions/{session['session_id']}/{call}"
    wire.send(request(path, f"Authorization: Bearer {token}", body=body))
    found, head = await wire.answer()
    assert (found, "connection: close" in head.lower()) == (status, False)
    assert await is_open(wire)


async def test_a_refusal_keeps_the_connection_where_its_body_came(
    serve: Serve, connect: Connect
) -> None:
    wire = await connect(await serve(**LOCKED))
    wire.send(request(START, body=USER))
    assert (await wire.answer())[0] == 401
    assert await is_open(wire)


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ("X-Nothing: 1", "Bearer"),
        ("Authorization: Basic eDp5", "Bearer"),
        ("Authorization: Bearer junk", 'Bearer error="invalid_token"'),
    ],
)
async def test_a_401_says_whether_a_token_is_missing_or_not_valid(
    serve: Serve, connect: Connect, header: str, challenge: str
) -> None:
    wire = await connect(await serve(**LOCKED))
    wire.send(request("/api/v1/kyc/sessions/x", header, method="GET"))
    status, head = await wire.answer()
    assert status == 401
    assert f"WWW-Authenticate: {challenge}\r\n" in head


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", START, "POST"),
        ("GET", "/whip/x", "OPTIONS,POST"),
        ("POST", "/health", "GET,HEAD"),
    ],
)
async def test_a_405_names_what_is_allowed(
    serve: Serve, connect: Connect, method: str, path: str, allowed: str
) -> None:
    wire = await connect(await serve())
    wire.send(request(path, method=method))
    status, head, body = await wire.whole()
    assert status == 405
    assert f"Allow: {allowed}\r\n" in head
    assert json.loads(body)["error"]["code"] == "method_not_allowed"
    assert head.lower().count("content-type:") == head.lower().count("content-length:") == 1
