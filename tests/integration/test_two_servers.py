"""Two servers on one SQLite file, the short form of `python -m tests.two_servers`."""

from __future__ import annotations

from pathlib import Path

from tests.support.stored import new_store
from tests.two_servers import Length, run

BRIEF = Length(restarts=1, long_lives=1)
PARTS = "restarts|crash|commands|repeats"


async def test_two_servers_leave_each_others_sessions_alone(tmp_path: Path) -> None:
    with new_store("sqlite", tmp_path) as store:
        found = await run(store, tmp_path, BRIEF, PARTS)
    assert [f"{finding.name}: {line}" for finding in found for line in finding.wrong] == []
