"""Brings a database to the schema that this version of the program knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kyc_rtc.storage.seal import Sealer

BEGIN_OPTION = "kyc_rtc_begin"
"""Execution option: the statement that begins a transaction of SQLite."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRESQL_LOCK = 0x6B79635F727463  # any number, the same in every process that migrates


async def migrate(engine: AsyncEngine, sealer: Sealer | None = None) -> None:
    """Upgrade to the newest revision, in one transaction that admits one process at a time.

    Raises:
        SettingsError: there are sessions of an older program, and no sealer for their people.
    """
    await _run(engine, sealer, lambda config: command.upgrade(config, "head"))


async def go_back(engine: AsyncEngine, revision: str, sealer: Sealer | None = None) -> None:
    """Downgrade to an older revision, for a program that knows no newer one.

    Raises:
        SettingsError: there are sessions, and no sealer for their people.
    """
    await _run(engine, sealer, lambda config: command.downgrade(config, revision))


def alembic_config(connection: Connection, sealer: Sealer | None = None) -> Config:
    """What Alembic's commands need to work on `connection`, inside its transaction.

    On SQLite the connection must not enforce foreign keys: tables are made anew under their names, and
    to drop one would delete the rows that point to it.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["sealer"] = sealer
    return config


async def _run(
    engine: AsyncEngine, sealer: Sealer | None, command_of: Callable[[Config], None]
) -> None:
    def run(connection: Connection) -> None:
        command_of(alembic_config(connection, sealer))

    sqlite = engine.dialect.name == "sqlite"
    async with engine.connect() as connection:
        await connection.execution_options(**{BEGIN_OPTION: "BEGIN IMMEDIATE"})
        if sqlite:
            await _enforce_foreign_keys(connection, "OFF")
        try:
            async with connection.begin():
                if not sqlite:
                    lock = text("SELECT pg_advisory_xact_lock(:key)")
                    await connection.execute(lock, {"key": _POSTGRESQL_LOCK})
                await connection.run_sync(run)
        finally:
            if sqlite:
                await _enforce_foreign_keys(connection, "ON")


async def _enforce_foreign_keys(connection: AsyncConnection, word: str) -> None:
    """SQLite heeds this outside of a transaction only, so that it goes past SQLAlchemy, which would
    begin one."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    await (await driver.execute(f"PRAGMA foreign_keys = {word}")).close()
