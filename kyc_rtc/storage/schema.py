"""Brings a database to the schema that this version of the program knows."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

BEGIN_OPTION = "kyc_rtc_begin"
"""Execution option: the statement that begins a transaction of SQLite."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRESQL_LOCK = 0x6B79635F727463  # any number, the same in every process that migrates


async def migrate(engine: AsyncEngine) -> None:
    """Upgrade to the newest revision, in one transaction that admits one process at a time."""
    async with engine.connect() as connection:
        await connection.execution_options(**{BEGIN_OPTION: "BEGIN IMMEDIATE"})
        async with connection.begin():
            if engine.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                await connection.execute(lock, {"key": _POSTGRESQL_LOCK})
            await connection.run_sync(_upgrade)


def alembic_config(connection: Connection) -> Config:
    """What Alembic's commands need to work on `connection`, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")
