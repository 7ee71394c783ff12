"""Database URLs."""

from __future__ import annotations

import pytest

from kyc_rtc.errors import SettingsError
from kyc_rtc.storage import Database
from kyc_rtc.storage.urls import async_url, is_sqlite, sqlite_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:///var/kyc.sqlite3", "sqlite+aiosqlite:///var/kyc.sqlite3"),
        ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite:///x.db"),
        ("postgres://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
        ("postgresql://u:p@h:5433/db", "postgresql+asyncpg://u:p@h:5433/db"),
        ("postgresql+asyncpg://h/db", "postgresql+asyncpg://h/db"),
        ("postgresql://h/db?sslmode=require", "postgresql+asyncpg://h/db?ssl=require"),
        ("postgresql://u@/db?host=/run/pg", "postgresql+asyncpg://u@/db?host=%2Frun%2Fpg"),
    ],
)
def test_urls_get_their_asynchronous_driver(text: str, expected: str) -> None:
    assert async_url(text).render_as_string(hide_password=False) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "/var/kyc.sqlite3",
        "mysql://u:secret-word@h/db",
        "postgresql+psycopg://u:secret-word@h/db",
        "postgresql://u:secret-word@h:port/db",
        "postgresql://u:secret-word@h",
        "postgresql://u:secret-word@h/db?colour=secret-red",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite:///x.db?mode=ro",
        "sqlite:///a\x00b",
        "sqlite://secret-word/x.db",
    ],
)
def test_junk_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Database(text)
    assert "secret" not in f"{refusal.value.message}{refusal.value.hint}"
    assert refusal.value.hint


def test_the_path_of_an_sqlite_url_is_the_one_that_was_written() -> None:
    url = async_url("sqlite:////srv/a b/100%.db")
    assert is_sqlite(url)
    assert str(sqlite_path(url)) == "/srv/a b/100%.db"
