"""Twenty creates with one key, over two servers on one database: one verification, one answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from kyc_rtc.settings import Settings
from server import build
from tests.support.faked_analysis import FakedAnalysis

START = "/api/v1/kyc/start-session"
CONCURRENT = 20
PERSON = "Ada-Applicant-4711"


async def test_one_key_is_one_verification_over_two_servers(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, profiles={"short": {"challenges": 1}})
    body = {"user_id": PERSON, "metadata": {"case": "private-7"}, "profile": "short"}
    async with contextlib.AsyncExitStack() as stack:
        clients: list[TestClient[Any, Any]] = []
        for _ in range(2):
            app = build(settings, new_analysis=FakedAnalysis)
            clients.append(await stack.enter_async_context(TestClient(TestServer(app))))

        async def create(number: int) -> tuple[int, str]:
            headers = {"Idempotency-Key": "one-key", "Host": "kyc.bank.example"}
            client = clients[number % len(clients)]
            response = await client.post(START, json=body, headers=headers)
            return response.status, await response.text()

        answers = await asyncio.gather(*map(create, range(CONCURRENT)))
        assert {status for status, _ in answers} == {201}
        assert len({text for _, text in answers}) == 1
        started = json.loads(answers[0][1])
        filters = {"state": "created", "status": "active", "user_id": PERSON}
        listed = await (await clients[1].get("/api/v1/kyc/sessions", params=filters)).json()
        assert [row["session_id"] for row in listed["sessions"]] == [started["session_id"]]
        nothing = {"severity": "high", "type": "face_changed", "session_id": started["session_id"]}
        alerts = await (await clients[0].get("/api/v1/alerts/active", params=nothing)).json()
        assert alerts == {"alerts": [], "count": 0, "next": None}
        other = await clients[0].post(
            START, json=body | {"user_id": "another"}, headers={"Idempotency-Key": "one-key"}
        )
        assert other.status == 422
    _assert_nothing_in_plain(tmp_path / "kyc.sqlite3", started["client_token"])


def _assert_nothing_in_plain(path: Path, token: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert 'INSERT INTO "idempotency"' in dump
    for secret in (token, PERSON, "private-7", "one-key"):
        assert secret not in dump
        assert secret.encode().hex().upper() not in dump
