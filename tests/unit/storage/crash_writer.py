"""Writes sessions for ever and prints each id once its verdict is committed; made to be killed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from kyc_rtc.storage import Database, SqlAlertRepository, SqlSessionRepository
from tests.support.memory_store import a_session, an_alert


async def write(url: str) -> None:
    database = Database(url)
    await database.open()
    sessions = SqlSessionRepository(database, {"passed", "expired"})
    alerts = SqlAlertRepository(database)
    while True:
        record = a_session(state="live", user_id="x" * 256)
        await sessions.add(record)
        await alerts.add(an_alert(record.session_id))
        verdict = replace(
            record,
            state="passed",
            liveness_score=0.9,
            verdict_status="PASSED",
            reasons=("challenges_passed",),
        )
        await sessions.update(verdict)
        sys.stdout.write(f"{record.session_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
