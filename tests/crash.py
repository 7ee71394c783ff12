"""Kill the server at random moments and look at what is left.

    python -m tests.crash --kills 200 [--database sqlite|postgresql|both] [--seed N]

starts the server with a faked analysis, lets a few clients run short sessions as fast as they can, kills
it (SIGKILL) at a random moment, and looks into the database: verdict and alerts both or neither, a
journal without holes, everything that a client received in it. After the restart the journals are read
over REST; every so often the server is left alone until no session of an earlier life is in a live state.
Prints a table; exit status 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from aiohttp import ClientSession

from tests.support.consistency import of_all, of_record, of_session, readable
from tests.support.faked_process import FakedServer
from tests.support.nursery import Nursery
from tests.support.rest import Refused, Rest, Unreachable
from tests.support.stored import Store, Stored, new_store, read
from tests.support.upload_client import Manner, Record, UploadClient
from tests.unit.storage.postgresql import NotInstalled

CLIENTS = 4
SETTLE_EVERY = 20
"""Kills between two times that the server is left alone; one life is then longer than a lease."""
SETTLE_LIMIT_S = 15.0
_LIVE = frozenset({"connecting", "checking_quality", "challenging", "deciding"})
_CROWD_LIMIT_S = 30.0
_COMPLETING_LIMIT_S = 10.0
_READ_AT_ONCE = 12
"""Journals that are read over REST after a kill, of those that changed last."""

QUICK = {
    "LOG_LEVEL": "warning",
    "LIVENESS__CHALLENGES": "1",
    "LIVENESS__NEUTRAL_MS": "300",
    "LIVENESS__MIN_NODS": "1",
    "LIVENESS__MAX_NODS": "1",
    "LIVENESS__MIN_BLINKS": "1",
    "LIVENESS__MAX_BLINKS": "1",
    "LIVENESS__MIN_HOLD_MS": "250",
    "LIVENESS__MAX_HOLD_MS": "250",
    "DETECTION__MIN_JUDGEABLE_FRAMES": "3",
}
"""One challenge, done once: a session that answers takes some four seconds."""


@dataclass(slots=True)
class Counts:
    """What was done and seen on one database."""

    database: str
    kills: int = 0
    sessions: int = 0
    verdicts: int = 0
    alerts: int = 0
    entries: int = 0
    received: int = 0
    read: int = 0
    interrupted: int = 0
    slowest_settling_s: float = 0.0
    starts_s: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Crowd:
    """Clients that run one short session after another until nobody answers any more."""

    def __init__(self, rest: Rest, chance: random.Random) -> None:
        self.records: list[Record] = []
        self.refusals: list[str] = []
        self.completing = asyncio.Event()
        self._rest = rest
        self._chance = chance

    async def run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    async def _client(self, number: int) -> None:
        plots = (self._completed, self._attacked, self._retried, self._answered)
        while True:
            manner = Manner.OBEYS
            # The last client always answers; the others do what comes.
            plot = plots[-1] if number == CLIENTS - 1 else self._chance.choice(plots)
            if plot == self._attacked:
                manner = Manner.ATTACKS
            client = UploadClient(self._rest, f"crash-{number}", manner)
            self.records.append(client.record)
            try:
                await plot(client)
            except Unreachable:
                return
            except Refused as error:
                self.refusals.append(str(error))
                return

    async def _completed(self, client: UploadClient) -> None:
        await client.start()
        await self._pictures(client)
        await self._complete(client)

    async def _attacked(self, client: UploadClient) -> None:
        await self._completed(client)

    async def _retried(self, client: UploadClient) -> None:
        await self._completed(client)
        await client.retry()
        await self._pictures(client)
        await self._complete(client)

    async def _answered(self, client: UploadClient) -> None:
        await client.start()
        while client.outcome is None:
            await client.pace()
            await client.upload()

    async def _pictures(self, client: UploadClient) -> None:
        for _ in range(self._chance.randint(1, 4)):
            await client.upload()

    async def _complete(self, client: UploadClient) -> None:
        self.completing.set()
        await client.complete()


class CrashTest:
    """One database, one server, many lives."""

    def __init__(self, store: Store, server: FakedServer, http: ClientSession, seed: int) -> None:
        self.counts = Counts(store.name)
        self._store = store
        self._server = server
        self._rest = Rest(http, server.url)
        self._chance = random.Random(seed)  # noqa: S311 - repeatable moments, no secret
        self._records: list[Record] = []

    async def run(self, kills: int) -> Counts:
        self._start()
        for number in range(1, kills + 1):
            await self._live_and_die()
            stored = await self._look()
            self._start()
            await self._read_back(stored)
            if number % SETTLE_EVERY == 0 or number == kills:
                await self._settle()
        self._server.kill()
        await self._total()
        return self.counts

    def _start(self) -> None:
        self._server.start()
        self.counts.starts_s.append(self._server.start_s)

    async def _live_and_die(self) -> None:
        crowd = Crowd(self._rest, self._chance)
        running = asyncio.create_task(crowd.run())
        # One life in four is long enough for a challenge to be answered.
        longest_s = 6.0 if self._chance.random() < 0.25 else 2.0
        await asyncio.sleep(self._chance.uniform(0.1, longest_s))  # the moment of the crash
        if self._chance.random() < 0.5:
            # Every other one falls into the making of a verdict, which takes some milliseconds.
            crowd.completing.clear()
            with contextlib.suppress(TimeoutError):  # all were refused, and that is reported
                async with asyncio.timeout(_COMPLETING_LIMIT_S):
                    await crowd.completing.wait()
            await asyncio.sleep(self._chance.uniform(0.0, 0.02))
        self._server.kill()
        async with asyncio.timeout(_CROWD_LIMIT_S):
            await running
        self._records = crowd.records
        self.counts.kills += 1
        self.counts.received += sum(len(record.received) for record in crowd.records)
        self.counts.violations += crowd.refusals

    async def _look(self) -> dict[str, Stored]:
        """What the crash left behind of the sessions of this life."""
        await self._store.quiet()
        mine = {key for record in self._records for key in record.started}
        stored = await read(self._store, mine)
        self.counts.violations += of_all(stored, self._records)
        return stored

    async def _read_back(self, stored: dict[str, Stored]) -> None:
        """What is stored is read over REST: journals, and verdicts."""
        latest = sorted(stored.values(), key=lambda one: int(one.row["updated_at_ms"]))
        for one in latest[-_READ_AT_ONCE:]:
            try:
                journal = await self._rest.journal(one.session_id)
                self.counts.violations += readable(one, journal)
                self.counts.violations += await self._status_of(one)
                self.counts.read += 1
            except (Refused, Unreachable) as error:
                self.counts.violations.append(f"{one.session_id}: not read: {error}")

    async def _status_of(self, one: Stored) -> list[str]:
        attempts = (await self._rest.status(one.session_id)).get("attempts", [])
        for attempt in attempts:
            if attempt["session_id"] == one.session_id and one.verdict is not None:
                if attempt["status"] == one.verdict:
                    return []
                return [f"{one.session_id}: REST {attempt['status']}, stored {one.verdict}"]
        return [] if one.verdict is None else [f"{one.session_id}: not among its attempts"]

    async def _settle(self) -> None:
        """No session of an earlier life stays live for longer than 15 s."""
        began_s = time.monotonic()
        while left := [row for row in await self._store.rows("sessions") if row["state"] in _LIVE]:
            if time.monotonic() > began_s + SETTLE_LIMIT_S:
                self.counts.violations += [f"{row['session_id']}: {row['state']}" for row in left]
                break
            await asyncio.sleep(0.1)  # polling the sweep, bounded by SETTLE_LIMIT_S
        took_s = time.monotonic() - began_s
        self.counts.slowest_settling_s = max(self.counts.slowest_settling_s, took_s)

    async def _total(self) -> None:
        """Once more over everything: what earlier lives left, and what was made of it since."""
        await self._store.quiet()
        stored = await read(self._store)
        counts = self.counts
        counts.violations += [line for one in stored.values() for line in of_session(one)]
        counts.violations += [
            line for record in self._records for line in of_record(record, stored)
        ]
        counts.sessions = len(stored)
        counts.verdicts = sum(one.verdict is not None for one in stored.values())
        counts.alerts = sum(len(one.alerts) for one in stored.values())
        counts.entries = sum(len(one.journal) for one in stored.values())
        counts.interrupted = sum(one.state == "interrupted" for one in stored.values())
        counts.violations = list(dict.fromkeys(counts.violations))


async def crash(store: Store, folder: Path, nursery: Nursery, kills: int, seed: int) -> Counts:
    """`kills` lives of a server on this database."""
    server = FakedServer(folder, {"DATABASE_URL": store.url, **QUICK}, nursery)
    try:
        async with ClientSession() as http:
            return await CrashTest(store, server, http, seed).run(kills)
    finally:
        server.kill()


async def run_all(databases: Sequence[str], kills: int, seed: int) -> list[Counts]:
    """The databases one after the other."""
    found = []
    with ExitStack() as stack:
        nursery = stack.enter_context(Nursery())
        for name in databases:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            store = stack.enter_context(new_store(name, folder))
            found.append(await crash(store, folder, nursery, kills, seed))
    return found


HEAD = """\
| database | kills | start, ms | sessions | verdicts | alerts | journal entries | messages received \
| journals read back | interrupted | settled within, s | violations |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def row(counts: Counts) -> str:
    """One line of the table."""
    cells = [
        counts.database,
        counts.kills,
        round(1000 * median(counts.starts_s)),
        counts.sessions,
        counts.verdicts,
        counts.alerts,
        counts.entries,
        counts.received,
        counts.read,
        counts.interrupted,
        f"{counts.slowest_settling_s:.1f}",
        len(counts.violations),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="on each database")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the moments and the clients' choices"
    )
    given = parser.parse_args()
    both = ("sqlite", "postgresql")
    databases = both if given.database == "both" else (given.database,)
    try:
        found = asyncio.run(run_all(databases, given.kills, given.seed))
    except NotInstalled as error:
        raise SystemExit(str(error)) from None
    print(HEAD)
    for counts in found:
        print(row(counts))
    wrong = [f"{counts.database}: {line}" for counts in found for line in counts.violations]
    for line in wrong[:40]:
        print(line)
    print(f"violations: {len(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
