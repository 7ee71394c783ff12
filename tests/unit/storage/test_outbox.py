"""Every write of journal entries and alerts leaves its rows in the outbox, over each database."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import kyc_rtc.storage
from kyc_rtc.errors import Conflict
from kyc_rtc.ids import new_session_id
from kyc_rtc.storage import Commit, Database, SessionRecord
from kyc_rtc.storage.tables import outbox
from tests.support.memory_store import a_session, an_alert, an_event
from tests.unit.storage.stores import (
    Store,
    a_commit,
    a_process,
    an_owned_session,
    sql_store,
)
from tests.unit.storage.test_ownership import let_run_out


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.begin() as connection:
        found = await connection.execute(select(outbox).order_by(outbox.c.number))
        return [dict(row) for row in found.mappings()]


async def topics(database: Database) -> list[str]:
    return [row["topic"] for row in await rows(database)]


async def live_session(store: Store, state: str = "connecting", **changes: Any) -> SessionRecord:
    return await an_owned_session(store, await a_process(store), state=state, **changes)


async def test_opening_and_trying_again_tell_of_what_their_entries_say(database: Database) -> None:
    store = sql_store(database)
    first = a_session(last_seq=1)
    await store.sessions.open(first, [an_event(first.session_id)])
    assert await rows(database) == []
    second = a_session(verification_id=first.session_id, attempt=2, last_seq=1)
    entry = an_event(second.session_id, payload={"state": "cancelled", "previous": None})
    await store.sessions.add_attempt(second, [entry])
    (row,) = await rows(database)
    assert row["number"] > 0
    assert {name: row[name] for name in row if name != "number"} == {
        "tenant_id": "default",
        "topic": "verification.cancelled",
        "session_id": second.session_id,
        "verification_id": first.session_id,
        "payload": {"state": "cancelled", "status": None, "needs_review": False, "reasons": []},
        "created_at_ms": entry.at_ms,
    }


async def test_a_commit_tells_of_its_entries_and_then_of_its_alerts(database: Database) -> None:
    store = sql_store(database)
    record = await live_session(store, tenant_id="bank-1")
    alerts = [an_alert(record.session_id, tenant_id="bank-1", severity=s) for s in ("low", "high")]
    await store.sessions.commit(
        a_commit(
            record,
            alerts,
            state="passed",
            verdict_status="PASSED",
            needs_review=True,
            reasons=("no_face",),
        )
    )
    found = await rows(database)
    assert [row["topic"] for row in found] == [
        "verification.started",
        "verification.completed",
        "verification.needs_review",
        "alert.raised",
        "alert.raised",
    ]
    assert {row["tenant_id"] for row in found} == {"bank-1"}
    assert found[1]["payload"] == {
        "state": "passed",
        "status": "PASSED",
        "needs_review": True,
        "reasons": ["no_face"],
    }
    assert [row["payload"] for row in found[3:]] == [
        {"alert_id": one.alert_id, "alert_type": one.type, "severity": one.severity}
        for one in alerts
    ]
    assert record.user_id not in repr(found)


async def test_what_is_not_committed_is_not_told(database: Database) -> None:
    store = sql_store(database)
    record = await live_session(store)
    alert = an_alert(record.session_id)
    first = a_commit(record, [alert])
    await store.sessions.commit(first)
    before = await topics(database)
    await store.sessions.commit(first)  # once more, after a lost acknowledgement
    with pytest.raises(Conflict):
        await store.sessions.commit(a_commit(first.record, [alert], state="passed"))
    stale = replace(first.record, owner_epoch=99)
    with pytest.raises(Conflict):
        await store.sessions.commit(a_commit(stale, state="passed"))
    assert await topics(database) == before


async def test_a_commit_without_entries_tells_nothing(database: Database) -> None:
    store = sql_store(database)
    record = await live_session(store)
    before = await topics(database)
    await store.sessions.commit(Commit(record, record.last_seq, ()))
    assert await topics(database) == before


async def test_sessions_that_the_store_ends_are_told_of(database: Database) -> None:
    store = sql_store(database)
    waiting = a_session()
    await store.sessions.open(waiting, [])
    gone, other = await a_process(store), await a_process(store)
    orphan = await an_owned_session(store, gone, state="live", tenant_id="bank-2")
    own = await an_owned_session(store, other, state="live")
    await store.sessions.expire(waiting.expires_at_ms)
    await let_run_out(store, gone)
    await store.processes.interrupt_orphans(other.process_id, other.epoch)
    await store.processes.interrupt_unknown(other.process_id, other.epoch, ())
    found = [(row["topic"], row["tenant_id"], row["session_id"]) for row in await rows(database)]
    assert found == [
        ("verification.expired", "default", waiting.session_id),
        ("verification.interrupted", "bank-2", orphan.session_id),
        ("verification.interrupted", "default", own.session_id),
    ]


async def test_what_is_deleted_is_told_no_more(database: Database) -> None:
    store = sql_store(database)
    record = await live_session(store)
    assert await topics(database) == ["verification.started"]
    await store.sessions.delete(record.verification_id)
    assert await topics(database) == []


def test_entries_and_alerts_are_inserted_in_one_place() -> None:
    folder = Path(kyc_rtc.storage.__file__).parent
    places = {
        path.name
        for path in folder.glob("*.py")
        if re.search(r"insert\((session_events|alerts|alert_table)\)", path.read_text("utf-8"))
    }
    assert places == {"outbox.py"}


async def test_a_session_of_nobody_is_refused(database: Database) -> None:
    store = sql_store(database)
    record = a_session(session_id=new_session_id(), attempt=2, verification_id="nobody", last_seq=1)
    with pytest.raises(Exception, match="no such verification"):
        await store.sessions.add_attempt(record, [an_event(record.session_id)])
    assert await topics(database) == []
