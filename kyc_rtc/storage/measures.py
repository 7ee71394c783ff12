"""Measures in the store: what the experts judged sessions by, for retraining on labelled ones."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Protocol

from sqlalchemy import Text, cast, func, select

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.labels import newest_labels
from kyc_rtc.storage.once import insert_once
from kyc_rtc.storage.records import DEFAULT_TENANT, MAX_WORD_LENGTH, check_tenant
from kyc_rtc.storage.tables import labels, measures, sessions, verifications
from kyc_rtc.storage.values import (
    MAX_ID_LENGTH,
    MAX_JSON_BYTES,
    JsonObject,
    check_limit,
    check_text,
    copy_object,
)

MAX_MEASURES: Final = 512
MAX_MEASURES_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class MeasuresRecord:
    """The measures of one session by name: finite numbers, at most 512, in at most 64 KiB of JSON.

    Raises:
        BadRequest: there is none, or a field is longer, larger or other than what can be stored.
    """

    session_id: SessionId
    by_name: JsonObject
    tenant_id: str = DEFAULT_TENANT

    def __post_init__(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        if not 1 <= len(self.by_name) <= MAX_MEASURES:
            raise BadRequest(f"measures: between 1 and {MAX_MEASURES} are allowed")
        copied = copy_object("measures", self.by_name)
        for name, value in copied.items():
            check_text("measures", name, MAX_WORD_LENGTH)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadRequest("measures: numbers only")
        object.__setattr__(self, "by_name", copied)


@dataclass(frozen=True, slots=True)
class LabelledMeasures:
    """A session that has a label, with the label that counts. `number`: its place in the order of
    arrival. `user_hmac`: the same for all sessions of an applicant, and tells nothing of who it is.
    `measures`: the stored JSON as it is, cut after 65,537 characters; None without any."""

    number: int
    user_hmac: str
    label: str
    species: str | None
    measures: str | None


class MeasuresRepository(Protocol):
    """Measures, kept until their session is deleted."""

    async def add(self, record: MeasuresRecord) -> None:
        """Store measures. The same ones again change nothing.

        Raises:
            Conflict: the session has others. NotFound: there is no session.
        """


class SqlMeasuresRepository:
    """`MeasuresRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: MeasuresRecord) -> None:
        row = {field.name: getattr(record, field.name) for field in fields(record)}
        await insert_once(self._database, measures, row)

    async def labelled(
        self, after: int = 0, limit: int = MAX_MEASURES_LISTED
    ) -> list[LabelledMeasures]:
        """Labelled sessions whose `number` is above `after`, in order of it. The measures are not
        read here, so that one row that another program spoilt does not cost the others.

        Raises:
            BadRequest: a limit outside 1..1000.
        """
        check_limit(limit, MAX_MEASURES_LISTED)
        newest = newest_labels()
        text = func.substr(cast(measures.c.by_name, Text), 1, MAX_JSON_BYTES + 1)
        statement = (
            select(
                labels.c.number,
                verifications.c.user_hmac,
                labels.c.label,
                labels.c.species,
                text.label("measures"),
            )
            .join(newest, newest.c.number == labels.c.number)
            .join(sessions, sessions.c.session_id == labels.c.session_id)
            .join(verifications, verifications.c.verification_id == sessions.c.verification_id)
            .outerjoin(measures, measures.c.session_id == labels.c.session_id)
            .where(labels.c.number > after)
            .order_by(labels.c.number)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [LabelledMeasures(**row) for row in rows]
