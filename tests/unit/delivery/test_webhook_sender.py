"""Webhooks over real HTTP on loopback: signatures, answers of all kinds, and addresses that are refused."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from kyc_rtc.clock import SystemClock
from kyc_rtc.delivery import http_client
from kyc_rtc.delivery.http_client import Answer, HttpClient
from kyc_rtc.delivery.webhook_sender import (
    MAX_SAID_CHARS,
    WebhookSender,
    outcome_of,
    printable,
    signed_headers,
)
from kyc_rtc.delivery.webhook_targets import is_public
from kyc_rtc.storage.delivery_records import DeliveryRecord
from kyc_rtc.storage.values import JsonObject
from kyc_rtc.storage.webhooks import WEBHOOK, WebhookRecord
from tests.support.memory_webhooks import MemoryWebhooks
from tests.support.receiver import receiving

SECRETS = st.binary(min_size=1, max_size=64).map(lambda b: f"whsec_{base64.b64encode(b).decode()}")
SECRET, OLD_SECRET = "whsec_c2VjcmV0LW9uZQ==", "whsec_c2VjcmV0LXR3bw=="
BODY: JsonObject = {"type": "verification.completed", "data": {"status": "PASSED", "note": "grün"}}


def an_endpoint(url: str, **changes: Any) -> WebhookRecord:
    fields: dict[str, Any] = {
        "webhook_id": "w-1",
        "tenant_id": "bank-a",
        "url": url,
        "events": (),
        "secret": SECRET,
        "created_at_ms": 1,
        "created_by": "backend",
    }
    return WebhookRecord(**(fields | changes))


def a_delivery(target: str = "w-1") -> DeliveryRecord:
    return DeliveryRecord(
        "d-1", "bank-a", "verification.completed", WEBHOOK, target, BODY, "k", 1, 1, 1, 9, 0, "pending",
    )  # fmt: skip


@asynccontextmanager
async def sending(
    *endpoints: WebhookRecord, allowed: Callable[[str], bool] = lambda _: True
) -> AsyncIterator[tuple[WebhookSender, MemoryWebhooks]]:
    webhooks = MemoryWebhooks(*endpoints)
    sender = WebhookSender(webhooks, HttpClient(allowed), SystemClock())
    try:
        yield sender, webhooks
    finally:
        await sender.aclose()
        await sender.aclose()  # idempotent


async def test_the_receiver_can_verify_what_it_gets() -> None:
    async with receiving() as receiver, sending(an_endpoint(receiver.url)) as (sender, _):
        outcome = await sender.send(a_delivery())
    assert (outcome.ok, outcome.status, outcome.reason) == (True, 204, "")
    ((headers, body),) = receiver.requests
    assert Webhook(SECRET).verify(body, headers) == BODY
    assert headers["webhook-id"] == "d-1"
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD_SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


@pytest.mark.parametrize(("until_ms", "counts"), [(2**60, True), (1, False)])
async def test_the_secret_before_counts_during_the_overlap(until_ms: int, counts: bool) -> None:
    async with receiving() as receiver:
        endpoint = an_endpoint(receiver.url, previous_secret=OLD_SECRET, previous_until_ms=until_ms)
        async with sending(endpoint) as (sender, _):
            await sender.send(a_delivery())
    ((headers, body),) = receiver.requests
    assert Webhook(SECRET).verify(body, headers) == BODY
    if counts:
        assert Webhook(OLD_SECRET).verify(body, headers) == BODY
    else:
        with pytest.raises(WebhookVerificationError):
            Webhook(OLD_SECRET).verify(body, headers)


@given(st.lists(SECRETS, min_size=1, max_size=3), st.text(), st.uuids())
def test_every_secret_verifies_its_signature(secrets: list[str], text: str, key: Any) -> None:
    now_s = SystemClock().now_ms() // 1000
    headers = signed_headers(secrets, str(key), now_s, text)
    for secret in secrets:
        Webhook(secret).verify(text, dict(headers), json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(f"{text}x", dict(headers), json_parse=False)


@pytest.mark.parametrize(
    ("status", "body", "ok", "reason"),
    [
        (200, b"", True, ""),
        (299, b"anything", True, ""),
        (500, b"", False, "HTTP 500"),
        (503, b"busy\n\x00 now\xff", False, "HTTP 503: busy now"),
        (199, b"", False, "HTTP 199"),
        (302, b"", False, "HTTP 302"),
    ],
)
def test_answers_become_outcomes(status: int, body: bytes, ok: bool, reason: str) -> None:
    outcome = outcome_of(Answer(status, body))
    assert (outcome.ok, outcome.status, outcome.reason) == (ok, status, reason)


@given(st.binary(max_size=5_000))
def test_of_any_body_little_is_kept_and_it_can_be_printed(body: bytes) -> None:
    said = printable(body)
    assert len(said) <= MAX_SAID_CHARS
    assert said.isprintable()


async def test_redirects_are_not_followed() -> None:
    async def redirect(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with receiving(redirect) as receiver, sending(an_endpoint(receiver.url)) as (sender, _):
        outcome = await sender.send(a_delivery())
    assert (outcome.ok, outcome.status, len(receiver.requests)) == (False, 307, 1)


async def test_of_a_long_answer_only_the_beginning_is_read() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b"x" * 65_536)
        return response

    async with receiving(endless) as receiver, sending(an_endpoint(receiver.url)) as (sender, _):
        outcome = await sender.send(a_delivery())
    assert outcome.reason == "HTTP 500: " + "x" * MAX_SAID_CHARS


async def test_who_is_gone_is_disabled_and_gets_nothing_more() -> None:
    async def gone(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=410)

    async with receiving(gone) as receiver, sending(an_endpoint(receiver.url)) as (sender, rows):
        with capture_logs() as logs:
            assert (await sender.send(a_delivery())).status == 410
        again = await sender.send(a_delivery())
        assert rows.rows["w-1"].disabled_at_ms is not None
    assert [entry["event"] for entry in logs] == ["webhook_gone"]
    assert receiver.url not in repr(logs)
    assert (again.ok, "disabled" in again.reason, len(receiver.requests)) == (False, True, 1)


async def test_a_deleted_endpoint_gets_nothing() -> None:
    async with sending() as (sender, _):
        outcome = await sender.send(a_delivery())
    assert (outcome.ok, outcome.reason) == (False, "the endpoint was deleted")


async def test_who_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "TOTAL_LIMIT_S", 0.2)
    async with receiving() as receiver, sending(an_endpoint(receiver.url)) as (sender, _):
        receiver.respond = receiver.hang
        outcome = await sender.send(a_delivery())
    assert (outcome.ok, outcome.status, outcome.reason) == (False, None, "no answer within 0.2 s")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_nothing_reaches_an_address_that_is_not_public(host: str) -> None:
    """Addresses in URLs and names alike: what counts is where the connection would go."""
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        async with sending(an_endpoint(url), allowed=is_public) as (sender, _):
            outcome = await sender.send(a_delivery())
    assert (outcome.ok, outcome.reason) == (False, "the address is not a public one")
    assert receiver.requests == []


async def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public when it is looked at, this machine when it is connected to."""
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def look_up(_host: str, port: int, **_options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async with receiving() as receiver:
        port = receiver.url.split(":")[2]
        endpoint = an_endpoint(f"http://bank.example:{port}")
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        assert is_public(look_up("bank.example", 1)[0][4][0])
        async with sending(endpoint, allowed=is_public) as (sender, _):
            outcome = await sender.send(a_delivery())
    assert (outcome.ok, outcome.reason) == (False, "the address is not a public one")
    assert receiver.requests == []


async def test_what_cannot_be_reached_is_said_in_words_without_the_url() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    table = {
        f"http://127.0.0.1:{port}/?token=hush": "cannot connect",
        "https://name.invalid/?token=hush": "the name does not resolve",
    }
    for url, reason in table.items():
        async with sending(an_endpoint(url)) as (sender, _):
            assert (await sender.send(a_delivery())).reason == reason


async def test_plain_http_where_tls_is_expected_is_refused() -> None:
    async with receiving() as receiver:
        url = receiver.url.replace("http:", "https:")
        async with sending(an_endpoint(url)) as (sender, _):
            outcome = await sender.send(a_delivery())
    assert outcome.reason == "the certificate is not valid, or TLS failed"
    assert json.dumps(outcome.reason)
