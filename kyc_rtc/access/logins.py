"""Logins of people in browsers: begun, found by a cookie's value that changes every hour, and ended.

The value is random and kept by the browser alone; the storage has its hash. `LoginInterface` is what the HTTP
side sees.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from kyc_rtc.access.people import Person
from kyc_rtc.clock import Clock
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.scopes import Role
from kyc_rtc.settings import OidcSettings
from kyc_rtc.storage.logins import LoginRecord, LoginRepository

ROTATE_EVERY_MS: Final = 3_600_000
GRACE_MS: Final = 30_000
"""For so long the earlier value is good: requests are in flight while it changes."""
SEEN_EVERY_MS: Final = 60_000
"""How exactly the last use is kept. An idle login may end so much earlier than the setting says."""
MAX_SECRET_CHARS: Final = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """A login that counts. `secret`: the value that the cookie is to have from now on; None: as it is.
    `left_s`: seconds until it ends."""

    login_id: str
    person: Person
    left_s: int
    secret: str | None = None


class LoginInterface(Protocol):
    """Every method raises `StorageUnavailable` while the database is away."""

    async def begin(self, person: Person) -> Login:
        """A new login, with its secret."""

    async def find(self, secret: str) -> Login | None:
        """The login of a cookie's value; None where there is none, or it has ended."""

    async def is_valid(self, login_id: str) -> bool:
        """Whether it has not ended. Asking does not count as use, and changes nothing."""

    async def end(self, login_id: str) -> None:
        """End it at once; nothing where it has ended."""


class LoginService:
    """Implements `LoginInterface`."""

    def __init__(self, logins: LoginRepository, settings: OidcSettings, clock: Clock) -> None:
        self._logins = logins
        self._issuer = settings.issuer
        self._ttl_ms = 1_000 * settings.login_ttl_s
        self._idle_ms = 1_000 * settings.login_idle_s
        self._clock = clock

    async def begin(self, person: Person) -> Login:
        now_ms, secret = self._clock.now_ms(), _new_secret()
        record = LoginRecord(
            login_id=str(uuid.uuid4()),
            sha256=self._hash(secret),
            tenant_id=person.tenant_id,
            subject=person.subject,
            name=person.name,
            roles=tuple(role.value for role in person.roles),
            created_at_ms=now_ms,
            rotated_at_ms=now_ms,
            seen_at_ms=now_ms,
            expires_at_ms=now_ms + self._ttl_ms,
        )
        await self._logins.add(record)
        log.info(
            "login_begun",
            login_id=record.login_id,
            person_id=person.person_id,
            tenant_id=person.tenant_id,
            roles=record.roles,
        )
        return self._login(record, now_ms, secret)

    async def find(self, secret: str) -> Login | None:
        if not 0 < len(secret) <= MAX_SECRET_CHARS or not secret.isascii():
            return None
        digest, now_ms = self._hash(secret), self._clock.now_ms()
        record = await self._logins.find(digest)
        if record is None or self._is_over(record, now_ms):
            return None
        if digest != record.sha256 and now_ms >= (record.earlier_until_ms or 0):
            log.warning("login_value_outdated", login_id=record.login_id)
            return None
        with suppress(StorageUnavailable):  # the call itself says so, where it needs the database
            await self._note(record, now_ms)
            if digest == record.sha256 and now_ms - record.rotated_at_ms >= ROTATE_EVERY_MS:
                return self._login(record, now_ms, await self._rotate(record, now_ms))
        return self._login(record, now_ms)

    async def is_valid(self, login_id: str) -> bool:
        record = await self._logins.get(login_id)
        return record is not None and not self._is_over(record, self._clock.now_ms())

    async def end(self, login_id: str) -> None:
        await self._logins.end(login_id)
        log.info("login_ended", login_id=login_id)

    def _is_over(self, record: LoginRecord, now_ms: int) -> bool:
        return now_ms >= min(record.expires_at_ms, record.seen_at_ms + self._idle_ms)

    async def _note(self, record: LoginRecord, now_ms: int) -> None:
        if now_ms - record.seen_at_ms >= SEEN_EVERY_MS:
            await self._logins.seen(record.login_id, now_ms)

    async def _rotate(self, record: LoginRecord, now_ms: int) -> str | None:
        """The new value; None where another request made one just now, whose answer brings it."""
        secret = _new_secret()
        done = await self._logins.rotate(record, self._hash(secret), now_ms, now_ms + GRACE_MS)
        return secret if done else None

    def _login(self, record: LoginRecord, now_ms: int, secret: str | None = None) -> Login:
        roles = tuple(role for role in Role if role.value in record.roles)
        person = Person(record.subject, record.name, roles, record.tenant_id)
        return Login(
            record.login_id, person, max(0, (record.expires_at_ms - now_ms) // 1_000), secret
        )

    def _hash(self, secret: str) -> str:
        """Values are random and long, so a plain hash is enough. It has the issuer in it: no login outlives
        a change of the provider, and none of development's reaches production."""
        return hashlib.sha256(f"{self._issuer}\n{secret}".encode()).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(32)
