"""Kill a server that delivers, while receivers fail at random, and count what arrived.

    python -m tests.deliveries [--alerts 1000] [--kills 3] [--failing 0.2] [--seed N]

raises critical alerts in a SQLite database, each to Slack (a real HTTP server on loopback), by e-mail (a real
SMTP server) and as the webhook `alert.raised`, whose signature is verified, and kills the server (SIGKILL) at
random moments. Prints how many messages of each kind were to arrive, arrived, were lost, and came more than
once; exit status 1 where one was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from standardwebhooks import Webhook

from kyc_rtc.clock import SystemClock
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database
from kyc_rtc.storage.webhooks import SqlWebhookRepository, WebhookRecord
from tests.support.faked_process import FakedServer
from tests.support.memory_store import a_session, an_alert
from tests.support.receiver import Receiver, receiving
from tests.support.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver
from tests.unit.storage.stores import SEALER, SECRET, put_alerts, sql_store

TOKENS = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
WEBHOOK_SECRET = "whsec_c2VjcmV0LW9uZQ=="
SESSION = re.compile(r"Session: ([0-9a-f-]{36})")
LIFE_S = (2.0, 10.0)
"""How long a server lives before it is killed."""
AFTERWARDS_S = 80.0
"""Longer than a lease: what was sent by a killed server, and not recorded, comes once more by then."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who gets the messages, and what they took."""

    slack: HttpReceiver
    mail: MailReceiver
    bank: Receiver
    hooks: list[str]

    def arrived(self) -> dict[str, Counter[str]]:
        """How often each kind of message arrived, by session, without alerts about a failing channel."""
        texts = {
            "slack": [str(body) for body in self.slack.accepted],
            "e-mail": [str(one.get_content()) for _, one in self.mail.mails],
        }
        found = {
            kind: Counter(
                name for text in those if "Channel:" not in text for name in SESSION.findall(text)
            )
            for kind, those in texts.items()
        }
        return {**found, "webhook": Counter(self.hooks)}

    def refused(self) -> dict[str, int]:
        """How many of each kind were answered with an error."""
        return {
            "slack": self.slack.asked - len(self.slack.accepted),
            "e-mail": self.mail.asked - len(self.mail.mails),
            "webhook": len(self.bank.requests) - len(self.hooks),
        }


async def main(options: argparse.Namespace) -> int:
    draw = random.Random(options.seed)  # noqa: S311 - a measurement that can be repeated
    share: float = options.failing
    with tempfile.TemporaryDirectory(prefix="kyc-rtc-deliveries-") as name:
        async with receivers(lambda: draw.random() < share) as those:
            alerts, took_s = await measure(options, Path(name), those, draw)
    print(
        "| message | expected | arrived | lost | duplicates | refused |\n|---|---|---|---|---|---|"
    )
    lost, refused = 0, those.refused()
    for kind, counts in those.arrived().items():
        lost += alerts - len(counts)
        print(
            f"| {kind} | {alerts} | {len(counts)} | {alerts - len(counts)} "
            f"| {counts.total() - len(counts)} | {refused[kind]} |"
        )
    print(f"killed {options.kills} times; {took_s:.0f} s")
    return 1 if lost else 0


@asynccontextmanager
async def receivers(fails: Callable[[], bool]) -> AsyncIterator[Receivers]:
    """Receivers on loopback, which refuse a message where `fails()`."""
    hooks: list[str] = []

    async def take(_request: web.Request) -> web.Response:
        if fails():
            return web.Response(status=503)
        headers, body = bank.requests[-1]
        event = Webhook(WEBHOOK_SECRET).verify(body, headers)
        hooks.append(event["data"]["session_id"])
        return web.Response(status=204)

    async with (
        http_receiver(lambda: 503 if fails() else 200) as slack,
        mail_receiver(lambda: "451 later" if fails() else "250 OK") as mail,
        receiving(take) as bank,
    ):
        yield Receivers(slack, mail, bank, hooks)


async def measure(
    options: argparse.Namespace, folder: Path, those: Receivers, draw: random.Random
) -> tuple[int, float]:
    """How many alerts were raised, and how long it took."""
    url = f"sqlite:///{folder}/deliveries.sqlite3"
    database = Database(url, SEALER)
    await database.open()
    await SqlWebhookRepository(database, SEALER).add(endpoint(those.bank.url), limit=1)
    began_s = time.monotonic()
    raising = asyncio.create_task(raise_alerts(database, options.alerts))
    channels = channel_settings(those.slack.url, those.mail.port)
    server = FakedServer(folder, {"DATABASE_URL": url, "SECRET_KEY": SECRET, **channels})
    try:
        await asyncio.to_thread(server.start)
        for _ in range(options.kills):
            await asyncio.sleep(draw.uniform(*LIFE_S))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        alerts = await raising
        await all_arrived(those, alerts, options.limit_s)
        await asyncio.sleep(AFTERWARDS_S)
    finally:
        await asyncio.to_thread(server.kill)
        await database.aclose()
    return alerts, time.monotonic() - began_s


def endpoint(url: str) -> WebhookRecord:
    return WebhookRecord(
        "hook", DEFAULT_TENANT, url, ("alert.raised",), WEBHOOK_SECRET, 1, "the test"
    )


async def raise_alerts(database: Database, count: int) -> int:
    """Raise so many, as sessions do: who finds the database busy tries again. How many are stored: a commit
    whose acknowledgement was lost is stored too."""
    stores, clock = sql_store(database), SystemClock()
    raised = 0
    while raised < count:
        session = a_session(verdict_status="FAILED")
        alert = an_alert(session.session_id, severity="critical", created_at_ms=clock.now_ms())
        try:
            await stores.sessions.open(session, [])
            await put_alerts(stores, alert)
        except StorageUnavailable:
            continue
        raised += 1
    found = await stores.alerts.statistics(DEFAULT_TENANT, clock.now_ms())
    return found.by_severity["critical"]


def channel_settings(slack_url: str, mail_port: int) -> dict[str, str]:
    """Of a server that sends alerts to these two."""
    return {
        "LOG_LEVEL": "error",
        "ALERT_SLACK_ENABLED": "true",
        "ALERT_EMAIL_ENABLED": "true",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mail_port),
        "ALERTS__MAIL_SECURITY": "none",
        "ALERTS__EMAIL_TO": json.dumps(["soc@bank.example"]),
        "ALERTS__SLACK_WEBHOOK_URL": f"{slack_url}/services/{TOKENS}",
    }


async def all_arrived(those: Receivers, alerts: int, limit_s: float) -> None:
    """Until every message arrived; or until the time is up, and the rest counts as lost."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if all(len(counts) >= alerts for counts in those.arrived().values()):
            return
        await asyncio.sleep(1.0)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.deliveries")
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--failing", type=float, default=0.2, help="share of refused messages")
    parser.add_argument("--limit-s", type=float, default=900.0)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parsed())))
