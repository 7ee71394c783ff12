"""Records of footage in the store: what a later session is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import select

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.once import insert_once
from kyc_rtc.storage.tables import footage
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

    def __post_init__(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_integer("created_at_ms", self.created_at_ms)
        if not 1 <= len(self.record) <= MAX_FOOTAGE_BYTES:
            raise BadRequest(f"record: between 1 and {MAX_FOOTAGE_BYTES} bytes are allowed")


class FootageRepository(Protocol):
    """Records of footage, kept until their session is deleted."""

    async def add(self, record: FootageRecord) -> None:
        """Raises Conflict where the session has one already, NotFound where there is no session."""

    async def latest(self, limit: int, except_session: SessionId) -> list[bytes]:
        """The records of other sessions, the newest first.

        Raises:
            BadRequest: a limit outside 1..500.
        """


class SqlFootageRepository:
    """`FootageRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: FootageRecord) -> None:
        row = {
            "session_id": record.session_id,
            "created_at_ms": record.created_at_ms,
            "record": record.record,
        }
        await insert_once(self._database, footage, row)

    async def latest(self, limit: int, except_session: SessionId) -> list[bytes]:
        check_limit(limit, MAX_FOOTAGE_LISTED)
        statement = (
            select(footage.c.record)
            .where(footage.c.session_id != except_session)
            .order_by(footage.c.created_at_ms.desc(), footage.c.session_id)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            return list(await connection.scalars(statement))
