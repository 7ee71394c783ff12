"""Labels in the store, and the verdicts that they bear on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NoReturn, Protocol

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Subquery,
    case,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import SANDBOX_SUFFIX
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.records import LabelRecord
from kyc_rtc.storage.tables import labels, sessions, verifications
from kyc_rtc.storage.values import JsonObject, can_be_id, check_limit

_JUDGED: Final = (
    "session_id",
    "frames_processed",
    "liveness_score",
    "deepfake_score",
    "verdict_status",
    "reasons",
    "reason_weights",
    "evidence",
)

UNSPECIFIED: Final = "unspecified"
"""What statistics and reports call the species of an attack whose label names none."""

MAX_LABELS_OF_SESSION: Final = 100
MAX_LABELLED_LISTED: Final = 1_000

WEEK_MS: Final = 7 * 86_400_000
_MONDAY_MS: Final = -3 * 86_400_000
"""The epoch was a Thursday; the Monday before it."""


def week_start_ms(unix_ms: int) -> int:
    """The Monday, 00:00 UTC, of the week that holds a time; both in Unix milliseconds."""
    return (unix_ms - _MONDAY_MS) // WEEK_MS * WEEK_MS + _MONDAY_MS


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many sessions of a week have this label and this verdict.

    `week_ms`: the Monday, 00:00 UTC, of the week in which the verdict fell, in Unix milliseconds.
    `source` is None where a session's newest label counts whatever its source.
    """

    week_ms: int
    label: str
    species: str | None
    verdict_status: str
    source: str | None
    sessions: int


@dataclass(frozen=True, slots=True)
class LabelledSession:
    """A session as it was judged, with the label that counts.

    `number` is the label's place in the order of arrival. `user_hmac`: the same for all sessions of an
    applicant, and tells nothing of who it is.
    """

    number: int
    session_id: SessionId
    user_hmac: str
    frames_processed: int
    liveness_score: float | None
    deepfake_score: float | None
    verdict_status: str | None
    reasons: tuple[str, ...]
    reason_weights: tuple[float, ...] | None
    evidence: tuple[JsonObject, ...] | None
    label: LabelRecord


class LabelRepository(Protocol):
    """Labels, kept until their session is deleted. None is ever overwritten: the newest counts."""

    async def add(self, record: LabelRecord) -> LabelRecord:
        """Store a label; where there is one of its `label_id` already, that one is returned.

        Raises:
            NotFound: the tenant has no such session.
            Conflict: it has no verdict yet, or 100 labels already.
        """

    async def history(self, session_id: SessionId) -> list[LabelRecord]:
        """A session's labels in order of arrival."""

    async def outcomes(self, tenant_id: str | None = None, *, by_source: bool) -> list[Outcome]:
        """Counts over all labelled sessions (of a tenant), each once, by its newest label; or `by_source`,
        each once for every source that labelled it, by that source's newest."""

    async def labelled(
        self, after: int = 0, limit: int = MAX_LABELLED_LISTED
    ) -> list[LabelledSession]:
        """Labelled sessions whose `number` is above `after`, in order of it.

        Raises:
            BadRequest: a limit outside 1..1000.
        """

    async def weekly_scores(
        self, inner_edges: Sequence[float], since_ms: int, tenant_id: str | None = None
    ) -> dict[int, tuple[int, ...]]:
        """Histogram of the deepfake scores of verdicts (of a tenant) since then, by the Monday of their week.

        `inner_edges` (ascending, at least one) part the bins; a score on an edge is in the higher one.
        A week without scores is absent.
        """


class SqlLabelRepository:
    """`LabelRepository` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: LabelRecord) -> LabelRecord:
        try:
            done = await self._insert(record)
        except IntegrityError:  # the same, in another transaction
            done = False
        stored = record if done else await self._of_id(record.label_id)
        if stored is None:
            await self._refuse(record)
        return stored

    async def _insert(self, record: LabelRecord) -> bool:
        names = [field.name for field in fields(record)]
        values = [literal(getattr(record, name), labels.c[name].type) for name in names]
        taken = select(func.count()).where(labels.c.session_id == record.session_id)
        source = select(*values).where(
            sessions.c.session_id == record.session_id,
            sessions.c.tenant_id == record.tenant_id,
            sessions.c.verdict_status.is_not(None),
            taken.scalar_subquery() < MAX_LABELS_OF_SESSION,
        )
        async with self._database.begin(write=True) as connection:
            done = await connection.execute(insert(labels).from_select(names, source))
        return bool(done.rowcount)

    async def _of_id(self, label_id: str | None) -> LabelRecord | None:
        if label_id is None:
            return None
        statement = select(labels).where(labels.c.label_id == label_id)
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else _label(row)

    async def _refuse(self, record: LabelRecord) -> NoReturn:
        statement = select(sessions.c.verdict_status).where(
            sessions.c.session_id == record.session_id, sessions.c.tenant_id == record.tenant_id
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise NotFound("no such session")
        if row.verdict_status is None:
            raise Conflict("the session has no verdict", hint="label it once it has one")
        raise Conflict(f"the session has {MAX_LABELS_OF_SESSION} labels, and takes no more")

    async def history(self, session_id: SessionId) -> list[LabelRecord]:
        if not can_be_id(session_id):
            return []
        statement = (
            select(labels).where(labels.c.session_id == session_id).order_by(labels.c.number)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [_label(row) for row in rows]

    async def outcomes(self, tenant_id: str | None = None, *, by_source: bool) -> list[Outcome]:
        newest = newest_labels(by_source=by_source)
        week = _week(sessions.c.updated_at_ms).label("week")
        keys: list[ColumnElement[Any]] = [
            week, labels.c.label, labels.c.species, sessions.c.verdict_status,
            *([labels.c.source] if by_source else []),
        ]  # fmt: skip
        statement = (
            select(*keys, func.count().label("sessions"))
            .join(newest, newest.c.number == labels.c.number)
            .join(sessions, sessions.c.session_id == labels.c.session_id)
            .where(*_of(tenant_id))
            .group_by(*keys)
            .order_by(*keys)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [
            Outcome(
                week_ms=_monday_ms(row["week"]),
                label=row["label"],
                species=row["species"],
                verdict_status=row["verdict_status"],
                source=row["source"] if by_source else None,
                sessions=row["sessions"],
            )
            for row in rows
        ]

    async def labelled(
        self, after: int = 0, limit: int = MAX_LABELLED_LISTED
    ) -> list[LabelledSession]:
        check_limit(limit, MAX_LABELLED_LISTED)
        newest = newest_labels()
        columns = [column.label(f"label_{column.name}") for column in labels.c]
        statement = (
            select(*(sessions.c[name] for name in _JUDGED), verifications.c.user_hmac, *columns)
            .join(verifications, verifications.c.verification_id == sessions.c.verification_id)
            .join(labels, labels.c.session_id == sessions.c.session_id)
            .join(newest, newest.c.number == labels.c.number)
            .where(labels.c.number > after, *_of(None))
            .order_by(labels.c.number)
            .limit(limit)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [_labelled(row) for row in rows]

    async def weekly_scores(
        self, inner_edges: Sequence[float], since_ms: int, tenant_id: str | None = None
    ) -> dict[int, tuple[int, ...]]:
        rungs = [
            (sessions.c.deepfake_score < edge, place) for place, edge in enumerate(inner_edges)
        ]
        scored = (
            select(
                _week(sessions.c.updated_at_ms).label("week"),
                case(*rungs, else_=len(inner_edges)).label("bin"),
            )
            .where(
                sessions.c.updated_at_ms >= since_ms,
                sessions.c.verdict_status.is_not(None),
                sessions.c.deepfake_score.is_not(None),
                *_of(tenant_id),
            )
            .subquery()
        )
        keys = (scored.c.week, scored.c.bin)
        statement: Select[Any] = select(*keys, func.count()).group_by(*keys).order_by(*keys)
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).all()
        counts: dict[int, list[int]] = {}
        for week, place, count in rows:
            counts.setdefault(_monday_ms(week), [0] * (len(inner_edges) + 1))[place] = count
        return {week: tuple(row) for week, row in counts.items()}


def newest_labels(*, by_source: bool = False) -> Subquery:
    """The number of the newest label of each session, or of each session and source."""
    keys = (labels.c.session_id, labels.c.source) if by_source else (labels.c.session_id,)
    return select(func.max(labels.c.number).label("number")).group_by(*keys).subquery()


def _of(tenant_id: str | None) -> tuple[ColumnElement[bool], ...]:
    """Sessions of a tenant; None: of all but the sandboxes, whose scores are made up."""
    if tenant_id is None:
        return (~sessions.c.tenant_id.endswith(SANDBOX_SUFFIX, autoescape=True),)
    return (sessions.c.tenant_id == tenant_id,)


def _week(unix_ms: ColumnElement[int]) -> ColumnElement[int]:
    """Weeks, counted from the one that the epoch began in."""
    return (unix_ms - _MONDAY_MS) // WEEK_MS


def _monday_ms(week: int) -> int:
    return week * WEEK_MS + _MONDAY_MS


def _label(row: RowMapping, prefix: str = "") -> LabelRecord:
    return LabelRecord(**{field.name: row[prefix + field.name] for field in fields(LabelRecord)})


def _labelled(row: RowMapping) -> LabelledSession:
    values = {name: row[name] for name in _JUDGED}
    for name in ("reasons", "reason_weights", "evidence"):
        values[name] = None if values[name] is None else tuple(values[name])
    return LabelledSession(
        number=row["label_number"],
        user_hmac=row["user_hmac"],
        label=_label(row, "label_"),
        **values,
    )
