"""A process that is killed loses nothing that it had committed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database
from kyc_rtc.storage.alerts import AlertQuery
from tests.unit.storage.stores import Store, a_process, sql_store

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("committed", [1, 7, 40])
async def test_committed_verdicts_survive_sigkill(sqlite_url: str, committed: int) -> None:
    ids = [SessionId(line) for line in _write_and_kill(sqlite_url, committed)]
    assert len(ids) >= committed
    database = Database(sqlite_url)
    await database.open()
    try:
        store = sql_store(database)
        for session_id in ids:
            record = await store.sessions.get(session_id)
            assert (record.state, record.verdict_status) == ("passed", "PASSED")
            assert (record.liveness_score, record.reasons) == (0.9, ("challenges_passed",))
            last = await store.sessions.events(session_id, record.last_seq - 1)
            assert [event.payload["state"] for event in last] == ["passed"]
        alerted = {
            alert.session_id for alert in await store.alerts.active(AlertQuery(DEFAULT_TENANT))
        }
        assert alerted >= set(ids)
        await _interrupt_all(database, store)
        assert set(await store.sessions.count_by_state()) <= {"passed", "interrupted", "created"}
        async with database.begin() as connection:
            assert await connection.scalar(text("PRAGMA integrity_check")) == "ok"
    finally:
        await database.aclose()


async def _interrupt_all(database: Database, store: Store) -> None:
    """What another process does once the lease of the one that was killed has run out."""
    async with database.begin(write=True) as connection:
        await connection.execute(text("UPDATE processes SET lease_until_ms = 0"))
    owner = await a_process(store)
    await store.processes.interrupt_orphans(owner.process_id, owner.epoch)


def _write_and_kill(url: str, committed: int) -> list[str]:
    command = [sys.executable, "-m", "tests.unit.storage.crash_writer", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(committed)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]
