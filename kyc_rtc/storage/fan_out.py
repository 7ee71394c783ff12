"""From rows of the outbox to rows of deliveries, inside of a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc_rtc.storage.delivery_records import DeliveryState, NewDelivery, OutboxRecord
from kyc_rtc.storage.tables import deliveries, outbox, sessions


async def take_rows(connection: AsyncConnection, oldest: Select[Any]) -> list[OutboxRecord]:
    """The oldest rows that no other process has. Their sessions are locked first, in the order in which a
    deletion locks, so that the two never wait for each other."""
    seen = (await connection.execute(oldest)).all()
    ids = sorted({row.session_id for row in seen})
    kept = (
        select(sessions.c.session_id)
        .where(sessions.c.session_id.in_(ids))
        .order_by(sessions.c.session_id)
        .with_for_update(key_share=True, read=True, skip_locked=True)
    )
    ids = list(await connection.scalars(kept))
    own = (
        select(outbox)
        .where(outbox.c.number.in_([row.number for row in seen]), outbox.c.session_id.in_(ids))
        .order_by(outbox.c.number)
        .with_for_update(skip_locked=True)
    )
    rows = (await connection.execute(own)).mappings().all()
    return [OutboxRecord(**row) for row in rows]


async def store_planned(
    connection: AsyncConnection, planned: Iterable[NewDelivery], now_ms: int, patience_ms: int
) -> None:
    """Insert what is new; what is there already counts once more. All processes take the rows in one order,
    so that none waits for another that waits for it.
    """
    counts: dict[str, int] = {}
    first: dict[str, NewDelivery] = {}
    for new in planned:
        counts[new.dedupe_key] = counts.get(new.dedupe_key, 0) + 1
        first.setdefault(new.dedupe_key, new)
    statement = select(deliveries.c.dedupe_key).where(deliveries.c.dedupe_key.in_(list(first)))
    known = set(await connection.scalars(statement)) if first else set()
    if known:
        again = (
            update(deliveries)
            .where(deliveries.c.dedupe_key == bindparam("key"))
            .values(count=deliveries.c.count + bindparam("more"))
        )
        await connection.execute(
            again, [{"key": key, "more": counts[key]} for key in sorted(known)]
        )
    rows = [
        _new_row(new, counts[key], now_ms, patience_ms)
        for key, new in sorted(first.items())
        if key not in known
    ]
    if rows:
        await connection.execute(insert(deliveries), rows)


def _new_row(new: NewDelivery, count: int, now_ms: int, patience_ms: int) -> dict[str, Any]:
    row = {field.name: getattr(new, field.name) for field in fields(new) if field.name != "target"}
    return row | {
        "delivery_id": str(uuid.uuid4()),
        "kind": new.target.kind,
        "target": new.target.name,
        "count": count,
        "created_at_ms": now_ms,
        "give_up_at_ms": max(now_ms, new.due_at_ms) + patience_ms,
        "attempts": 0,
        "state": DeliveryState.PENDING.value,
    }
