"""Alerts as they are raised and worked on, for pages that show them live.

    new ── first follower ──▶ polling ── last follower leaves ──▶ idle ── aclose() ──▶ closed

The alerts of all processes are in the database, so that one task looks there for what has changed, once a
second, and only while somebody follows. A follower that reads too slowly loses the oldest news: each
says only that an alert has changed, and the page reads it anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from kyc_rtc.clock import Clock
from kyc_rtc.errors import AtCapacity, StorageUnavailable
from kyc_rtc.storage.alert_lists import AlertLists
from kyc_rtc.storage.records import AlertRecord

LOOK_EVERY_MS: Final = 1_000.0
OVERLAP_MS: Final = 150_000
"""Each look goes back so far: a session holds what it has to store for two minutes while
the database is away (`limits.storage_hold_s`), and clocks of machines differ."""

MAX_CHANGES: Final = 500
MAX_FOLLOWERS_OF_TENANT: Final = 50
MAX_FOLLOWERS: Final = 500
MAX_PENDING: Final = 100
RETRY_AFTER_S: Final = 10

log = structlog.get_logger(__name__)

_Mark = tuple[str, int | None, int | None, int | None]
"""What of an alert was seen: its id, and when it was assigned, acknowledged and resolved."""


class _Follower:
    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self._pending: deque[Mapping[str, Any]] = deque(maxlen=MAX_PENDING)
        self._filled = asyncio.Event()
        self._closed = False

    def put(self, news: Mapping[str, Any]) -> None:
        self._pending.append(news)
        self._filled.set()

    def close(self) -> None:
        self._closed = True
        self._filled.set()

    async def news(self) -> AsyncIterator[Mapping[str, Any]]:
        """News as they come, until the feed closes."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._pending:
                yield self._pending.popleft()
            if self._closed:
                return


class AlertFeed:
    """Implements the live part of `AlertsInterface`."""

    def __init__(self, alerts: AlertLists, clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock
        self._followers: list[_Follower] = []
        self._seen: dict[str, frozenset[_Mark]] = {}
        self._root: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def following(self, tenant_id: str) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        """News of a tenant's alerts from now on: whatever a list that is read meanwhile lacks comes here.

        Raises:
            AtCapacity: too many follow. StorageUnavailable: it cannot be known what there is now.
        """
        own = sum(follower.tenant_id == tenant_id for follower in self._followers)
        is_full = len(self._followers) >= MAX_FOLLOWERS or own >= MAX_FOLLOWERS_OF_TENANT
        if self._closed or is_full:
            raise AtCapacity(
                "too many follow the alerts", hint="ask again later", retry_after_s=RETRY_AFTER_S
            )
        follower = _Follower(tenant_id)
        self._followers.append(follower)
        try:
            if tenant_id not in self._seen:
                found = await self._changed(tenant_id)
                self._seen.setdefault(tenant_id, frozenset(found))
            if self._root is None and not self._closed:
                self._root = asyncio.create_task(self._run(), name="root-alert-feed")
            yield follower.news()
        finally:
            self._followers.remove(follower)
            if not any(other.tenant_id == tenant_id for other in self._followers):
                self._seen.pop(tenant_id, None)
            if not self._followers:
                await self._stop()

    async def aclose(self) -> None:
        """End all followers. Idempotent."""
        self._closed = True
        for follower in self._followers:
            follower.close()
        await self._stop()

    async def _stop(self) -> None:
        root, self._root = self._root, None
        if root is not None:
            root.cancel()
            await asyncio.gather(root, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep_ms(LOOK_EVERY_MS)
            try:
                for tenant_id in list(self._seen):
                    await self._look(tenant_id)
            except StorageUnavailable:
                log.warning("storage_unavailable", task="alert-feed")
            except Exception:  # the root of the task: the next look has to come
                log.exception("root_task_failed", task="alert-feed")

    async def _look(self, tenant_id: str) -> None:
        """Tell the followers of a tenant what is new."""
        found = await self._changed(tenant_id)
        before = self._seen.get(tenant_id)
        if before is None:  # the last of them left meanwhile
            return
        for mark, alert in found.items():
            if mark not in before:
                self._send(alert)
        self._seen[tenant_id] = frozenset(found)

    async def _changed(self, tenant_id: str) -> dict[_Mark, AlertRecord]:
        since_ms = self._clock.now_ms() - OVERLAP_MS
        found = await self._alerts.changed(tenant_id, since_ms, MAX_CHANGES)
        return {_mark(alert): alert for alert in found}

    def _send(self, alert: AlertRecord) -> None:
        news = {
            "type": "alert",
            "alert_id": alert.alert_id,
            "alert_type": alert.type,
            "severity": alert.severity,
            "change": _change(alert),
        }
        for follower in self._followers:
            if follower.tenant_id == alert.tenant_id:
                follower.put(news)


def _mark(alert: AlertRecord) -> _Mark:
    return (
        alert.alert_id,
        alert.assigned_at_ms,
        alert.acknowledged_at_ms,
        alert.resolved_at_ms,
    )


def _change(alert: AlertRecord) -> str:
    """What happened to it last."""
    times = {
        "raised": alert.created_at_ms,
        "assigned": alert.assigned_at_ms,
        "acknowledged": alert.acknowledged_at_ms,
        "resolved": alert.resolved_at_ms,
    }
    return max(times, key=lambda name: times[name] or 0)
