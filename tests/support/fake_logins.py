"""Logins in memory: for tests of the HTTP side."""

from __future__ import annotations

from dataclasses import replace

from kyc_rtc.access.logins import LoginService
from kyc_rtc.clock import Clock
from kyc_rtc.settings import OidcSettings
from kyc_rtc.storage.logins import LoginRecord


class MemoryLogins:
    """Implements `LoginRepository`."""

    def __init__(self) -> None:
        self.rows: dict[str, LoginRecord] = {}

    async def add(self, record: LoginRecord) -> None:
        over = [r.login_id for r in self.rows.values() if r.expires_at_ms <= record.created_at_ms]
        for login_id in over:
            del self.rows[login_id]
        self.rows[record.login_id] = record

    async def find(self, sha256: str) -> LoginRecord | None:
        found = (r for r in self.rows.values() if sha256 in (r.sha256, r.earlier_sha256))
        return next(found, None)

    async def get(self, login_id: str) -> LoginRecord | None:
        return self.rows.get(login_id)

    async def rotate(self, record: LoginRecord, sha256: str, now_ms: int, until_ms: int) -> bool:
        row = self.rows.get(record.login_id)
        if row is None or row.sha256 != record.sha256:
            return False
        self.rows[row.login_id] = replace(
            row,
            sha256=sha256,
            rotated_at_ms=now_ms,
            earlier_sha256=record.sha256,
            earlier_until_ms=until_ms,
        )
        return True

    async def seen(self, login_id: str, now_ms: int) -> None:
        if login_id in self.rows:
            self.rows[login_id] = replace(self.rows[login_id], seen_at_ms=now_ms)

    async def end(self, login_id: str) -> None:
        self.rows.pop(login_id, None)


def no_logins(clock: Clock, settings: OidcSettings | None = None) -> LoginService:
    """A service that knows no logins yet."""
    return LoginService(MemoryLogins(), settings or OidcSettings(), clock)
