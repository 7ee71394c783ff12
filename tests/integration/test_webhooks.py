"""Webhooks of a real server process: the documented receiver, and receivers that fail and hang."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import ClientSession, web
from standardwebhooks import Webhook

from tests.support.browser_server import REPOSITORY
from tests.support.faked_process import FakedServer
from tests.support.receiver import receiving

LIMIT_S = 120.0
USERS = ("test-passed", "test-failed", "test-needs-review", "test-cancelled", "test-expired")
EVENTS = {
    "verification.started": 4,
    "verification.completed": 3,
    "verification.needs_review": 1,
    "verification.cancelled": 1,
    "verification.expired": 1,
    "alert.raised": 2,
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakedServer]:
    made = FakedServer(tmp_path / "data", {})
    made.start()
    yield made
    made.kill()


def sandbox_key(folder: Path) -> str:
    """A key as the documents say, by the command line."""
    command = (sys.executable, "-m", "kyc_rtc", "keys", "create", "--name", "developer", "--test")
    environ = os.environ | {"KYC_RTC_DATA_DIR": str(folder)}
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=REPOSITORY, env=environ, check=True, capture_output=True, text=True
    )
    found = re.search(r"kyc_test_\S+", done.stdout)
    assert found is not None, done.stdout
    return found.group()


async def test_receivers_that_fail_and_hang_lose_nothing_and_delay_no_other(
    server: FakedServer, tmp_path: Path
) -> None:
    """Every first attempt at one receiver fails at random, another never answers; the third hears at once."""
    draw = Random(7)  # noqa: S311 - a test's fixed draw
    tried: Counter[str] = Counter()

    async def unreliable(request: web.Request) -> web.StreamResponse:
        tried[request.headers["webhook-id"]] += 1
        if tried[request.headers["webhook-id"]] == 1 and draw.random() < 0.4:
            return web.Response(status=draw.choice((500, 503, 429)))
        return web.Response(status=200)

    key = await asyncio.to_thread(sandbox_key, tmp_path / "data")
    headers = {"X-API-Key": key}
    async with (
        ClientSession(f"{server.url}/api/v1/", headers=headers) as http,
        receiving(unreliable) as failing,
        receiving() as hanging,
        receiving() as sound,
    ):
        hanging.respond = hanging.hang
        made = []
        for receiver in (failing, hanging, sound):
            async with http.post("webhooks", json={"url": receiver.url}) as answer:
                made.append(await answer.json())
        for user_id in USERS:
            async with http.post("kyc/start-session", json={"user_id": user_id}) as answer:
                assert answer.status == 201
        await asyncio.wait_for(_all_delivered(http, made[2]["webhook"]["webhook_id"]), LIMIT_S)
        await asyncio.wait_for(_all_delivered(http, made[0]["webhook"]["webhook_id"]), LIMIT_S)
        async with http.get("deliveries", params={"state": "pending"}) as answer:
            pending = (await answer.json())["deliveries"]
    assert {one["target"] for one in pending} == {made[1]["webhook"]["webhook_id"]}
    for receiver, created in ((failing, made[0]), (sound, made[2])):
        messages = {
            head["webhook-id"]: Webhook(created["secret"]).verify(body, head)
            for head, body in receiver.requests
        }
        assert Counter(message["type"] for message in messages.values()) == EVENTS
        assert all(message["data"]["is_test"] for message in messages.values())
        assert not any(user_id in repr(messages) for user_id in USERS)
    assert len(failing.requests) > sum(EVENTS.values())


async def _all_delivered(http: ClientSession, webhook_id: str) -> None:
    """Until every event has arrived at an endpoint."""
    query = {"target": webhook_id, "state": "delivered"}
    while True:
        async with http.get("deliveries", params=query) as answer:
            if (await answer.json())["count"] == sum(EVENTS.values()):
                return
        await asyncio.sleep(0.2)  # polling a process, bounded by the caller
