"""Deliveries in the store: from the outbox to what is to be sent, leases on it, and what became of it.

Delivered at least once: who dies between sending and `finish` leaves a lease that runs out, and another
sends again. Times are the caller's clock, in Unix milliseconds; leases are long against what the clocks of
two machines differ by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from kyc_rtc.errors import Conflict, NotFound
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.delivery_records import (
    MAX_REASON_LENGTH,
    DeliveryAttempt,
    DeliveryQuery,
    DeliveryRecord,
    DeliveryState,
    NewDelivery,
    OutboxRecord,
    Target,
)
from kyc_rtc.storage.fan_out import store_planned, take_rows
from kyc_rtc.storage.pruning import delete_in_batches
from kyc_rtc.storage.records import Position
from kyc_rtc.storage.tables import alerts, deliveries, delivery_attempts, outbox
from kyc_rtc.storage.values import MAX_ID_LENGTH, can_be_id, check_integer, check_limit, check_text

MAX_FANNED_OUT: Final = 500
MAX_DELIVERIES_LISTED: Final = 500
MAX_LEASED: Final = 500
MAX_TARGETS: Final = 1_000
ANY_DELIVERY: Final = DeliveryQuery()

Plan = Callable[[OutboxRecord], Iterable[NewDelivery]]
"""What has to be sent of a row of the outbox. Pure: it is called inside of a transaction."""


class DeliveryStore(Protocol):
    """Deliveries, kept until their session is deleted or they are pruned."""

    async def fan_out(self, plan: Plan, now_ms: int, patience_ms: int, limit: int = 100) -> int:
        """Turn at most `limit` (1..500) rows of the outbox into deliveries; how many. Several processes
        may call it at once. `patience_ms`: for how long after it is due a delivery is tried.

        Raises:
            BadRequest: another limit.
            Conflict: another process plans the same deliveries just now; nothing was changed.
        """

    async def add(self, planned: Sequence[NewDelivery], now_ms: int, patience_ms: int) -> None:
        """Store deliveries that come from no row of the outbox.

        Raises:
            Conflict: another process stores the same ones just now, or there is no such session.
        """

    async def due_targets(self, now_ms: int) -> list[Target]:
        """Where something has to be sent now; at most 1000."""

    async def lease(
        self, target: Target, by: str, now_ms: int, lease_ms: int, limit: int
    ) -> list[DeliveryRecord]:
        """Take at most `limit` (1..500) due deliveries of a target, the earliest first. They are the
        caller's, named `by`, for `lease_ms`.

        Raises:
            BadRequest: another limit, or `by` cannot be stored.
        """

    async def finish(
        self, attempt: DeliveryAttempt, by: str, retry_at_ms: int | None
    ) -> DeliveryAttempt | None:
        """Record an attempt, as it is numbered; None where the delivery was deleted meanwhile. Where it
        failed, it is due again at `retry_at_ms`; None: it is given up.

        A success counts whoever has the lease by now; a failure changes the delivery of the caller's own
        lease only.
        """

    async def postpone(self, delivery_id: str, by: str, due_at_ms: int) -> None:
        """Give a lease back without an attempt. Changes nothing where it is another's by now."""

    async def settle(self) -> int:
        """Cancel deliveries that were waiting for an acknowledgement that has come; how many."""

    async def retry_now(
        self, tenant_id: str, delivery_id: str, now_ms: int, patience_ms: int
    ) -> DeliveryRecord:
        """Send a delivery again, whatever became of it; as it is then.

        Raises:
            NotFound: the tenant has no such delivery.
        """

    async def get(self, tenant_id: str, delivery_id: str) -> DeliveryRecord:
        """Raises NotFound: the tenant has no such delivery."""

    async def attempts(self, tenant_id: str, delivery_id: str) -> list[DeliveryAttempt]:
        """The attempts of a delivery in order; empty where the tenant has none such."""

    async def listed(
        self,
        tenant_id: str,
        query: DeliveryQuery = ANY_DELIVERY,
        after: Position | None = None,
        limit: int = MAX_DELIVERIES_LISTED,
    ) -> list[DeliveryRecord]:
        """A tenant's deliveries behind `after`, the newest first, and then by id.

        Raises:
            BadRequest: a limit outside 1..500.
        """

    async def count_by_state(self) -> dict[str, int]:
        """How many deliveries are in each state; a state without any is absent."""

    async def prune(self, before_ms: int) -> int:
        """Delete deliveries from before then that are not pending, the oldest first; how many.

        Deletes batch by batch, and stops after many of them: the next call goes on.
        """


class SqlDeliveryStore:
    """`DeliveryStore` on a `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fan_out(self, plan: Plan, now_ms: int, patience_ms: int, limit: int = 100) -> int:
        check_limit(limit, MAX_FANNED_OUT)
        oldest = select(outbox.c.number, outbox.c.session_id).order_by(outbox.c.number).limit(limit)
        async with self._database.begin() as connection:
            if not await connection.scalar(select(exists(oldest))):
                return 0
        try:
            async with self._database.begin(write=True) as connection:
                rows = await take_rows(connection, oldest)
                planned = [new for row in rows for new in plan(row)]
                await store_planned(connection, planned, now_ms, patience_ms)
                numbers = [row.number for row in rows]
                await connection.execute(delete(outbox).where(outbox.c.number.in_(numbers)))
        except IntegrityError:
            raise Conflict("another process plans the same deliveries") from None
        return len(numbers)

    async def add(self, planned: Sequence[NewDelivery], now_ms: int, patience_ms: int) -> None:
        try:
            async with self._database.begin(write=True) as connection:
                await store_planned(connection, planned, now_ms, patience_ms)
        except IntegrityError:
            raise Conflict("the delivery is stored already, or has no session") from None

    async def due_targets(self, now_ms: int) -> list[Target]:
        keys = (deliveries.c.kind, deliveries.c.target)
        statement = select(*keys).where(_is_due(now_ms)).distinct().order_by(*keys)
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement.limit(MAX_TARGETS))).all()
        return [Target(kind, name) for kind, name in rows]

    async def lease(
        self, target: Target, by: str, now_ms: int, lease_ms: int, limit: int
    ) -> list[DeliveryRecord]:
        check_limit(limit, MAX_LEASED)
        check_text("by", by, MAX_ID_LENGTH)
        due = (
            select(deliveries.c.delivery_id)
            .where(
                deliveries.c.kind == target.kind,
                deliveries.c.target == target.name,
                _is_due(now_ms),
            )
            .order_by(deliveries.c.due_at_ms, deliveries.c.delivery_id)
            .limit(limit)
            .with_for_update(of=deliveries, skip_locked=True)
        )
        async with self._database.begin(write=True) as connection:
            ids = list(await connection.scalars(due))
            if not ids:
                return []
            taken = (
                update(deliveries)
                .where(deliveries.c.delivery_id.in_(ids))
                .values(leased_until_ms=now_ms + lease_ms, leased_by=by)
                .returning(deliveries)
            )
            rows = (await connection.execute(taken)).mappings().all()
        records = [DeliveryRecord(**row) for row in rows]
        return sorted(records, key=lambda record: (record.due_at_ms, record.delivery_id))

    async def finish(
        self, attempt: DeliveryAttempt, by: str, retry_at_ms: int | None
    ) -> DeliveryAttempt | None:
        own = deliveries.c.delivery_id == attempt.delivery_id
        columns = (deliveries.c.attempts, deliveries.c.state, deliveries.c.leased_by)
        async with self._database.begin(write=True) as connection:
            row = (await connection.execute(select(*columns).where(own).with_for_update())).first()
            if row is None:
                return None
            numbered = asdict(attempt) | {
                "number": row.attempts + 1,
                "reason": attempt.reason[:MAX_REASON_LENGTH],
            }
            await connection.execute(insert(delivery_attempts).values(numbered))
            changes: dict[str, Any] = {"attempts": row.attempts + 1}
            if row.state == DeliveryState.PENDING and (attempt.ok or row.leased_by == by):
                changes |= _outcome(attempt, retry_at_ms)
            await connection.execute(update(deliveries).where(own).values(changes))
        return DeliveryAttempt(**numbered)

    async def postpone(self, delivery_id: str, by: str, due_at_ms: int) -> None:
        statement = (
            update(deliveries)
            .where(
                deliveries.c.delivery_id == delivery_id,
                deliveries.c.leased_by == by,
                deliveries.c.state == DeliveryState.PENDING,
            )
            .values(due_at_ms=due_at_ms, leased_by=None, leased_until_ms=None)
        )
        async with self._database.begin(write=True) as connection:
            await connection.execute(statement)

    async def settle(self) -> int:
        due = (
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.until_acknowledged,
            _is_settled(),
        )
        async with self._database.begin() as connection:
            if not await connection.scalar(select(exists().where(*due))):
                return 0
        statement = update(deliveries).where(*due)
        values = {"state": DeliveryState.CANCELLED, "leased_by": None, "leased_until_ms": None}
        async with self._database.begin(write=True) as connection:
            return (await connection.execute(statement.values(values))).rowcount

    async def retry_now(
        self, tenant_id: str, delivery_id: str, now_ms: int, patience_ms: int
    ) -> DeliveryRecord:
        if can_be_id(delivery_id):
            statement = (
                update(deliveries)
                .where(_is_of(tenant_id, delivery_id))
                .values(
                    state=DeliveryState.PENDING,
                    due_at_ms=now_ms,
                    give_up_at_ms=now_ms + patience_ms,
                    until_acknowledged=False,  # somebody asks for it
                    leased_by=None,
                    leased_until_ms=None,
                )
            )
            async with self._database.begin(write=True) as connection:
                await connection.execute(statement)
        return await self.get(tenant_id, delivery_id)

    async def get(self, tenant_id: str, delivery_id: str) -> DeliveryRecord:
        if not can_be_id(delivery_id):
            raise NotFound("no such delivery")
        statement = select(deliveries).where(_is_of(tenant_id, delivery_id))
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound("no such delivery")
        return DeliveryRecord(**row)

    async def attempts(self, tenant_id: str, delivery_id: str) -> list[DeliveryAttempt]:
        if not can_be_id(delivery_id):
            return []
        statement = (
            select(delivery_attempts)
            .join(deliveries, deliveries.c.delivery_id == delivery_attempts.c.delivery_id)
            .where(_is_of(tenant_id, delivery_id))
            .order_by(delivery_attempts.c.number)
        )
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [DeliveryAttempt(**row) for row in rows]

    async def listed(
        self,
        tenant_id: str,
        query: DeliveryQuery = ANY_DELIVERY,
        after: Position | None = None,
        limit: int = MAX_DELIVERIES_LISTED,
    ) -> list[DeliveryRecord]:
        check_limit(limit, MAX_DELIVERIES_LISTED)
        wanted = {name: value for name, value in asdict(query).items() if value is not None}
        at_ms, key = deliveries.c.created_at_ms, deliveries.c.delivery_id
        statement = (
            select(deliveries)
            .where(
                deliveries.c.tenant_id == tenant_id,
                *(deliveries.c[name] == value for name, value in wanted.items()),
            )
            .order_by(at_ms.desc(), key)
            .limit(limit)
        )
        if after is not None:
            behind = and_(at_ms <= after.at_ms, or_(at_ms < after.at_ms, key > after.id))
            statement = statement.where(behind)
        async with self._database.begin() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [DeliveryRecord(**row) for row in rows]

    async def count_by_state(self) -> dict[str, int]:
        statement = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        async with self._database.begin() as connection:
            return dict((await connection.execute(statement)).all())

    async def prune(self, before_ms: int) -> int:
        check_integer("before_ms", before_ms)
        due = (
            select(deliveries.c.delivery_id)
            .where(
                deliveries.c.created_at_ms < before_ms,
                deliveries.c.state != DeliveryState.PENDING,
            )
            .order_by(deliveries.c.created_at_ms)
        )
        return await delete_in_batches(self._database, deliveries, due)


def _outcome(attempt: DeliveryAttempt, retry_at_ms: int | None) -> Mapping[str, Any]:
    free = {"leased_by": None, "leased_until_ms": None}
    if attempt.ok:
        delivered_at_ms = attempt.at_ms + attempt.took_ms
        return {**free, "state": DeliveryState.DELIVERED.value, "delivered_at_ms": delivered_at_ms}
    if retry_at_ms is None:
        return {**free, "state": DeliveryState.GIVEN_UP.value}
    return {**free, "due_at_ms": retry_at_ms}


def _is_of(tenant_id: str, delivery_id: str) -> ColumnElement[bool]:
    return (deliveries.c.delivery_id == delivery_id) & (deliveries.c.tenant_id == tenant_id)


def _is_due(now_ms: int) -> ColumnElement[bool]:
    return and_(
        deliveries.c.state == DeliveryState.PENDING,
        deliveries.c.due_at_ms <= now_ms,
        or_(deliveries.c.leased_until_ms.is_(None), deliveries.c.leased_until_ms <= now_ms),
        or_(~deliveries.c.until_acknowledged, ~_is_settled()),
    )


def _is_settled() -> ColumnElement[bool]:
    return exists().where(
        alerts.c.alert_id == deliveries.c.alert_id,
        or_(alerts.c.acknowledged_at_ms.is_not(None), alerts.c.resolved_at_ms.is_not(None)),
    )
