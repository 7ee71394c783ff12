"""Whether verdicts wait for the channels and webhooks that report them: all of them down, and up.

    python -m tests.verdict_delay [--sessions 150]

starts two servers with a faked analysis. The receivers of one answer at once; those of the other hang (HTTP)
or are not there (SMTP). By turns each server takes a session by uploads that FAILS and raises critical
alerts; printed is the time from `complete-verification` to its answer, which follows the commit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np

from tests.deliveries import channel_settings
from tests.support.browser_server import free_port
from tests.support.face_picture import Shown, data_url
from tests.support.faked_process import FakedServer
from tests.support.receiver import receiving
from tests.support.receivers import http_receiver, mail_receiver
from tests.support.rest import KYC

PICTURES = 5
PLACES = {"LIMITS__MAX_LIVE_SESSIONS": "1000"}


def post(server: FakedServer, path: str, body: dict[str, Any]) -> Any:
    """Raises HTTPError: what is asked here has to work."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def session_ms(server: FakedServer, picture: str) -> float:
    """A session; how long its verdict took. Raises ValueError where it did not fail."""
    session_id = post(server, f"{KYC}/start-session", {"user_id": "customer"})["session_id"]
    for _ in range(PICTURES):
        post(server, f"{KYC}/upload-video-frame", {"session_id": session_id, "frame": picture})
    began_s = time.perf_counter()
    verdict = post(server, f"{KYC}/complete-verification", {"session_id": session_id})
    took_ms = (time.perf_counter() - began_s) * 1_000
    if verdict["status"] != "FAILED":
        raise ValueError(f"not FAILED: {verdict}")
    return took_ms


async def measure(sessions: int, folder: Path) -> dict[str, list[float]]:
    """The times in milliseconds, with receivers that are `up` and `down`."""
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(http_receiver())
        mail = await stack.enter_async_context(mail_receiver())
        hanging = await stack.enter_async_context(http_receiver(lambda: None))
        bank, deaf = [await stack.enter_async_context(receiving()) for _ in range(2)]
        deaf.respond = deaf.hang
        servers = {
            "up": FakedServer(folder / "up", channel_settings(slack.url, mail.port) | PLACES),
            "down": FakedServer(
                folder / "down", channel_settings(hanging.url, free_port()) | PLACES
            ),
        }
        times: dict[str, list[float]] = {name: [] for name in servers}
        picture = data_url(Shown(attack=True))
        try:
            for server, hook in zip(servers.values(), (bank, deaf), strict=True):
                await asyncio.to_thread(server.start)
                await asyncio.to_thread(post, server, "/api/v1/webhooks", {"url": hook.url})
            for _ in range(sessions):
                for name, server in servers.items():
                    times[name].append(await asyncio.to_thread(session_ms, server, picture))
        finally:
            for server in servers.values():
                await asyncio.to_thread(server.kill)
        print(f"arrived: {len(slack.accepted)} at Slack, {len(mail.mails)} mails, ", end="")
        print(f"{len(bank.requests)} webhooks; hanging: {hanging.asked}, {len(deaf.requests)}")
    return times


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.verdict_delay")
    parser.add_argument("--sessions", type=int, default=150, help="of each server")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kyc-rtc-verdicts-") as folder:
        times = asyncio.run(measure(given.sessions, Path(folder)))
    print("| receivers | verdicts | p50 ms | p95 ms | most ms |\n|---|---|---|---|---|")
    for name, values in times.items():
        p50, p95, most = np.percentile(values, [50, 95, 100])
        print(f"| {name} | {len(values)} | {p50:.1f} | {p95:.1f} | {most:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
