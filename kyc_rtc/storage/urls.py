"""Database URLs: what people write, turned into what the asynchronous drivers take."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from kyc_rtc.errors import SettingsError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_POSTGRESQL_OPTIONS = frozenset({"host", "port", "ssl", "prepared_statement_cache_size"})
_HINT = "write sqlite:///path/to/file or postgresql://user:password@host/database"


def async_url(text: str) -> URL:
    """The URL with its asynchronous driver. libpq's `sslmode` becomes asyncpg's `ssl`.

    Raises:
        SettingsError: no database URL, another database, or an option that the driver does not know.
            The message never quotes the URL: it may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError("database_url: not a database URL", hint=_HINT) from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise SettingsError("database_url: neither SQLite nor PostgreSQL", hint=_HINT)
    url = url.set(drivername=driver)
    return _check_sqlite(url) if is_sqlite(url) else _check_postgresql(url)


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def sqlite_path(url: URL) -> Path:
    """The file that an SQLite URL of `async_url` names."""
    return Path(url.database or "")


def _check_sqlite(url: URL) -> URL:
    name = url.database or ""
    if url.host or not name or name == ":memory:" or name.startswith("file:"):
        raise SettingsError("database_url: SQLite needs the path of a file", hint=_HINT)
    if "\x00" in name or url.query:
        raise SettingsError("database_url: SQLite takes a path and no options", hint=_HINT)
    return url


def _check_postgresql(url: URL) -> URL:
    if not url.database:
        raise SettingsError("database_url: the name of the database is missing", hint=_HINT)
    options = dict(url.query)
    if "sslmode" in options:
        options["ssl"] = options.pop("sslmode")
    unknown = sorted(set(options) - _POSTGRESQL_OPTIONS)
    if unknown:
        raise SettingsError(f"database_url: unknown options: {', '.join(unknown)}", hint=_HINT)
    return url.set(query=options)
