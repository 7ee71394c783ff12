"""The task that turns the outbox into deliveries and sends them.

    new ── start() ──▶ running ── aclose() ──▶ closed

A round plans, then takes what is due of each target, as much as the target has places for; each delivery is
sent by a task of its own. A target that hangs fills its own places and nobody else's.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from kyc_rtc.clock import Clock, within
from kyc_rtc.delivery.backoff import retry_at_ms
from kyc_rtc.delivery.ports import FailureObserver, Outcome, Planner, Sender
from kyc_rtc.errors import Conflict, StorageUnavailable
from kyc_rtc.storage.deliveries import DeliveryStore, Plan
from kyc_rtc.storage.delivery_records import (
    DeliveryAttempt,
    DeliveryRecord,
    NewDelivery,
    OutboxRecord,
    Target,
)

ROUND_EVERY_MS: Final = 500.0
AFTER_AN_ERROR_MS: Final = 2_000.0
SETTLE_EVERY_MS: Final = 10_000.0
PRUNE_EVERY_MS: Final = 3_600_000.0
LATE_AFTER_MS: Final = 30_000.0
"""Without a round that succeeded for so long, the worker counts as ill."""
_BATCH: Final = 100
_MAX_BATCHES: Final = 10
"""So many batches of the outbox are planned before something is sent."""
_RECORD_EVERY_MS: Final = 1_000.0
_CLOSE_LIMIT_MS: Final = 5_000.0
DAY_MS: Final = 86_400_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much at once, and for how long. `per_tenant`: of one kind, where that is one `of_tenants`, whose
    targets belong to one tenant each. `kept_days`: of deliveries that are over."""

    send_timeout_ms: int = 10_000
    patience_ms: int = 24 * 3_600_000
    per_target: int = 4
    per_tenant: int = 16
    of_tenants: frozenset[str] = frozenset()
    in_all: int = 64
    kept_days: int = 90

    @property
    def lease_ms(self) -> int:
        """Long enough to send and to record it, with a database that is away for a while."""
        return self.send_timeout_ms + 60_000


class DeliveryWorker:
    """One for each process; several share a database."""

    def __init__(
        self,
        store: DeliveryStore,
        senders: Mapping[str, Sender],
        planners: Sequence[Planner],
        clock: Clock,
        draw: Callable[[], float],
        limits: WorkerLimits = WorkerLimits(),
        observer: FailureObserver | None = None,
    ) -> None:
        """`senders`: by kind. `draw`: uniform in 0..1, for the jitter."""
        self._store = store
        self._senders = dict(senders)
        self._planners = tuple(planners)
        self._clock = clock
        self._draw = draw
        self._limits = limits
        self._observer = observer
        self._name = str(uuid.uuid4())
        self._root: asyncio.Task[None] | None = None
        self._closed = False
        self._wake = asyncio.Event()
        self._sending: dict[asyncio.Task[None], DeliveryRecord] = {}
        self._tenants: dict[Target, str] = {}
        # One at a time: the sessions share the connections, and their commits come first.
        self._recording = asyncio.Lock()
        self._round_at_ms = 0.0
        self._rounds = 0
        self._settled_at_ms = self._pruned_at_ms = float("-inf")

    async def start(self) -> None:
        """Begin. Idempotent; does nothing once it was closed."""
        if self._root is None and not self._closed:
            self._round_at_ms = self._clock.monotonic_ms()
            self._root = asyncio.create_task(self._run(), name="root-delivery")

    async def aclose(self) -> None:
        """End. What is being sent has 5 s to end; whatever is cut off is sent again by another process once
        its lease runs out. Idempotent."""
        self._closed = True
        root, self._root = self._root, None
        if root is not None:
            root.cancel()
            await asyncio.gather(root, return_exceptions=True)
        tasks = list(self._sending)
        if tasks:
            with suppress(TimeoutError):
                await within(_CLOSE_LIMIT_MS, asyncio.wait(tasks), self._clock)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def problems(self) -> tuple[str, ...]:
        """`delivery`, where its task died or has done no round for too long; else nothing."""
        if self._root is None:
            return ()
        late = self._clock.monotonic_ms() - self._round_at_ms > LATE_AFTER_MS
        return ("delivery",) if late or self._root.done() else ()

    async def _run(self) -> None:
        while True:
            pause_ms = ROUND_EVERY_MS
            try:
                await self.round()
            except StorageUnavailable:
                log.warning("storage_unavailable", task="delivery")
                pause_ms = AFTER_AN_ERROR_MS
            except Exception:  # the root of the task: the next round has to run
                log.exception("root_task_failed", task="delivery")
                pause_ms = AFTER_AN_ERROR_MS
            await self._pause(pause_ms)

    async def _pause(self, pause_ms: float) -> None:
        """Until the time is over, or a place is free."""
        with suppress(TimeoutError):
            await within(pause_ms, self._wake.wait(), self._clock)
        self._wake.clear()

    async def round(self) -> None:
        """Plan, and begin to send what is due.

        Raises:
            StorageUnavailable: the database is away; nothing is lost.
        """
        await self._plan()
        await self._settle()
        for target in self._in_turn(await self._store.due_targets(self._clock.now_ms())):
            await self._begin(target)
        self._round_at_ms = self._clock.monotonic_ms()
        await self._prune()

    def _in_turn(self, targets: Sequence[Target]) -> list[Target]:
        """All of them, each round from another one on: where many hang, the others get their places."""
        self._rounds += 1
        self._tenants = {one: self._tenants[one] for one in targets if one in self._tenants}
        first = self._rounds % len(targets) if targets else 0
        return [*targets[first:], *targets[:first]]

    async def _plan(self) -> None:
        for _ in range(_MAX_BATCHES):
            plans = [await planner.plan() for planner in self._planners]
            now_ms, patience_ms = self._clock.now_ms(), self._limits.patience_ms
            try:
                done = await self._store.fan_out(_all_of(plans), now_ms, patience_ms, _BATCH)
            except Conflict:  # another process was quicker with the same rows
                return
            if done < _BATCH:
                return

    async def _settle(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._settled_at_ms >= SETTLE_EVERY_MS:
            self._settled_at_ms = now_ms
            await self._store.settle()

    async def _prune(self) -> None:
        """Seldom, and last: nothing that is to be sent waits for it."""
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._pruned_at_ms >= PRUNE_EVERY_MS:
            self._pruned_at_ms = now_ms
            await self._store.prune(self._clock.now_ms() - self._limits.kept_days * DAY_MS)

    async def _begin(self, target: Target) -> None:
        """Send what is due of a target, as far as there are places."""
        sender, places = self._senders.get(target.kind), self._places(target)
        if sender is None or places < 1:
            return
        limits = self._limits
        now_ms = self._clock.now_ms()
        for delivery in await self._store.lease(
            target, self._name, now_ms, limits.lease_ms, places
        ):
            task = asyncio.create_task(
                self._deliver(sender, delivery), name=f"delivery-{delivery.delivery_id}"
            )
            self._sending[task] = delivery
            self._tenants[target] = delivery.tenant_id
            task.add_done_callback(self._ended)

    def _places(self, target: Target) -> int:
        """How many more may be sent to a target at once. One tenant's endpoints that hang leave places for
        those of others; whose a target is shows with the first delivery to it."""
        limits, under_way = self._limits, self._sending.values()
        of_target = sum(Target(one.kind, one.target) == target for one in under_way)
        free = min(limits.per_target - of_target, limits.in_all - len(self._sending))
        if target.kind not in limits.of_tenants:
            return free
        tenant_id = self._tenants.get(target)
        if tenant_id is None:
            return min(free, 1)
        of_tenant = Counter(one.tenant_id for one in under_way if one.kind == target.kind)
        return min(free, limits.per_tenant - of_tenant[tenant_id])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._wake.set()

    async def _deliver(self, sender: Sender, delivery: DeliveryRecord) -> None:
        at_ms, began_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        outcome = await self._sent(sender, delivery)
        attempt = DeliveryAttempt(
            delivery_id=delivery.delivery_id,
            number=delivery.attempts + 1,
            at_ms=at_ms,
            ok=outcome.ok,
            status=outcome.status,
            reason=outcome.reason,
            took_ms=round(self._clock.monotonic_ms() - began_ms),
        )
        try:
            recorded = await self._record(delivery, attempt, began_ms)
            if recorded is not None:
                await self._report(delivery, recorded)
        except StorageUnavailable:
            log.warning("storage_unavailable", task="delivery", delivery_id=delivery.delivery_id)
        except Exception:  # the root of the task: the lease runs out, and it is sent again
            log.exception("delivery_not_recorded", delivery_id=delivery.delivery_id)

    async def _sent(self, sender: Sender, delivery: DeliveryRecord) -> Outcome:
        limit_ms = self._limits.send_timeout_ms
        try:
            return await within(limit_ms, sender.send(delivery), self._clock)
        except TimeoutError:
            return Outcome(False, reason=f"no answer within {limit_ms / 1000:g} s")
        except Exception as error:  # noqa: BLE001 - whatever a receiver, or a library, does
            log.warning(
                "delivery_raised", kind=delivery.kind, target=delivery.target, error=_name_of(error)
            )
            return Outcome(False, reason=_name_of(error))

    async def _record(
        self, delivery: DeliveryRecord, attempt: DeliveryAttempt, began_ms: float
    ) -> DeliveryAttempt | None:
        """Record it, trying for as long as the lease lasts.

        Raises:
            StorageUnavailable: the database was away until then; it is sent again.
        """
        while True:
            now_ms = self._clock.now_ms()
            due_ms = retry_at_ms(attempt.number, now_ms, delivery.give_up_at_ms, self._draw())
            try:
                async with self._recording:
                    return await self._store.finish(attempt, self._name, due_ms)
            except StorageUnavailable:
                held_ms = self._clock.monotonic_ms() - began_ms
                if held_ms + _RECORD_EVERY_MS > self._limits.lease_ms:
                    raise
            await self._clock.sleep_ms(_RECORD_EVERY_MS)

    async def _report(self, delivery: DeliveryRecord, attempt: DeliveryAttempt) -> None:
        facts = {
            "delivery_id": delivery.delivery_id,
            "kind": delivery.kind,
            "target": delivery.target,
            "topic": delivery.topic,
            "number": attempt.number,
            "status": attempt.status,
            "took_ms": attempt.took_ms,
        }
        if attempt.ok:
            log.info("delivery_sent", **facts)
        else:
            log.warning("delivery_failed", **facts)
        if not attempt.ok and self._observer is not None:
            await self._observer.failed(delivery, attempt)


def _all_of(plans: Sequence[Plan]) -> Plan:
    def plan(row: OutboxRecord) -> Iterator[NewDelivery]:
        for one in plans:
            yield from one(row)

    return plan


def _name_of(error: Exception) -> str:
    return type(error).__name__
