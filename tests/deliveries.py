"""Kill the process that delivers, while receivers fail at random, and count what arrived.

    python -m tests.deliveries [--alerts 1000] [--kills 3] [--failing 0.2] [--seed N]

raises critical alerts in a SQLite database, each to Slack (a real HTTP server on loopback) and by e-mail (a
real SMTP server), and kills the process that delivers (SIGKILL) at random moments. Prints how many messages
were to arrive, arrived, were lost, and came more than once; exit status 1 where one was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kyc_rtc.clock import SystemClock
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database
from tests.support.memory_store import a_session, an_alert
from tests.support.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver
from tests.unit.storage.stores import SEALER, put_alerts, sql_store

TOKENS = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
SESSION = re.compile(r"Session: ([0-9a-f-]{36})")
LIFE_S = (2.0, 10.0)
"""How long a process lives before it is killed."""
AFTERWARDS_S = 80.0
"""Longer than a lease: what was sent by a killed process, and not recorded, comes once more by then."""


@dataclass(frozen=True, slots=True)
class Result:
    """What arrived."""

    alerts: int
    expected: int
    arrived: int
    duplicates: int
    refused: int
    kills: int
    took_s: float

    @property
    def lost(self) -> int:
        return self.expected - self.arrived


async def main(options: argparse.Namespace) -> int:
    draw = random.Random(options.seed)  # noqa: S311 - a measurement that can be repeated

    share: float = options.failing

    def fails() -> bool:
        return draw.random() < share

    with tempfile.TemporaryDirectory(prefix="kyc-rtc-deliveries-") as folder:
        url = f"sqlite:///{folder}/deliveries.sqlite3"
        async with (
            http_receiver(lambda: 503 if fails() else 200) as slack,
            mail_receiver(lambda: "451 later" if fails() else "250 OK") as mail,
        ):
            result = await measure(options, url, slack, mail, draw)
    print(
        f"| alerts | messages | arrived | lost | duplicates | refused | kills | s |\n"
        f"|---|---|---|---|---|---|---|---|\n"
        f"| {result.alerts} | {result.expected} | {result.arrived} | {result.lost} | {result.duplicates} "
        f"| {result.refused} | {result.kills} | {result.took_s:.0f} |"
    )
    return 1 if result.lost else 0


async def measure(
    options: argparse.Namespace,
    url: str,
    slack: HttpReceiver,
    mail: MailReceiver,
    draw: random.Random,
) -> Result:
    database = Database(url, SEALER)
    await database.open()
    began_s = time.monotonic()
    raising = asyncio.create_task(raise_alerts(database, options.alerts))
    process = await started(url, slack, mail)
    try:
        for _ in range(options.kills):
            await asyncio.sleep(draw.uniform(*LIFE_S))
            process.kill()
            await process.wait()
            process = await started(url, slack, mail)
        alerts = await raising
        await all_arrived(slack, mail, 2 * alerts, options.limit_s)
        await asyncio.sleep(AFTERWARDS_S)
    finally:
        process.kill()
        await process.wait()
        await database.aclose()
    arrived = messages_of(slack, mail)
    return Result(
        alerts=alerts,
        expected=2 * alerts,
        arrived=len(arrived),
        duplicates=arrived.total() - len(arrived),
        refused=slack.asked - len(slack.accepted) + mail.asked - len(mail.mails),
        kills=options.kills,
        took_s=time.monotonic() - began_s,
    )


async def raise_alerts(database: Database, count: int) -> int:
    """Raise so many, as sessions do: who finds the database busy tries again. How many are stored: a commit
    whose acknowledgement was lost is stored too."""
    stores, clock = sql_store(database), SystemClock()
    raised = 0
    while raised < count:
        session = a_session()
        alert = an_alert(session.session_id, severity="critical", created_at_ms=clock.now_ms())
        try:
            await stores.sessions.open(session, [])
            await put_alerts(stores, alert)
        except StorageUnavailable:
            continue
        raised += 1
    found = await stores.alerts.statistics(DEFAULT_TENANT, clock.now_ms())
    return found.by_severity["critical"]


async def started(url: str, slack: HttpReceiver, mail: MailReceiver) -> Process:
    settings = {
        "DATABASE_URL": url,
        "LOG_LEVEL": "error",
        "ALERT_SLACK_ENABLED": "true",
        "ALERT_EMAIL_ENABLED": "true",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mail.port),
        "ALERTS__MAIL_SECURITY": "none",
        "ALERTS__EMAIL_TO": '["soc@bank.example"]',
        "ALERTS__SLACK_WEBHOOK_URL": f"{slack.url}/services/{TOKENS}",
    }
    environment = {f"KYC_RTC_{name}": value for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.delivery_process",
        env=os.environ | environment,
        cwd=Path(__file__).parent.parent,
    )


def messages_of(slack: HttpReceiver, mail: MailReceiver) -> Counter[tuple[str, str]]:
    """How often each message arrived, by receiver and session, without alerts about a failing channel."""
    texts = [("slack", str(body)) for body in slack.accepted]
    texts += [("mail", str(one.get_content())) for _, one in mail.mails]
    return Counter(
        (receiver, name)
        for receiver, text in texts
        if "Channel:" not in text
        for name in SESSION.findall(text)
    )


async def all_arrived(
    slack: HttpReceiver, mail: MailReceiver, expected: int, limit_s: float
) -> None:
    """Until every message arrived; or until the time is up, and the rest counts as lost."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if len(messages_of(slack, mail)) >= expected:
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
