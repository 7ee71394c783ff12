"""Opening, migrating, failing and closing."""

from __future__ import annotations

import asyncio
import stat
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, inspect, select, text

from kyc_rtc.errors import KycError, SettingsError, StorageUnavailable
from kyc_rtc.storage import Database, SqlSessionStore
from kyc_rtc.storage import database as database_module
from kyc_rtc.storage.tables import metadata, sessions, verifications
from tests.support.memory_store import a_session
from tests.unit.storage.stores import SEALER, step_back, step_forward

APPLICANT = "Ada-Applicant"

pytestmark = pytest.mark.usefixtures("no_worker_left")


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


def _has_weights(connection: Connection) -> bool:
    columns = inspect(connection).get_columns("sessions")
    return "reason_weights" in {column["name"] for column in columns}


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_the_migrations_lead_to_the_tables(database: Database) -> None:
    async with database.begin() as connection:
        assert await connection.run_sync(_differences) == []
        await connection.execute(text("ALTER TABLE alerts ADD COLUMN extra INTEGER"))
        assert len(await connection.run_sync(_differences)) == 1
        await connection.rollback()


async def test_the_migrations_lead_back_to_nothing(database: Database) -> None:
    await step_back(database, "base")
    async with database.begin() as connection:
        assert await connection.run_sync(_tables) == {"alembic_version"}
    await step_forward(database)
    async with database.begin() as connection:
        assert await connection.run_sync(_differences) == []


async def test_weights_come_and_go_and_sessions_stay(database: Database) -> None:
    repository = SqlSessionStore(database, SEALER, {"expired"})
    weighed = a_session(reasons=("frozen_frames", "texture"), reason_weights=(1.0, 0.4))
    unweighed = a_session(reasons=("time_limit",))
    await repository.open(weighed, [])
    await repository.open(unweighed, [])
    await step_back(database, "0003")
    async with database.begin() as connection:
        assert not await connection.run_sync(_has_weights)
        left = await connection.execute(text("SELECT session_id FROM sessions"))
        assert {row.session_id for row in left} == {weighed.session_id, unweighed.session_id}
    await step_forward(database)
    # What an earlier version wrote has no weights, and reads back so; its journal begins here.
    expected = replace(weighed, reason_weights=None, last_seq=1)
    assert await repository.get(weighed.session_id) == expected
    assert await repository.get(unweighed.session_id) == replace(unweighed, last_seq=1)


async def test_opening_again_keeps_what_is_there(sqlite_url: str) -> None:
    record = a_session()
    for _ in range(2):
        database = Database(sqlite_url)
        await database.open()
        repository = SqlSessionStore(database, SEALER, {"expired"})
        if not await repository.count_by_state():
            await repository.open(record, [])
        assert await repository.get(record.session_id) == record
        await database.aclose()


async def test_two_that_open_a_new_file_at_once_both_succeed(sqlite_url: str) -> None:
    databases = [Database(sqlite_url) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))
    async with databases[0].begin() as connection:
        assert await connection.run_sync(_differences) == []
    await asyncio.gather(*(database.aclose() for database in databases))


async def test_two_that_open_a_new_postgresql_at_once_both_succeed(postgresql_url: str) -> None:
    cleaner = Database(postgresql_url)
    await cleaner.open()
    await step_back(cleaner, "base")
    await cleaner.aclose()
    databases = [Database(postgresql_url) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))
    await asyncio.gather(*(database.aclose() for database in databases))


async def test_a_migration_that_fails_leaves_nothing_half_done(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _execute_bare(sqlite_url, monkeypatch, "CREATE TABLE alerts (x INTEGER)")
    with pytest.raises(SettingsError):
        await Database(sqlite_url).open()
    await _execute_bare(sqlite_url, monkeypatch, "DROP TABLE alerts")
    database = Database(sqlite_url)
    await database.open()  # fails where `sessions` were there already
    await database.aclose()


async def test_a_database_of_a_newer_program_is_refused(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlite_url)
    await database.open()
    await database.aclose()
    await _execute_bare(sqlite_url, monkeypatch, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="CommandError"):
        await Database(sqlite_url).open()


async def _execute_bare(url: str, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Run one statement without migrating first."""

    async def nothing(engine: object, sealer: object) -> None:
        """Stands for the migrations."""

    with monkeypatch.context() as patch:
        patch.setattr(database_module, "migrate", nothing)
        database = Database(url)
        await database.open()
        async with database.begin() as connection:
            await connection.execute(text(statement))
        await database.aclose()


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("synchronous", 2),
        ("busy_timeout", 2_000),
        ("secure_delete", 1),
    ],
)
async def test_sqlite_is_set_up(sqlite_url: str, pragma: str, expected: object) -> None:
    database = Database(sqlite_url)
    await database.open()
    async with database.begin() as connection:
        assert await connection.scalar(text(f"PRAGMA {pragma}")) == expected
    await database.aclose()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "100%"
    database = Database(f"sqlite:///{folder}/store.sqlite3")
    await database.open()
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM sessions"))
    names = {path.name for path in folder.iterdir()}
    assert names == {"store.sqlite3", "store.sqlite3-wal", "store.sqlite3-shm"}
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await database.aclose()
    assert {path.name for path in folder.iterdir()} == {"store.sqlite3"}


async def test_a_file_that_is_not_a_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, " * 1_000)
    with pytest.raises(SettingsError):
        await Database(f"sqlite:///{path}").open()
    assert path.read_text() == "my notes, " * 1_000


async def test_a_folder_that_cannot_be_made_is_a_matter_of_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError):
        await Database(f"sqlite:///{tmp_path}/file/store.sqlite3").open()


async def test_a_server_that_is_not_there_is_a_matter_of_settings(tmp_path: Path) -> None:
    database = Database(f"postgresql://kyc:secret-word@/kyc?host={tmp_path}")
    with pytest.raises(SettingsError) as refusal:
        await database.open()
    assert "secret" not in refusal.value.message
    await database.aclose()


async def test_a_database_that_is_not_there_is_a_matter_of_settings(postgresql_url: str) -> None:
    with pytest.raises(SettingsError):
        await Database(postgresql_url.replace("/postgres?", "/nowhere?")).open()


async def test_a_failure_is_one_of_ours_and_tells_nothing(database: Database) -> None:
    repository = SqlSessionStore(database, SEALER, {"expired"})
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE sessions RENAME TO elsewhere"))
    with pytest.raises(KycError) as failure:
        await repository.open(a_session(user_id=APPLICANT), [])
    assert not isinstance(failure.value, StorageUnavailable)
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO sessions"))
    assert APPLICANT not in "".join(traceback.format_exception(failure.value))


async def test_an_exception_inside_rolls_back(database: Database) -> None:
    record = a_session()
    repository = SqlSessionStore(database, SEALER, {"expired"})
    await repository.open(record, [])
    with pytest.raises(RuntimeError, match="inside"):
        await _delete_and_fail(database)
    assert await repository.get(record.session_id) == record


async def _delete_and_fail(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(delete(verifications))
        raise RuntimeError("inside")


async def test_states_of_a_database(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    repository = SqlSessionStore(database, SEALER, {"expired"})
    with pytest.raises(StorageUnavailable, match="not open"):
        await repository.count_by_state()
    await database.open()
    with pytest.raises(RuntimeError):
        await database.open()
    assert await repository.count_by_state() == {}
    await asyncio.gather(database.aclose(), database.aclose())
    await database.aclose()
    with pytest.raises(StorageUnavailable, match="not open"):
        await repository.count_by_state()
    with pytest.raises(RuntimeError):
        await database.open()


async def test_closing_before_opening_is_allowed_and_final(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await database.aclose()
    with pytest.raises(RuntimeError):
        await database.open()


async def test_closing_lets_work_under_way_finish(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await database.open()
    repository = SqlSessionStore(database, SEALER, {"expired"})
    records = [a_session() for _ in range(50)]
    writers = [asyncio.create_task(repository.open(record, [])) for record in records]
    await asyncio.sleep(0)
    await database.aclose()
    await asyncio.gather(*writers)
    database = Database(sqlite_url)
    await database.open()
    assert await SqlSessionStore(database, SEALER, {"expired"}).count_by_state() == {"created": 50}
    await database.aclose()


async def test_closing_does_not_wait_for_ever(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_CLOSE_LIMIT_S", 0.05)
    database = Database(sqlite_url)
    await database.open()
    released = asyncio.Event()
    holders = [asyncio.create_task(_hold(database, released)) for _ in range(8)]
    await asyncio.sleep(0)
    await database.aclose()
    released.set()
    outcomes = await asyncio.gather(*holders, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}


async def _hold(database: Database, released: asyncio.Event) -> None:
    async with database.begin() as connection:
        await connection.execute(select(sessions))
        await released.wait()


@pytest.mark.parametrize("steps", [1, 8, 64, 256])
async def test_a_cancelled_write_leaves_a_working_database(database: Database, steps: int) -> None:
    repository = SqlSessionStore(database, SEALER, {"expired"})
    records = [a_session() for _ in range(8)]
    writers = [asyncio.create_task(repository.open(record, [])) for record in records]
    for _ in range(steps):
        await asyncio.sleep(0)
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    last = a_session()
    await repository.open(last, [])
    assert await repository.get(last.session_id) == last
