"""Take the database away under live sessions and see that nobody loses anything.

    python -m tests.outage [--only PATTERN] [--seed N]

holds five clients that answer five challenges each, lets the database go away at a random moment (and,
in a second form, while somebody answers the last challenge), brings it back, and waits until everybody
has a verdict. Meanwhile a bank opens sessions, which must be refused with 503 and `Retry-After`, and asks
for the verdict on a sixth client, until it is answered. Prints a Markdown table; exit status 1 where a
verdict was lost, somebody was stranded, or a refusal was wrong.

*Lost*: received over the upload or over REST and not stored so, or never stored although the client's session
came to its end. *Stranded*: within 10 s of recovery no verdict, no retry, and nothing new was received.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession

from tests.support.consistency import of_all
from tests.support.faked_process import FakedServer
from tests.support.outages import (
    SMALL_PAGE,
    Full,
    Locked,
    Probes,
    Scenario,
    Stopped,
    at_last_challenge,
    moment,
)
from tests.support.rest import Refused, Rest, Unreachable
from tests.support.stored import SqliteStore, Store, Stored, new_store, read
from tests.support.upload_client import Manner, Received, UploadClient
from tests.unit.storage.postgresql import NotInstalled

CLIENTS = 5
RECOVERY_S = 10.0
"""After the end of an outage, how soon everybody has to notice it."""
VERDICT_LIMIT_S = 90.0
"""After the end of an outage, how soon everybody has to have a verdict; a retry takes half of it."""
_STAGGER_S = 3.0

PLAN = {
    "LOG_LEVEL": "warning",
    "LIVENESS__CHALLENGES": "5",
    "DETECTION__MIN_JUDGEABLE_FRAMES": "10",
}
"""A session of some 25 seconds."""

LATE, RANDOM = "at the verdict", "at random"


def scenarios() -> list[Scenario]:
    """Every outage, at a random moment and at the verdict."""
    found = []
    for late in (False, True):
        when = LATE if late else RANDOM
        found += [
            Scenario(f"PostgreSQL stopped 30 s, {when}", "postgresql", Stopped, 30.0, late),
            Scenario(f"PostgreSQL stopped 90 s, {when}", "postgresql", Stopped, 90.0, late),
            Scenario(f"SQLite locked 14 s, {when}", "sqlite", Locked, 14.0, late),
            Scenario(f"SQLite full 14 s, {when}", "sqlite", Full, 14.0, late, SMALL_PAGE),
        ]
    return found


@dataclass(slots=True)
class Outcome:
    """What came of one scenario. Times are of the monotonic clock."""

    name: str
    began_s: float = 0.0
    ended_s: float = 0.0
    probes: Probes = field(default_factory=Probes)
    before: int = 0
    during: int = 0
    after: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    at_last: int = 0
    completing: list[str] = field(default_factory=list)
    interrupted: int = 0
    lost: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Why the exit status is 1."""
        lines = [f"lost: {one}" for one in self.lost]
        return lines + [f"stranded: {one}" for one in self.stranded] + self.probes.wrong


async def hold(scenario: Scenario, store: Store, server: FakedServer, seed: int) -> Outcome:
    """Run one scenario against a server that has started."""
    chance = random.Random(f"{scenario.name} {seed}")  # noqa: S311 - a repeatable moment, no secret
    outcome = Outcome(scenario.name)
    async with ClientSession() as http:
        rest = Rest(http, server.url)
        clients = [UploadClient(rest, f"outage-{number}") for number in range(CLIENTS)]
        silent = UploadClient(rest, "outage-silent", Manner.IGNORES)
        limit_s = 60.0 + scenario.length_s + VERDICT_LIMIT_S
        running = [asyncio.create_task(silent.verify(limit_s))]
        running += [
            asyncio.create_task(_late(client, chance.uniform(0.0, _STAGGER_S), limit_s))
            for client in clients
        ]
        await moment(scenario, clients, chance)
        outcome.at_last = sum(map(at_last_challenge, clients))
        completing = asyncio.create_task(_complete(silent, scenario.length_s, outcome))
        await _outage(scenario, store, server, rest, outcome)
        await asyncio.wait([*running, completing], timeout=VERDICT_LIMIT_S)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await _judge(outcome, [*clients, silent], store)
    return outcome


async def _complete(client: UploadClient, length_s: float, outcome: Outcome) -> None:
    """The bank asks for the verdict during the outage, and again until it is answered."""
    deadline_s = time.monotonic() + length_s + RECOVERY_S
    await asyncio.sleep(1.0)  # the outage has begun
    while time.monotonic() < deadline_s:
        try:
            await client.complete()
        except Refused as error:
            outcome.completing.append(str(error.status))
        except Unreachable:
            outcome.completing.append("no answer")
        else:
            outcome.completing.append("200")
            return
        await asyncio.sleep(1.0)  # what a bank waits, bounded by the deadline
    outcome.lost.append(f"{client.session_id}: complete-verification {outcome.completing}")


async def _late(client: UploadClient, delay_s: float, limit_s: float) -> str:
    await asyncio.sleep(delay_s)  # people do not come at the same moment
    return await client.verify(limit_s)


async def _outage(
    scenario: Scenario, store: Store, server: FakedServer, rest: Rest, outcome: Outcome
) -> None:
    outage = scenario.outage()
    outcome.began_s = time.monotonic()
    await asyncio.to_thread(outage.begin, store, server)
    try:
        probing = outcome.probes.run(rest, outcome.began_s + scenario.length_s - 1.0)
        await asyncio.gather(probing, asyncio.sleep(scenario.length_s))  # the outage's length
    finally:
        await asyncio.to_thread(outage.end, store, server)
    outcome.ended_s = time.monotonic()


async def _judge(outcome: Outcome, clients: list[UploadClient], store: Store) -> None:
    stored = await read(store)
    for client in clients:
        _count(outcome, client)
        outcome.statuses[client.outcome or "no verdict"] += 1
        outcome.retried += len(client.record.retried_at_s)
        if not noticed(outcome, client):
            outcome.stranded.append(f"{client.verification_id}: {account(outcome, client)}")
        if client.outcome is None:
            outcome.stranded.append(f"{client.verification_id}: no verdict to the end")
    outcome.interrupted = sum(one.state == "interrupted" for one in stored.values())
    outcome.lost += of_all(stored, [client.record for client in clients])
    outcome.lost += [line for client in clients for line in _never_stored(client, stored)]


def _count(outcome: Outcome, client: UploadClient) -> None:
    verdicts_s = [one.at_s for one in client.record.verdicts()]
    if verdicts_s:
        first_s = min(verdicts_s)
        outcome.before += first_s < outcome.began_s
        outcome.during += outcome.began_s <= first_s < outcome.ended_s
        outcome.after += first_s >= outcome.ended_s


def _never_stored(client: UploadClient, stored: dict[str, Stored]) -> list[str]:
    """A client that heard a verdict of its last attempt, and the store has none."""
    last = stored.get(client.session_id)
    heard = [one for one in client.record.verdicts() if one.session_id == client.session_id]
    if heard and (last is None or last.verdict is None):
        return [f"{client.session_id}: received a verdict, and none is stored"]
    return []


def noticed(outcome: Outcome, client: UploadClient) -> bool:
    """Whether the recovery reached this client in time, or it had its verdict before."""
    record = client.record
    if any(one.at_s < outcome.ended_s for one in record.verdicts()):
        return True
    signs = [one.at_s for one in record.verdicts()] + record.retried_at_s
    signs += [one.at_s for one in record.received if _is_news(one)]
    return any(outcome.ended_s <= at_s <= outcome.ended_s + RECOVERY_S for at_s in signs)


def _is_news(received: Received) -> bool:
    """Progress and quality are sent all the time; these only when something was stored."""
    return "event" in received.message


def account(outcome: Outcome, client: UploadClient) -> str:
    """What happened to a client, relative to the recovery, for a row that went wrong."""
    received = [f"{one.at_s - outcome.ended_s:+.1f} {one.kind}" for one in client.record.received]
    trouble = [
        f"{one.at_s - outcome.ended_s:+.1f} {one.call} {one.status}"
        for one in client.record.trouble
    ]
    return f"received {received[-6:]}, trouble {trouble[-6:]}"


async def run(scenario: Scenario, seed: int) -> Outcome:
    """One scenario on a database and a server of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(new_store(scenario.database, folder))
        if isinstance(store, SqliteStore) and scenario.page_bytes is not None:
            store.create(scenario.page_bytes)
        server = FakedServer(folder, {"DATABASE_URL": store.url, **PLAN})
        try:
            await asyncio.to_thread(server.start)
            return await hold(scenario, store, server, seed)
        finally:
            server.kill()


HEAD = """\
| database | at the last challenge | verdicts before | during | after | lost | stranded | interrupted \
| retried | start-session: 503 | 201 | degraded | complete-verification | outcomes |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def row(outcome: Outcome) -> str:
    """One line of the table."""
    probes = outcome.probes
    cells = [
        outcome.name,
        outcome.at_last,
        outcome.before,
        outcome.during,
        outcome.after,
        len(outcome.lost),
        len(outcome.stranded),
        outcome.interrupted,
        outcome.retried,
        probes.refused,
        probes.admitted,
        probes.degraded,
        ", ".join(f"{answer} ({n})" for answer, n in Counter(outcome.completing).items()),
        ", ".join(f"{status} ({count})" for status, count in outcome.statuses.most_common()),
    ]
    return f"| {' | '.join(map(str, cells))} |"


async def run_all(pattern: str, seed: int) -> list[str]:
    """Print each row as soon as it is known; what was wrong."""
    wrong: list[str] = []
    print(HEAD)
    for scenario in scenarios():
        if re.search(pattern, scenario.name):
            outcome = await run(scenario, seed)
            print(row(outcome), flush=True)
            wrong += [f"{outcome.name}: {line}" for line in outcome.wrong]
    return wrong


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.outage", description=__doc__)
    parser.add_argument("--only", default="", help="scenarios in whose name this pattern is found")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    given = parser.parse_args()
    try:
        wrong = asyncio.run(run_all(given.only, given.seed))
    except NotInstalled as error:
        raise SystemExit(str(error)) from None
    for line in wrong[:40]:
        print(line)
    print(f"wrong: {len(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
