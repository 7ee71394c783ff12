"""Features in the store: what the detectors judged sessions by, for retraining on labelled ones."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Protocol

from sqlalchemy import Text, cast, func, select

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.labels import newest_labels
from kyc_rtc.storage.once import insert_once
from kyc_rtc.storage.records import MAX_WORD_LENGTH, check_tenant
from kyc_rtc.storage.tables import features, labels, sessions, verifications
from kyc_rtc.storage.values import (
    MAX_ID_LENGTH,
    MAX_JSON_BYTES,
    JsonObject,
    check_limit,
    check_text,
    copy_object,
)

MAX_FEATURES: Final = 512
MAX_FEATURES_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class FeaturesRecord:
    """The features of one session by name: finite numbers, at most 512, in at most 64 KiB of JSON.

    Raises:
        BadRequest: there is none, or a field is longer, larger or other than what can be stored.
    """

    session_id: SessionId
    by_name: JsonObject
    tenant_id: str = DEFAULT_TENANT

    def __post_init__(self) -> None:
        check_text("session_id", self.session_id, MAX_ID_LENGTH)
        check_tenant(self.tenant_id)
        if not 1 <= len(self.by_name) <= MAX_FEATURES:
            raise BadRequest(f"features: between 1 and {MAX_FEATURES} are allowed")
        copied = copy_object("features", self.by_name)
        for name, value in copied.items():
            check_text("features", name, MAX_WORD_LENGTH)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadRequest("features: numbers only")
        object.__setattr__(self, "by_name", copied)


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """A session that has a label, with the label that counts. `number`: its place in the order of
    arrival. `user_hmac`: the same for all sessions of an applicant, and tells nothing of who it is.
    `features`: the stored JSON as it is, cut after 65,537 characters; None without any."""

    number: int
    user_hmac: str
    label: str
    species: str | None
    features: str | None


class FeaturesRepository(Protocol):
    """Features, kept until their session is deleted."""

    async def add(self, record: FeaturesRecord) -> None:
        """Store features. The same ones again change nothing.

        Raises:
            Conflict: the session has others. NotFound: there is no session.
        """


class SqlFeaturesRepository:
    """`FeaturesRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: FeaturesRecord) -> None:
        row = {field.name: getattr(record, field.name) for field in fields(record)}
        await insert_once(self._database, features, row)

    async def labelled(
        self, after: int = 0, limit: int = MAX_FEATURES_LISTED
    ) -> list[LabelledFeatures]:
        """Labelled sessions whose `number` is above `after`, in order of it. The features are not
        read here, so that one row that another program spoilt does not cost the others.

        Raises:
            BadRequest: a limit outside 1..1000.
        """
        check_limit(limit, MAX_FEATURES_LISTED)
        newest = newest_labels()
        text = func.substr(cast(features.c.by_name, Text), 1, MAX_JSON_BYTES + 1)
        statement = (
            select(
                labels.c.number,
                verifications.c.user_hmac,
                labels.c.label,
                labels.c.species,
                text.label("features"),
            )
            .join(newest, newest.c.number == labels.c.number)
            .join(sessions, sessions.c.session_id == labels.c.session_id)
            .join(verifications, verifications.c.verification_id == sessions.c.verification_id)
            .outerjoin(features, features.c.session_id == labels.c.session_id)
            .where(labels.c.number > after)
            .order_by(labels.c.number)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [LabelledFeatures(**row) for row in rows]
