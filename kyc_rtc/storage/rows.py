"""Between rows and records of sessions. A session's applicant stands, sealed, in its verification, and so
does the number of its link."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.errors import KycError, NotFound, SettingsError
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.consents import consent_of, consent_row
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import AlertRecord, EventRecord, SessionRecord
from kyc_rtc.storage.seal import Sealer, user_context
from kyc_rtc.storage.tables import sessions, verifications
from kyc_rtc.storage.terms import seal_terms, unseal_terms
from kyc_rtc.storage.values import can_be_id

FIXED_FIELDS: Final = frozenset(
    {
        "session_id",
        "verification_id",
        "tenant_id",
        "user_id",
        "created_at_ms",
        "attempt",
        "terms",
        "link_number",
        "withdrawn",
        "consent",
    }
)
"""Fields of a session that a commit never changes."""

_TERMS: Final = ("profile", "locale", "terms_sealed")
_CONSENT: Final = ("consent_version", "consent_locale", "consent_at_ms")


def session_row(record: SessionRecord) -> dict[str, Any]:
    row = _row(record)
    for name in ("user_id", "terms", "link_number", "withdrawn", "consent"):  # of the verification
        del row[name]
    return row


def verification_row(record: SessionRecord, sealer: Sealer) -> dict[str, Any]:
    """The verification of a first attempt."""
    return {
        "verification_id": record.verification_id,
        "tenant_id": record.tenant_id,
        "user_sealed": sealer.seal(record.user_id, user_context(record.verification_id)),
        "user_hmac": sealer.digest(record.user_id),
        "created_at_ms": record.created_at_ms,
        "expires_at_ms": record.expires_at_ms,
        "profile": record.terms.profile,
        "locale": record.terms.locale,
        "terms_sealed": seal_terms(record.terms, record.verification_id, sealer),
        "link_number": record.link_number,
        "withdrawn": record.withdrawn,
        **consent_row(record.consent),
    }


def event_row(record: EventRecord) -> dict[str, Any]:
    return _row(record)


def alert_row(record: AlertRecord) -> dict[str, Any]:
    return _row(record)


def event_of(row: RowMapping) -> EventRecord:
    return EventRecord(**row)


def sessions_with_people() -> Select[Any]:
    """Sessions with what `session_of` needs."""
    names = ("user_sealed", "link_number", "withdrawn", *_TERMS, *_CONSENT)
    own = (verifications.c[name] for name in names)
    return select(sessions, *own).join(
        verifications, verifications.c.verification_id == sessions.c.verification_id
    )


def session_of(row: RowMapping, sealer: Sealer) -> SessionRecord:
    """Raises KycError where the applicant was sealed under another secret."""
    values = dict(row)
    sealed = values.pop("user_sealed")
    key = values["verification_id"]
    user_id = sealer.unseal(sealed, user_context(key))
    profile, locale, terms = (values.pop(name) for name in _TERMS)
    consent = consent_of(*(values.pop(name) for name in _CONSENT))
    return SessionRecord(
        user_id=user_id,
        terms=unseal_terms(profile, locale, terms, key, sealer),
        consent=consent,
        **values,
    )


async def read_session(
    connection: AsyncConnection, sealer: Sealer, session_id: SessionId
) -> SessionRecord:
    """Raises NotFound."""
    if not can_be_id(session_id):
        raise NotFound("no such session")
    statement = sessions_with_people().where(sessions.c.session_id == session_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("no such session")
    return session_of(row, sealer)


def _row(record: SessionRecord | EventRecord | AlertRecord) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


async def check_sealer(database: Database, sealer: Sealer) -> None:
    """Make sure that the secret is the one that the stored user ids were sealed with.

    Raises:
        SettingsError: it is another one.
    """
    statement = select(verifications.c.verification_id, verifications.c.user_sealed).limit(1)
    async with database.begin() as connection:
        row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return
    try:
        sealer.unseal(row.user_sealed, user_context(row.verification_id))
    except KycError as error:
        raise SettingsError(
            "secret_key: the stored user ids were sealed with another one",
            hint="every process on a database needs the same SECRET_KEY",
        ) from error
