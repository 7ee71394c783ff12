"""SQLite locked under live sessions; `python -m tests.outage` is the long form."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.outage import PLAN, hold
from tests.support.faked_process import FakedServer
from tests.support.outages import Locked, Scenario
from tests.support.stored import new_store

SHORT = {**PLAN, "LIVENESS__CHALLENGES": "2"}


async def test_a_locked_database_loses_no_verdict_and_strands_nobody(tmp_path: Path) -> None:
    scenario = Scenario("SQLite locked 6 s", "sqlite", Locked, 6.0, late=False)
    with new_store("sqlite", tmp_path) as store:
        server = FakedServer(tmp_path, {"DATABASE_URL": store.url, **SHORT})
        try:
            await asyncio.to_thread(server.start)
            outcome = await hold(scenario, store, server, seed=1)
        finally:
            server.kill()
    assert outcome.wrong == []
    assert outcome.before + outcome.during + outcome.after == sum(outcome.statuses.values())
