"""Let hostile clients loose on the real server, and see what they cost it.

    python -m tests.hostile [--only PATTERN] [--hold SECONDS]

starts one server for each attack, takes a session to its end so that everything is loaded, gives a second
one, which the attacks are on, its first picture, and takes the memory then as the resting value. Prints a
Markdown table; exit status 1 where memory rose by more than 300 MB, where `/health` took longer than 1 s,
or where 30 s after the attack memory was still more than 30 MB above the resting value.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from kyc_rtc.keys import api_key_hash, new_api_key
from tests.support import hostile_clients
from tests.support.browser_server import LiveServer
from tests.support.face_picture import Shown, data_url
from tests.support.floods import FLOODS
from tests.support.hostile_clients import Answers, Attack, Target
from tests.support.watched import Watch, rss_mb

MOST_ABOVE_MB = 300.0
LEFT_ABOVE_MB = 30.0
SETTLE_S = 30.0
HEALTH_S = 1.0
_REST_S = 3.0

ATTACKS: dict[str, Attack] = {
    "300 half-sent bodies without a credential": hostile_clients.half_bodies_of_anybody,
    "300 half-sent bodies, one token": hostile_clients.half_bodies_of_an_applicant,
    "300 half-sent bodies, one API key": hostile_clients.half_bodies_of_a_bank,
    "1,100 half-sent headers": hostile_clients.half_sent_headers,
    "60 uploads of the largest picture, one token": hostile_clients.large_pictures,
    "60 uploads of a 20,000 x 20,000 PNG, one token": hostile_clients.bombs,
    "JPEGs of 250,000 Exif segments, one token": hostile_clients.exif_segments,
    "JPEGs of 3 MB of fill bytes, one token": hostile_clients.fill_bytes,
    "JPEGs of 120,000 scans, one token": hostile_clients.scans,
    "60 uploads of JPEGs of 64 scans, one token": hostile_clients.most_scans,
    "WebPs of 65,536 groups of prefix codes, one token": hostile_clients.prefix_codes,
    "offers of 3,400 feedback lines x 60 codecs, one token": hostile_clients.feedback_lines,
    "the same offers without a camera, one token": hostile_clients.feedback_lines_refused,
    "offers of 2,800 sources, one token": hostile_clients.source_lines,
    "50 clients that start sessions, one API key": hostile_clients.flood_of_sessions,
    "300 slow readers": hostile_clients.slow_readers,
    "a VP8 stream of 8192 x 8192": hostile_clients.huge_video,
    **{name: functools.partial(hostile_clients.flood, of=one) for name, one in FLOODS.items()},
}


@dataclass(slots=True)
class Outcome:
    """What one attack cost. Memory in MB above the resting value."""

    name: str
    resting_mb: float
    peak_mb: float = 0.0
    left_mb: float = 0.0
    settled_s: float = 0.0
    worst_health_s: float = 0.0
    answers: Answers = field(default_factory=Answers)
    failures: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Why the exit status is 1."""
        found = [f"/health: {failure}" for failure in self.failures[:3]]
        if self.peak_mb > MOST_ABOVE_MB:
            found.append(f"{self.peak_mb:.0f} MB above the resting value")
        if self.worst_health_s > HEALTH_S:
            found.append(f"/health took {self.worst_health_s:.2f} s")
        if self.left_mb > LEFT_ABOVE_MB:
            found.append(f"{self.left_mb:.0f} MB were not given back in {SETTLE_S:.0f} s")
        return [f"{self.name}: {one}" for one in found]


def attacked(name: str, attack: Attack, server: LiveServer, api_key: str, hold_s: float) -> Outcome:
    """Run one attack against a server that has started."""
    _warm_up(server)
    started = server.start_session("hostile")
    server.upload(started["session_id"], data_url(Shown()))
    time.sleep(_REST_S)  # what the warm-up leaves behind goes
    target = Target(server.port, api_key, started["session_id"], started["client_token"], hold_s)
    outcome = Outcome(name, rss_mb(server.pid))
    with Watch(server.pid, server.port) as watch:
        outcome.answers = asyncio.run(_run(attack, target))
        outcome.settled_s = _settle(server.pid, outcome.resting_mb)
    outcome.peak_mb = watch.peak_mb - outcome.resting_mb
    outcome.left_mb = rss_mb(server.pid) - outcome.resting_mb
    outcome.worst_health_s, outcome.failures = watch.worst_s, watch.failures
    return outcome


async def _run(attack: Attack, target: Target) -> Answers:
    return await attack(target)


def _warm_up(server: LiveServer) -> None:
    """Load what the first picture loads, and end its session."""
    session_id = server.start_session("warm-up")["session_id"]
    server.upload(session_id, data_url(Shown()))
    server.complete(session_id)


def _settle(pid: int, resting_mb: float) -> float:
    """Wait until memory is given back, for `SETTLE_S` at most; how long that took."""
    began_s = time.monotonic()
    while (elapsed_s := time.monotonic() - began_s) < SETTLE_S:
        if rss_mb(pid) <= resting_mb + LEFT_ABOVE_MB:
            break
        time.sleep(0.1)  # polling a process, bounded by SETTLE_S
    return elapsed_s


def run(name: str, hold_s: float) -> Outcome:
    """One attack on a server of its own."""
    api_key = new_api_key()
    settings = {
        "API_KEY_HASHES": f'["{api_key_hash(api_key)}"]',
        "HTTP__RATE_LIMITS": "true",
        "LOG_LEVEL": "warning",
    }
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder), settings, api_key)
        server.start()
        try:
            return attacked(name, ATTACKS[name], server, api_key, hold_s)
        finally:
            server.kill()


HEAD = """\
| attack | resting MB | peak above, MB | worst /health, s | left above, MB | after s | answers |
|---|---|---|---|---|---|---|"""


def row(outcome: Outcome) -> str:
    """One line of the table."""
    answers = ", ".join(f"{answer} ({n})" for answer, n in outcome.answers.most_common())
    figures = (
        f"{outcome.resting_mb:.0f} | {outcome.peak_mb:.0f} | {outcome.worst_health_s:.2f}"
        f" | {outcome.left_mb:.0f} | {outcome.settled_s:.0f}"
    )
    return f"| {outcome.name} | {figures} | {answers} |"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--only", default="", help="attacks in whose name this pattern is found")
    parser.add_argument("--hold", type=float, default=20.0, help="length of each attack in seconds")
    given = parser.parse_args()
    wrong: list[str] = []
    print(HEAD)
    for name in ATTACKS:
        if re.search(given.only, name):
            outcome = run(name, given.hold)
            print(row(outcome), flush=True)
            wrong += outcome.wrong
    for line in wrong:
        print(line)
    print(f"wrong: {len(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
