"""Writes sessions for ever and prints each id once its verdict is committed; made to be killed."""

from __future__ import annotations

import asyncio
import sys

from kyc_rtc.storage import Database
from tests.support.memory_store import an_alert
from tests.unit.storage.stores import SEALER, a_commit, a_process, an_owned_session, sql_store


async def write(url: str) -> None:
    database = Database(url, SEALER)
    await database.open()
    store = sql_store(database)
    owner = await a_process(store)
    while True:
        record = await an_owned_session(store, owner, state="live", user_id="x" * 256)
        verdict = a_commit(
            record,
            [an_alert(record.session_id)],
            state="passed",
            liveness_score=0.9,
            verdict_status="PASSED",
            reasons=("challenges_passed",),
        )
        await store.sessions.commit(verdict)
        sys.stdout.write(f"{record.session_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
