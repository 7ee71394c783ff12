"""Changes of a verification apart from its attempts."""

from __future__ import annotations

from sqlalchemy import update

from kyc_rtc.errors import NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.tables import verifications
from kyc_rtc.storage.values import can_be_id


async def change_verification(
    database: Database, verification_id: SessionId, **values: object
) -> None:
    """Set columns of a verification.

    Raises:
        NotFound: there is none.
    """
    if not can_be_id(verification_id):
        raise NotFound("no such verification")
    own = verifications.c.verification_id == verification_id
    async with database.begin(write=True) as connection:
        result = await connection.execute(update(verifications).where(own).values(**values))
    if not result.rowcount:
        raise NotFound("no such verification")
