"""A process that is killed loses nothing that it had committed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from kyc_rtc.ids import SessionId
from kyc_rtc.storage import Database, SqlAlertRepository, SqlSessionRepository

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("committed", [1, 7, 40])
async def test_committed_verdicts_survive_sigkill(sqlite_url: str, committed: int) -> None:
    ids = [SessionId(line) for line in _write_and_kill(sqlite_url, committed)]
    assert len(ids) >= committed
    database = Database(sqlite_url)
    await database.open()
    try:
        sessions = SqlSessionRepository(database, {"passed", "expired"})
        for session_id in ids:
            record = await sessions.get(session_id)
            assert (record.state, record.verdict_status) == ("passed", "PASSED")
            assert (record.liveness_score, record.reasons) == (0.9, ("challenges_passed",))
        alerted = {alert.session_id for alert in await SqlAlertRepository(database).active()}
        assert alerted >= set(ids)
        await sessions.interrupt_live({"live"}, 9_000)
        assert set(await sessions.count_by_state()) <= {"passed", "interrupted"}
        async with database.begin() as connection:
            assert await connection.scalar(text("PRAGMA integrity_check")) == "ok"
    finally:
        await database.aclose()


def _write_and_kill(url: str, committed: int) -> list[str]:
    command = [sys.executable, "-m", "tests.unit.storage.crash_writer", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(committed)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]
