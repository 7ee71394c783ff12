"""Verifications in pages, the newest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, RowMapping, and_, exists, or_, select

from kyc_rtc.ids import SessionId
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import Position
from kyc_rtc.storage.seal import Sealer, user_context
from kyc_rtc.storage.tables import sessions, verifications
from kyc_rtc.storage.values import check_limit

MAX_VERIFICATIONS_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class VerificationQuery:
    """Which verifications of a tenant. Times are Unix milliseconds of the start, `to_ms` is left out of the
    range.

    `states`: at least one attempt is in one of these; None: any.
    """

    tenant_id: str
    user_id: str | None = None
    states: frozenset[str] | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """What a list says of an attempt. Times are Unix milliseconds."""

    session_id: SessionId
    attempt: int
    state: str
    verdict_status: str | None
    needs_review: bool
    reasons: tuple[str, ...]
    updated_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class VerificationSummary:
    """What a list says of a verification. `attempts`: all of it, the first one first."""

    verification_id: SessionId
    user_id: str
    profile: str | None
    created_at_ms: int
    attempts: tuple[AttemptSummary, ...]


class VerificationLists(Protocol):
    """Verifications, in pages that stay the same when others are added."""

    async def page(
        self, query: VerificationQuery, after: Position | None, limit: int
    ) -> list[VerificationSummary]:
        """At most `limit` (1..500) of them behind `after`, the newest first, and then by id, downwards.

        Raises:
            BadRequest: another limit.
        """


class SqlVerificationLists:
    """`VerificationLists` on a `Database`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def page(
        self, query: VerificationQuery, after: Position | None, limit: int
    ) -> list[VerificationSummary]:
        check_limit(limit, MAX_VERIFICATIONS_LISTED)
        statement = (
            select(verifications)
            .where(*self._conditions(query))
            .order_by(verifications.c.created_at_ms.desc(), verifications.c.verification_id.desc())
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(_behind(after))
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
            if not rows:
                return []
            ids = [row["verification_id"] for row in rows]
            attempts = (await connection.execute(_attempts_of(ids))).mappings().all()
        found: dict[str, list[AttemptSummary]] = {key: [] for key in ids}
        for attempt in attempts:
            values = {**attempt, "reasons": tuple(attempt["reasons"])}
            found[values.pop("verification_id")].append(AttemptSummary(**values))
        return [self._summary(row, found[row["verification_id"]]) for row in rows]

    def _conditions(self, query: VerificationQuery) -> list[ColumnElement[bool]]:
        conditions = [verifications.c.tenant_id == query.tenant_id]
        if query.user_id is not None:
            conditions.append(verifications.c.user_hmac == self._sealer.digest(query.user_id))
        if query.from_ms is not None:
            conditions.append(verifications.c.created_at_ms >= query.from_ms)
        if query.to_ms is not None:
            conditions.append(verifications.c.created_at_ms < query.to_ms)
        if query.states is not None:
            of_it = sessions.c.verification_id == verifications.c.verification_id
            conditions.append(exists().where(of_it, sessions.c.state.in_(sorted(query.states))))
        return conditions

    def _summary(
        self, row: RowMapping, attempts: Collection[AttemptSummary]
    ) -> VerificationSummary:
        key = row["verification_id"]
        return VerificationSummary(
            verification_id=key,
            user_id=self._sealer.unseal(row["user_sealed"], user_context(key)),
            profile=row["profile"],
            created_at_ms=row["created_at_ms"],
            attempts=tuple(attempts),
        )


def _behind(after: Position) -> ColumnElement[bool]:
    at_ms, key = verifications.c.created_at_ms, verifications.c.verification_id
    # A range for the index, and then the rest: an OR of the two would be looked up nowhere.
    return and_(at_ms <= after.at_ms, or_(at_ms < after.at_ms, key < after.id))


def _attempts_of(ids: Collection[str]) -> Any:
    names = ("verification_id", *AttemptSummary.__dataclass_fields__)
    return (
        select(*(sessions.c[name] for name in names))
        .where(sessions.c.verification_id.in_(ids))
        .order_by(sessions.c.verification_id, sessions.c.attempt)
    )
