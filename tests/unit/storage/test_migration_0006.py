"""Sessions of the program before verifications: they come over with their people, and back again."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from kyc_rtc.errors import SettingsError
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import (
    Database,
    FootageRecord,
    LabelRecord,
    SessionRecord,
    SqlLabelRepository,
    schema,
)
from kyc_rtc.storage import database as database_module
from kyc_rtc.storage.seal import user_context
from tests.support.memory_store import an_event
from tests.unit.storage.stores import (
    SEALER,
    a_process,
    opened,
    sql_store,
    step_back,
    step_forward,
)

APPLICANT = "Ada-Applicant-4711"

OLD_SESSION: dict[str, Any] = {
    "user_id": APPLICANT,
    "state": "failed",
    "created_at_ms": 1_000,
    "updated_at_ms": 2_000,
    "expires_at_ms": 61_000,
    "parent_id": None,
    "attempt": 1,
    "frames_processed": 7,
    "face_detected": True,
    "liveness_score": 0.25,
    "deepfake_score": None,
    "verdict_status": "FAILED",
    "reasons": '["texture"]',
    "evidence": '[{"analyser":"texture"}]',
    "challenges": None,
    "reason_weights": "[0.5]",
}
CHILDREN = (
    (
        "INSERT INTO alerts "
        "(alert_id, session_id, type, severity, message_key, details, created_at_ms) "
        "VALUES ('alert-1', 'first', 'replay', 'high', 'key', '{}', 5)"
    ),
    (
        "INSERT INTO labels (session_id, label, source, labelled_by, labelled_at_ms) "
        "VALUES ('first', 'attack', 'agent', 'agent-7', 5)"
    ),
    "INSERT INTO footage (session_id, created_at_ms, record) VALUES ('first', 5, {record})",
    "INSERT INTO measures (session_id, by_name) VALUES ('first', '{{\"jitter_nose\":1.5}}')",
)


async def to_old_schema(database: Database) -> None:
    """An empty database as the program before left it."""
    await step_back(database, "base")
    assert database._engine is not None
    await schema._run(database._engine, None, lambda config: command.upgrade(config, "0005"))


async def add_old(database: Database, session_id: str, **changes: Any) -> None:
    row = OLD_SESSION | {"session_id": session_id} | changes
    sqlite = database._url.get_backend_name() == "sqlite"
    documents = ("reasons", "evidence", "challenges", "reason_weights")
    places = [f"CAST(:{name} AS JSON)" if name in documents else f":{name}" for name in row]
    values = ", ".join(f":{name}" for name in row) if sqlite else ", ".join(places)
    statement = f"INSERT INTO sessions ({', '.join(row)}) VALUES ({values})"  # noqa: S608 - our own words
    async with database.begin(write=True) as connection:
        await connection.execute(text(statement), row)


async def add_old_children(database: Database) -> None:
    record = "x'00ff'" if database._url.get_backend_name() == "sqlite" else "'\\x00ff'::bytea"
    async with database.begin(write=True) as connection:
        for statement in CHILDREN:
            words = statement.replace("{record}", record).replace("{{", "{").replace("}}", "}")
            await connection.exec_driver_sql(words)


def expected(session_id: str, verification_id: str, attempt: int, **changes: Any) -> SessionRecord:
    values: dict[str, Any] = {
        "session_id": session_id,
        "verification_id": verification_id,
        "attempt": attempt,
        "last_seq": 1,
        "reasons": ("texture",),
        "evidence": ({"analyser": "texture"},),
        "reason_weights": (0.5,),
    }
    old = {name: value for name, value in OLD_SESSION.items() if name != "parent_id"}
    return SessionRecord(**(old | values | changes))


async def all_attempts(database: Database, *verifications: str) -> list[SessionRecord]:
    sessions = sql_store(database).sessions
    found = [await sessions.attempts(SessionId(one)) for one in verifications]
    return [record for attempts in found for record in attempts]


async def test_a_session_comes_over_with_all_that_is_its(database: Database) -> None:
    await to_old_schema(database)
    await add_old(database, "first")
    await add_old_children(database)
    await step_forward(database)
    store = sql_store(database)
    record = await store.sessions.get(SessionId("first"))
    assert record == expected("first", "first", 1)
    entry = an_event(
        record.session_id,
        at_ms=2_000,
        payload={"state": "failed", "previous": None, "migrated": True},
    )
    assert await store.sessions.events(record.session_id) == [entry]
    (alert,) = await store.alerts.of_session(record.session_id)
    assert (alert.alert_id, alert.tenant_id) == ("alert-1", "default")
    labels = SqlLabelRepository(database)
    label = LabelRecord(  # the name that the caller gave proves nobody's doing
        record.session_id, "attack", "agent", "unknown", 5, labelled_note="agent-7"
    )
    assert await labels.history(record.session_id) == [label]
    await labels.add(label)  # numbers go on
    assert len(await labels.history(record.session_id)) == 2
    footage = FootageRecord(record.session_id, 5, b"\x00\xff")
    await store.footage.add(footage)  # it is there already, the very same
    async with database.begin() as connection:
        sealed, digest = (
            await connection.execute(text("SELECT user_sealed, user_hmac FROM verifications"))
        ).one()
    assert SEALER.unseal(sealed, user_context(record.verification_id)) == APPLICANT
    assert digest == SEALER.digest(APPLICANT)


async def test_chains_of_retries_become_verifications(database: Database) -> None:
    await to_old_schema(database)
    await add_old(database, "a1", created_at_ms=1)
    await add_old(database, "a2", created_at_ms=2, parent_id="a1", attempt=2)
    await add_old(database, "a3", created_at_ms=3, parent_id="a2", attempt=3, expires_at_ms=90_000)
    await add_old(database, "b1", created_at_ms=1, user_id="Grace")
    # Two that retried at once, and one that went on from the later of them.
    await add_old(database, "b2-late", created_at_ms=6, parent_id="b1", attempt=2, user_id="Grace")
    await add_old(database, "b2-soon", created_at_ms=5, parent_id="b1", attempt=2, user_id="Grace")
    await add_old(database, "b3", created_at_ms=9, parent_id="b2-late", attempt=3, user_id="Grace")
    await add_old(database, "c2", attempt=2)  # its parent was deleted
    await add_old(database, "c3", attempt=3, parent_id="c2")
    await step_forward(database)
    found = await all_attempts(database, "a1", "b1", "c2")
    assert [(one.session_id, one.verification_id, one.attempt, one.user_id) for one in found] == [
        ("a1", "a1", 1, APPLICANT),
        ("a2", "a1", 2, APPLICANT),
        ("a3", "a1", 3, APPLICANT),
        ("b1", "b1", 1, "Grace"),
        ("b2-soon", "b1", 2, "Grace"),
        ("b2-late", "b1", 3, "Grace"),
        ("b3", "b1", 4, "Grace"),
        ("c2", "c2", 1, APPLICANT),
        ("c3", "c2", 2, APPLICANT),
    ]
    assert await all_attempts(database, "a2", "b3", "c3") == []
    async with database.begin() as connection:
        statement = text("SELECT verification_id, expires_at_ms FROM verifications")
        times = {row[0]: row[1] for row in await connection.execute(statement)}
    assert times == {"a1": 90_000, "b1": 61_000, "c2": 61_000}


async def test_parents_in_a_circle_come_over_too(database: Database) -> None:
    await to_old_schema(database)
    await add_old(database, "own")
    await add_old(database, "one")
    await add_old(database, "two", parent_id="one", attempt=2)
    async with database.begin(write=True) as connection:
        circle = "UPDATE sessions SET parent_id = 'two' WHERE session_id = 'one'"
        await connection.execute(text(circle))
        await connection.execute(
            text("UPDATE sessions SET parent_id = 'own' WHERE session_id = 'own'")
        )
    await step_forward(database)
    found = await all_attempts(database, "own", "one")
    assert [(one.session_id, one.attempt) for one in found] == [("own", 1), ("one", 1), ("two", 2)]


async def test_live_sessions_come_over_and_are_interrupted_by_the_sweep(database: Database) -> None:
    await to_old_schema(database)
    for state in ("live", "connecting", "created", "passed"):
        await add_old(database, state, state=state, verdict_status=None)
    await step_forward(database)
    store = sql_store(database)
    live = await store.sessions.get(SessionId("live"))
    assert (live.state, live.owner_id, live.owner_epoch) == ("live", None, 0)
    owner = await a_process(store)
    swept = await store.processes.interrupt_orphans(owner.process_id, owner.epoch)
    assert sorted(swept) == ["connecting", "live"]
    journal = await store.sessions.events(live.session_id)
    assert [event.payload["state"] for event in journal] == ["live", "interrupted"]
    waiting = await store.sessions.acquire(SessionId("created"), owner.process_id, owner.epoch)
    assert waiting.owner_id == owner.process_id


async def test_everything_goes_back(database: Database) -> None:
    await to_old_schema(database)
    await add_old(database, "first", created_at_ms=1)
    await add_old(database, "second", created_at_ms=2, parent_id="first", attempt=2)
    await add_old_children(database)
    before = await _contents(database)
    await step_forward(database)
    await step_back(database, "0005")
    assert await _contents(database) == before
    await step_forward(database)
    found = await all_attempts(database, "first")
    assert [one.session_id for one in found] == ["first", "second"]


async def _contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    tables = {
        "sessions": "session_id",
        "alerts": "alert_id",
        "labels": "number",
        "footage": "session_id",
        "measures": "session_id",
    }
    contents: dict[str, list[dict[str, Any]]] = {}
    async with database.begin() as connection:
        for table, key in tables.items():
            statement = f"SELECT * FROM {table} ORDER BY {key}"  # noqa: S608 - our own words
            rows = await connection.execute(text(statement))
            contents[table] = [dict(row) for row in rows.mappings()]
    return contents


async def test_without_a_secret_nothing_moves(database: Database) -> None:
    await to_old_schema(database)
    await add_old(database, "first")
    with pytest.raises(SettingsError, match="secret_key") as refusal:
        await step_forward(database, None)
    assert "SECRET_KEY" in refusal.value.hint
    assert "start the server" in refusal.value.hint
    assert [row["session_id"] for row in (await _contents(database))["sessions"]] == ["first"]
    await step_forward(database)
    assert database._engine is not None
    with pytest.raises(SettingsError, match="secret_key"):
        await schema.go_back(database._engine, "0005")
    assert len(await all_attempts(database, "first")) == 1


async def test_an_empty_database_needs_no_secret(database: Database) -> None:
    await to_old_schema(database)
    await step_forward(database, None)
    assert database._engine is not None
    await schema.go_back(database._engine, "0005")
    await step_forward(database, None)


async def test_opening_says_what_is_missing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sqlite_url) as database:
        await to_old_schema(database)
        await add_old(database, "first")
        with pytest.raises(SettingsError, match="secret_key"):
            await Database(sqlite_url).open()
    database = Database(sqlite_url, SEALER)
    await database.open()
    assert len(await all_attempts(database, "first")) == 1
    await database.aclose()
    reader = Database(sqlite_url)  # once it is done, nobody needs the secret to open
    await reader.open()
    await reader.aclose()


async def test_two_that_migrate_at_once_both_succeed(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        await to_old_schema(database)
        await add_old(database, "first")
    databases = [Database(sqlite_url, SEALER) for _ in range(3)]
    await asyncio.gather(*(one.open() for one in databases))
    assert len(await all_attempts(databases[0], "first")) == 1
    await asyncio.gather(*(one.aclose() for one in databases))


async def test_foreign_keys_are_enforced_again_afterwards(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        await to_old_schema(database)
        await step_forward(database)
        for _ in range(database_module._POOL_SIZE):
            async with database.begin() as connection:
                assert await connection.scalar(text("PRAGMA foreign_keys")) == 1
                assert (await connection.execute(text("PRAGMA foreign_key_check"))).all() == []


async def test_tables_are_not_made_anew_while_foreign_keys_are_enforced(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database:
        await to_old_schema(database)
        await add_old(database, "first")
        async with database.begin(write=True) as connection:
            with pytest.raises(RuntimeError, match="foreign keys"):
                await connection.run_sync(
                    lambda sync: command.upgrade(schema.alembic_config(sync, SEALER), "head")
                )
            await connection.rollback()
        assert len((await _contents(database))["sessions"]) == 1


async def test_no_applicant_is_left_in_the_file(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url) as database:
        await to_old_schema(database)
        for number in range(300):
            await add_old(database, f"session-{number}", user_id=f"{APPLICANT}-{number}")
        with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert APPLICANT.encode() in _bytes_in(tmp_path)
        await step_forward(database)
        found = await sql_store(database).sessions.get(SessionId("session-7"))
        assert found.user_id == f"{APPLICANT}-7"
    assert APPLICANT.encode() not in _bytes_in(tmp_path)
    async with opened(sqlite_url) as database:  # deletes every session
        pass
    assert b"session-7" not in _bytes_in(tmp_path)


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
