"""Records of footage in the store: what a later session is compared with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Protocol

from sqlalchemy import false, func, select

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.once import insert_once
from kyc_rtc.storage.records import (
    EarlierFootage,
    SessionRecord,
    check_tenant,
)
from kyc_rtc.storage.tables import footage, sessions, verifications
from kyc_rtc.storage.values import MAX_ID_LENGTH, check_integer, check_limit, check_text

MAX_FOOTAGE_BYTES: Final = 2_400
MAX_FOOTAGE_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class FootageRecord:
    """Perceptual hashes of one session; no picture can be made from them.

    `created_at_ms`: milliseconds since the Unix epoch. `record`: 1 to 2,400 bytes.

    Raises:
        BadRequest: a field is longer, larger or other than what can be stored.
    """

    session_id: SessionId
    created_at_ms: int
    record: bytes
    tenant_id: str = DEFAULT_TENANT

    def __post_init__(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        check_integer("created_at_ms", self.created_at_ms)
        if not 1 <= len(self.record) <= MAX_FOOTAGE_BYTES:
            raise BadRequest(f"record: between 1 and {MAX_FOOTAGE_BYTES} bytes are allowed")


class FootageRepository(Protocol):
    """Records of footage, kept until their session is deleted."""

    async def add(self, record: FootageRecord) -> None:
        """Store a record. The same one again changes nothing.

        Raises:
            Conflict: the session has another one. NotFound: there is no session.
        """

    async def latest(self, limit: int, session: SessionRecord) -> list[EarlierFootage]:
        """The records of the tenant's other sessions, the newest first.

        Raises:
            BadRequest: a limit outside 1..500.
        """


class SqlFootageRepository:
    """`FootageRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: FootageRecord) -> None:
        row = {field.name: getattr(record, field.name) for field in fields(record)}
        await insert_once(self._database, footage, row)

    async def latest(self, limit: int, session: SessionRecord) -> list[EarlierFootage]:
        check_limit(limit, MAX_FOOTAGE_LISTED)
        own_user = select(verifications.c.user_hmac).where(
            verifications.c.verification_id == session.verification_id
        )
        same_user = verifications.c.user_hmac == own_user.scalar_subquery()
        statement = (
            select(
                footage.c.session_id,
                func.coalesce(same_user, false()).label("same_user"),
                footage.c.record,
            )
            .join(sessions, sessions.c.session_id == footage.c.session_id)
            .join(verifications, verifications.c.verification_id == sessions.c.verification_id)
            .where(
                footage.c.tenant_id == session.tenant_id,
                verifications.c.tenant_id == session.tenant_id,
                footage.c.session_id != session.session_id,
            )
            .order_by(footage.c.created_at_ms.desc(), footage.c.session_id)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).all()
        return [EarlierFootage(SessionId(row[0]), bool(row[1]), row[2]) for row in rows]
