"""Logins of people in browsers: rows that a cookie's value leads to, by its hash alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Protocol

from sqlalchemy import RowMapping, and_, delete, insert, or_, select, update

from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import MAX_ACTOR_LENGTH, MAX_WORD_LENGTH, check_tenant
from kyc_rtc.storage.tables import logins
from kyc_rtc.storage.values import MAX_ID_LENGTH, check_integer, check_text

MAX_SUBJECT_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """Somebody's login in one browser. Times are Unix milliseconds.

    `sha256`: of the cookie's value; `earlier_sha256`: of the one before, which is good until
    `earlier_until_ms`. `rotated_at_ms`: since when the value is this one; `seen_at_ms` is exact to a minute.

    Raises BadRequest where it cannot be stored.
    """

    login_id: str
    sha256: str
    tenant_id: str
    subject: str
    name: str
    roles: tuple[str, ...]
    created_at_ms: int
    rotated_at_ms: int
    seen_at_ms: int
    expires_at_ms: int
    earlier_sha256: str | None = None
    earlier_until_ms: int | None = None

    def __post_init__(self) -> None:
        check_text("login_id", self.login_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        check_text("subject", self.subject, MAX_SUBJECT_LENGTH)
        check_text("name", self.name, MAX_ACTOR_LENGTH)
        for role in self.roles:
            check_text("roles", role, MAX_WORD_LENGTH)
        for at_ms in (self.created_at_ms, self.seen_at_ms, self.expires_at_ms):
            check_integer("time", at_ms)


class LoginRepository(Protocol):
    """Every method raises `StorageUnavailable` while the database is away."""

    async def add(self, record: LoginRecord) -> None:
        """Store a new login, and delete those that have expired by its time."""

    async def find(self, sha256: str) -> LoginRecord | None:
        """The login that a cookie's value leads to, or led to before."""

    async def get(self, login_id: str) -> LoginRecord | None:
        """The login of this id."""

    async def rotate(self, record: LoginRecord, sha256: str, now_ms: int, until_ms: int) -> bool:
        """Give it another value; its present one is good until `until_ms`. False where somebody else did so
        meanwhile, or it has ended."""

    async def seen(self, login_id: str, now_ms: int) -> None:
        """Note that it was used."""

    async def end(self, login_id: str) -> None:
        """Delete it, where it is still there."""


class SqlLoginRepository:
    """`LoginRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: LoginRecord) -> None:
        row = {**asdict(record), "roles": list(record.roles)}
        expired = delete(logins).where(logins.c.expires_at_ms <= record.created_at_ms)
        async with self._database.begin(write=True) as connection:
            await connection.execute(expired)
            await connection.execute(insert(logins).values(row))

    async def find(self, sha256: str) -> LoginRecord | None:
        statement = select(logins).where(
            or_(logins.c.sha256 == sha256, logins.c.earlier_sha256 == sha256)
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().first()
        return None if row is None else _record(row)

    async def get(self, login_id: str) -> LoginRecord | None:
        statement = select(logins).where(logins.c.login_id == login_id)
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else _record(row)

    async def rotate(self, record: LoginRecord, sha256: str, now_ms: int, until_ms: int) -> bool:
        statement = (
            update(logins)
            .where(and_(logins.c.login_id == record.login_id, logins.c.sha256 == record.sha256))
            .values(
                sha256=sha256,
                rotated_at_ms=now_ms,
                earlier_sha256=record.sha256,
                earlier_until_ms=until_ms,
            )
        )
        async with self._database.begin(write=True) as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def seen(self, login_id: str, now_ms: int) -> None:
        statement = update(logins).where(logins.c.login_id == login_id).values(seen_at_ms=now_ms)
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)

    async def end(self, login_id: str) -> None:
        async with self._database.begin(write=True) as connection:
            await connection.execute(delete(logins).where(logins.c.login_id == login_id))


def _record(row: RowMapping) -> LoginRecord:
    return LoginRecord(**{**row, "roles": tuple(row["roles"])})
