"""Two servers on one database: restarts, crashes, a process that stood still, and the wrong address.

    python -m tests.two_servers [--database sqlite|postgresql] [--only PATTERN] [--short]

runs the real server twice, with a faked analysis, and prints a Markdown table; exit status 1 where one of
them disturbed a session of the other, or took back what it had lost.
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
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession

from tests.support.consistency import of_all
from tests.support.pair import Pair, refusal, until
from tests.support.rest import KYC, Refused, Unreachable
from tests.support.stored import Store, Stored, new_store
from tests.support.upload_client import Manner, UploadClient
from tests.unit.storage.postgresql import NotInstalled

SWEPT_LIMIT_S = 15.0
"""A dead process's sessions read `interrupted` within this."""
COMMAND_LIMIT_S = 2.0
"""A command for a session of the other process: taken within a second, and answered."""
DRAIN_S = 15.0
"""Enough for somebody who answers, and not for somebody who does not."""
DRAIN_SLACK_S = 5.0
VERDICT_LIMIT_S = 90.0
_LIVE = 3
_REPEATS = 20
_LEASE_S = 8.0

PLAN = {
    "LOG_LEVEL": "warning",
    "LIVENESS__CHALLENGES": "3",
    "DETECTION__MIN_JUDGEABLE_FRAMES": "10",
    "LIMITS__DRAIN_S": str(int(DRAIN_S)),
}


@dataclass(frozen=True, slots=True)
class Length:
    """How much of it: `restarts` of B, the first few of which outlive a lease; seconds of standing still."""

    restarts: int = 10
    long_lives: int = 3
    paused_s: float = 30.0


SHORT = Length(restarts=2, long_lives=1, paused_s=16.0)


@dataclass(slots=True)
class Finding:
    """A row of the table. `wrong` is empty where all is well."""

    name: str
    seen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, *wanted: object) -> None:
        """Note what was found, and that it is wrong where it is none of what was wanted."""
        self.seen.append(f"{what}: {found}")
        if found not in wanted:
            self.wrong.append(f"{what}: {found}, not {' or '.join(map(str, wanted))}")

    def within(self, what: str, took_s: float | None, limit_s: float) -> None:
        """Note how long something took, and that it is wrong where it took longer."""
        took = "never" if took_s is None else f"{took_s:.1f} s"
        self.seen.append(f"{what}: {took}")
        if took_s is None or took_s > limit_s:
            self.wrong.append(f"{what}: {took}, allowed {limit_s:.0f} s")


async def restarts(pair: Pair, length: Length) -> Finding:
    """B is restarted under A's live sessions, which never notice."""
    finding = Finding(f"B restarted {length.restarts} times under A's sessions")
    chance = random.Random(length.restarts)  # noqa: S311 - repeatable moments, no secret
    statuses: Counter[int | None] = Counter()
    for number in range(length.restarts):
        pair.a.admit(2, VERDICT_LIMIT_S)
        # A sweep comes a lease after the start: some lives have to be longer than that.
        life_s = _LEASE_S + 3.0 if number < length.long_lives else chance.uniform(0.5, 3.0)
        await asyncio.sleep(life_s)
        statuses[await pair.b.stop(DRAIN_S + DRAIN_SLACK_S)] += 1
        await pair.b.start()
    outcomes = Counter(await pair.a.finished(VERDICT_LIMIT_S))
    stored = await pair.stored(pair.a.session_ids())
    finding.seen.append(f"exit statuses: {dict(statuses)}")
    finding.expect("A's sessions that passed", outcomes["PASSED"], len(pair.a.clients))
    finding.expect("A's interrupted", _interrupted(stored), 0)
    finding.wrong += of_all(stored, [client.record for client in pair.a.clients])
    return finding


async def crash(pair: Pair, _length: Length) -> Finding:
    """B is killed: its sessions are found, A's are left alone."""
    finding = Finding("B killed")
    await _admit_both(pair)
    lost = pair.b.session_ids()
    pair.b.server.kill()
    swept = await until(lambda: _all_in(pair, lost, "interrupted"), SWEPT_LIMIT_S + 5.0)
    finding.within("B's sessions interrupted", swept, SWEPT_LIMIT_S)
    seen = Counter([(await pair.a.rest.status(key))["state"] for key in lost])
    finding.expect("as A tells it", dict(seen), {"interrupted": len(lost)})
    await pair.b.dismiss()
    await _undisturbed(pair, finding)
    await pair.b.start()
    return finding


async def standstill(pair: Pair, length: Length) -> Finding:
    """B stands still for longer than its lease, and may not write to what it lost."""
    finding = Finding(f"B stood still for {length.paused_s:.0f} s")
    await _admit_both(pair)
    lost = pair.b.session_ids()
    began_s = time.monotonic()
    pair.b.server.pause()
    swept = await until(lambda: _all_in(pair, lost, "interrupted"), SWEPT_LIMIT_S + 5.0)
    finding.within("B's sessions interrupted", swept, SWEPT_LIMIT_S)
    await asyncio.sleep(max(0.0, began_s + length.paused_s - time.monotonic()))  # stands still
    before = await pair.stored(lost)
    # They lie in B's socket and are read as soon as it goes on, before it may know what it lost.
    asked = [asyncio.create_task(refusal(pair.b.rest.complete(key))) for key in lost]
    await asyncio.sleep(1.0)  # the requests have to be sent
    pair.b.server.resume()
    again = await until(lambda: _takes_sessions(pair), 15.0)
    finding.within("B takes new sessions", again, 10.0)
    await asyncio.sleep(3.0)  # what B still had in hand, it would have tried by now
    finding.seen.append(f"complete-verification in its socket: {await asyncio.gather(*asked)}")
    after = await pair.stored(lost)
    changed = [key for key in lost if _outcome(before[key]) != _outcome(after[key])]
    finding.expect("sessions that B wrote to after it", len(changed), 0)
    await pair.b.dismiss()
    await _undisturbed(pair, finding)
    pair.b.admit(1, VERDICT_LIMIT_S)
    finding.expect("a new session of B", await pair.b.finished(VERDICT_LIMIT_S), ["PASSED"])
    await pair.b.dismiss()
    return finding


async def commands(pair: Pair, _length: Length) -> Finding:
    """What is asked of B about A's sessions."""
    finding = Finding("B asked about A's sessions")
    pair.a.admit(3, VERDICT_LIMIT_S, Manner.IGNORES)
    await pair.a.joined()
    completed, asked, cancelled = pair.a.clients
    at_a = (await pair.a.rest.status(completed.session_id))["session_id"]
    at_b = (await pair.b.rest.status(completed.session_id))["session_id"]
    finding.expect("a status read at B", at_b, at_a)
    finding.expect("an upload to B", await _upload_to_b(pair, completed), 421)
    await _ask_for_more(pair, asked, finding)
    began_s = time.monotonic()
    answer = await pair.b.rest.complete(completed.session_id)
    finding.within("complete-verification", time.monotonic() - began_s, COMMAND_LIMIT_S)
    stored = (await pair.stored([completed.session_id]))[completed.session_id]
    finding.expect("its verdict, stored", stored.verdict, answer["status"])
    await _cancel(pair, cancelled, finding)
    await pair.a.dismiss()
    return finding


async def repeats(pair: Pair, _length: Length) -> Finding:
    """A creating call is repeated at both servers at once, under one idempotency key."""
    finding = Finding(f"{_REPEATS} start-session with one key, at both")
    sides = [pair.a.rest, pair.b.rest] * (_REPEATS // 2)
    answers = await asyncio.gather(*(side.start("repeated", key="one-key") for side in sides))
    finding.expect("different answers", len({json.dumps(answer) for answer in answers}), 1)
    listed = await pair.b.rest.get(f"{KYC}/sessions?user_id=repeated")
    finding.expect("verifications", listed["count"], 1)
    other = refusal(pair.b.rest.start("another", key="one-key"))
    finding.expect("with another body", await other, 422)
    return finding


async def _ask_for_more(pair: Pair, client: UploadClient, finding: Finding) -> None:
    began_s = time.monotonic()
    body = {"session_id": client.session_id, "challenge_type": "nod"}
    await pair.b.rest.post(f"{KYC}/send-challenge", body)
    finding.within("send-challenge", time.monotonic() - began_s, COMMAND_LIMIT_S)
    planned = int(PLAN["LIVENESS__CHALLENGES"])

    def one_more() -> bool:
        asked = client.record.of_type("challenge")
        return bool(asked) and asked[-1].message["total"] == planned + 1

    # The next prompt counts it: one attempt of an ignored challenge later, at the latest.
    finding.within("counted in a prompt", await until(one_more, 20.0), 20.0)


async def _cancel(pair: Pair, client: UploadClient, finding: Finding) -> None:
    began_s = time.monotonic()
    await pair.b.rest.post(f"{KYC}/sessions/{client.session_id}/cancel")
    finding.within("cancel", time.monotonic() - began_s, COMMAND_LIMIT_S)
    finding.expect("its state", await pair.states([client.session_id]), ["cancelled"])


async def drain(pair: Pair, _length: Length) -> Finding:
    """SIGTERM with a live session and half a request open."""
    finding = Finding("SIGTERM with half a request open")
    pair.b.admit(1, VERDICT_LIMIT_S)
    pair.b.admit(1, VERDICT_LIMIT_S, Manner.IGNORES)
    await pair.b.joined()
    answering, silent = pair.b.session_ids()
    _, writer = await asyncio.open_connection("127.0.0.1", pair.b.server.port)
    head = f"POST {KYC}/start-session HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
    writer.write(f'{head}Content-Length: 1000\r\n\r\n{{"user_id": "half'.encode())
    await writer.drain()
    began_s = time.monotonic()
    ending = asyncio.create_task(pair.b.stop(DRAIN_S + 3 * DRAIN_SLACK_S))
    await asyncio.sleep(0.5)  # the signal has to arrive before the question
    finding.expect("start-session meanwhile", await refusal(pair.b.rest.start("late")), 503)
    status = await ending
    finding.within("exit", time.monotonic() - began_s, DRAIN_S + DRAIN_SLACK_S)
    finding.expect("exit status", status, 0)
    finding.expect("who answers", await pair.states([answering]), ["passed"])
    finding.expect("who does not", await pair.states([silent]), ["interrupted"])
    writer.close()
    await pair.b.dismiss()
    await pair.b.start()
    return finding


async def _admit_both(pair: Pair) -> None:
    pair.b.admit(_LIVE, VERDICT_LIMIT_S, Manner.IGNORES)
    pair.a.admit(_LIVE, VERDICT_LIMIT_S)
    await asyncio.gather(pair.a.joined(), pair.b.joined())


async def _undisturbed(pair: Pair, finding: Finding) -> None:
    outcomes = Counter(await pair.a.finished(VERDICT_LIMIT_S))
    finding.expect("A's sessions", dict(outcomes), {"PASSED": len(pair.a.clients)})
    await pair.a.dismiss()


async def _all_in(pair: Pair, session_ids: list[str], state: str) -> bool:
    return set(await pair.states(session_ids)) == {state}


async def _takes_sessions(pair: Pair) -> bool:
    return await refusal(pair.b.rest.start("after it")) == 200


async def _upload_to_b(pair: Pair, client: UploadClient) -> int:
    astray = client.sibling(pair.b.rest)
    return await refusal(astray.upload())


def _outcome(one: Stored) -> tuple[object, ...]:
    return one.journal, one.alerts, one.state, one.verdict


def _interrupted(stored: dict[str, Stored]) -> int:
    return sum(one.state == "interrupted" for one in stored.values())


Part = Callable[[Pair, Length], Awaitable[Finding]]
PARTS: dict[str, Part] = {
    "restarts": restarts,
    "crash": crash,
    "standstill": standstill,
    "commands": commands,
    "repeats": repeats,
    "drain": drain,
}


async def run(store: Store, folder: Path, length: Length, pattern: str = "") -> list[Finding]:
    """The parts whose names match, one after the other on the same two servers."""
    found = []
    async with ClientSession() as http:
        pair = Pair(store, folder, PLAN, http)
        try:
            await pair.start()
            for name, part in PARTS.items():
                if re.search(pattern, name):
                    found.append(await _tried(name, part, pair, length))
                    await pair.ready()
        finally:
            await pair.a.dismiss()
            await pair.b.dismiss()
            pair.kill()
    return found


async def _tried(name: str, part: Part, pair: Pair, length: Length) -> Finding:
    """The part; a refusal that it did not expect is its finding."""
    try:
        return await part(pair, length)
    except (Refused, Unreachable) as error:
        return Finding(name, wrong=[f"{type(error).__name__}: {error}"])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.two_servers", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--only", default="", help=f"parts of {', '.join(PARTS)} that match this")
    parser.add_argument("--short", action="store_true", help="two restarts, 16 s of standing still")
    given = parser.parse_args()
    length = SHORT if given.short else Length()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            store = stack.enter_context(new_store(given.database, folder))
            found = asyncio.run(run(store, folder, length, given.only))
    except NotInstalled as error:
        raise SystemExit(str(error)) from None
    print("| part | seen | violations |\n|---|---|---|")
    for finding in found:
        print(f"| {finding.name} | {'; '.join(finding.seen)} | {len(finding.wrong)} |")
    wrong = [f"{finding.name}: {line}" for finding in found for line in finding.wrong]
    for line in wrong[:40]:
        print(line)
    print(f"violations: {len(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
