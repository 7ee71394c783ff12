"""The live feed of alerts: what is new for a tenant, on a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.errors import AtCapacity, StorageUnavailable
from kyc_rtc.ids import new_session_id
from kyc_rtc.sessions.alert_feed import (
    LOOK_EVERY_MS,
    MAX_FOLLOWERS_OF_TENANT,
    MAX_PENDING,
    OVERLAP_MS,
    AlertFeed,
)
from kyc_rtc.storage.alert_lists import AlertListQuery
from kyc_rtc.storage.records import AlertRecord, Position
from tests.support.clock import ManualClock, settle
from tests.support.memory_store import an_alert

SESSION = new_session_id()


class Rows:
    """Implements `AlertLists`. `failing`: the next look fails."""

    def __init__(self) -> None:
        self.rows: list[AlertRecord] = []
        self.asked: list[int] = []
        self.failing: Exception | None = None

    async def page(
        self, query: AlertListQuery, after: Position | None, limit: int
    ) -> list[AlertRecord]:
        raise AssertionError((query, after, limit))

    async def changed(self, tenant_id: str, since_ms: int, limit: int) -> list[AlertRecord]:
        self.asked.append(since_ms)
        if self.failing is not None:
            error, self.failing = self.failing, None
            raise error
        return [row for row in self.rows if row.tenant_id == tenant_id][:limit]


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def feed(rows: Rows, clock: ManualClock) -> AsyncIterator[AlertFeed]:
    made = AlertFeed(rows, clock)
    yield made
    await made.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@asynccontextmanager
async def reader(feed: AlertFeed, tenant_id: str) -> AsyncIterator[list[tuple[str, str]]]:
    """Follows a tenant's alerts: what it has heard so far, ids of alerts and what happened to each."""
    heard: list[tuple[str, str]] = []

    async def read(news: AsyncIterator[Mapping[str, Any]]) -> None:
        async for one in news:
            heard.append((one["alert_id"], one["change"]))  # noqa: PERF401 - until it is cancelled

    async with feed.following(tenant_id) as news:
        reading = asyncio.create_task(read(news))
        await settle()
        yield heard
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_what_was_there_before_is_no_news(
    feed: AlertFeed, rows: Rows, clock: ManualClock
) -> None:
    rows.rows = [an_alert(SESSION, tenant_id="bank-a")]
    async with reader(feed, "bank-a") as heard:
        await clock.advance(3 * LOOK_EVERY_MS)
        assert heard == []


async def test_news_are_of_ones_own_tenant(feed: AlertFeed, rows: Rows, clock: ManualClock) -> None:
    async with reader(feed, "bank-a") as mine, reader(feed, "bank-b") as others:
        alert = an_alert(SESSION, tenant_id="bank-a")
        rows.rows = [alert]
        await clock.advance(2 * LOOK_EVERY_MS)
        assert (mine, others) == ([(alert.alert_id, "raised")], [])


async def test_each_step_of_an_alert_is_told_once(
    feed: AlertFeed, rows: Rows, clock: ManualClock
) -> None:
    alert = an_alert(SESSION, tenant_id="bank-a", created_at_ms=clock.now_ms())
    async with reader(feed, "bank-a") as heard:
        rows.rows = [alert]
        await clock.advance(LOOK_EVERY_MS)
        assigned = replace(
            alert, assigned_at_ms=clock.now_ms() + 5, assigned_to="a", assigned_by="b"
        )
        rows.rows = [assigned]
        await clock.advance(3 * LOOK_EVERY_MS)
        assert heard == [(alert.alert_id, "raised"), (alert.alert_id, "assigned")]


async def test_looks_overlap_and_stop_without_followers(
    feed: AlertFeed, rows: Rows, clock: ManualClock
) -> None:
    began_ms = clock.now_ms()
    async with feed.following("bank-a"):
        await settle()
        await clock.advance(2 * LOOK_EVERY_MS)
    looks = [began_ms + 1_000 * number - OVERLAP_MS for number in range(3)]
    assert rows.asked == looks
    await clock.advance(10 * LOOK_EVERY_MS)
    assert len(rows.asked) == 3


@pytest.mark.parametrize("error", [StorageUnavailable("away"), RuntimeError("a bug")])
async def test_a_look_that_fails_is_made_up_for(
    feed: AlertFeed, rows: Rows, clock: ManualClock, error: Exception
) -> None:
    async with reader(feed, "bank-a") as heard:
        rows.failing = error
        alert = an_alert(SESSION, tenant_id="bank-a")
        rows.rows = [alert]
        await clock.advance(LOOK_EVERY_MS)
        assert heard == []
        await clock.advance(LOOK_EVERY_MS)
        assert heard == [(alert.alert_id, "raised")]


async def test_who_reads_too_slowly_loses_the_oldest(
    feed: AlertFeed, rows: Rows, clock: ManualClock
) -> None:
    async with feed.following("bank-a") as news:
        await settle()
        rows.rows = [an_alert(SESSION, tenant_id="bank-a") for _ in range(MAX_PENDING + 5)]
        await clock.advance(LOOK_EVERY_MS)
        await feed.aclose()
        heard = [one["alert_id"] async for one in news]
    assert heard == [alert.alert_id for alert in rows.rows[5:]]


async def test_there_is_room_for_so_many(feed: AlertFeed) -> None:
    places = [feed.following("bank-a") for _ in range(MAX_FOLLOWERS_OF_TENANT)]
    for place in places:
        await place.__aenter__()
    with pytest.raises(AtCapacity):
        await feed.following("bank-a").__aenter__()
    async with feed.following("bank-b"):
        pass
    for place in places:
        await place.__aexit__(None, None, None)


async def test_closing_ends_the_news(feed: AlertFeed) -> None:
    async with feed.following("bank-a") as news:
        await settle()
        await feed.aclose()
        assert [one async for one in news] == []
    with pytest.raises(AtCapacity):
        await feed.following("bank-a").__aenter__()
