"""Whose look-ups of names take which threads."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from kyc_rtc.delivery import http_client
from kyc_rtc.delivery.http_client import LOOK_UPS_OF_PARTY, HttpClient


async def test_names_that_hang_leave_threads_for_other_tenants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though those who asked have given up: the threads wait on."""
    monkeypatch.setattr(http_client, "CONNECT_LIMIT_S", 0.2)
    let_go, asked = threading.Event(), Counter[str]()

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        asked[host] += 1
        if host.startswith("hangs"):
            let_go.wait(30)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    client = HttpClient(lambda _: True)

    async def post(host: str, party: str) -> str:
        try:
            await client.post(f"https://{host}.example/", b"", {}, party)
        except Exception as error:  # noqa: BLE001 - its words are what counts
            return http_client.reason_of(error)
        return ""

    try:
        names = [f"hangs{number // 2}" for number in range(2 * http_client.RESOLVERS)]
        said = await asyncio.gather(*(post(name, "bank-a") for name in names))
        assert set(said) == {"no answer within 9 s"}
        assert len(asked) == sum(asked.values()) == LOOK_UPS_OF_PARTY
        assert await post("elsewhere", "bank-b") == "the name does not resolve"
        assert await post("elsewhere", "bank-a") == "no answer within 9 s"
        let_go.set()
        async with asyncio.timeout(30):
            while await post("elsewhere", "bank-a") != "the name does not resolve":
                pass
    finally:
        let_go.set()
        with suppress(OSError):
            await client.aclose()
