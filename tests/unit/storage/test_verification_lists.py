"""Pages of verifications and of alerts: order, filters, and that nothing is missed or comes twice."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import AlertId, SessionId, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database, Position, SessionRecord, Terms, VerificationLists
from kyc_rtc.storage.alerts import AlertQuery
from kyc_rtc.storage.lists import VerificationQuery, VerificationSummary
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import Store, a_process, opened, put_alerts, sql_store
from tests.unit.storage.test_storage_statements import _plan, watched

ANY = VerificationQuery(DEFAULT_TENANT)
_NUMBERS = itertools.count(1)


async def put(store: Store, **changes: Any) -> SessionRecord:
    """A verification, with its last attempt in the state that is asked for."""
    record = a_session(**({"last_seq": 0} | changes))
    await store.sessions.open(record, [])
    return record


async def all_pages(
    lists: VerificationLists, query: VerificationQuery, limit: int
) -> list[VerificationSummary]:
    found: list[VerificationSummary] = []
    position: Position | None = None
    while page := await lists.page(query, position, limit):
        assert len(page) <= limit
        found += page
        position = Position(page[-1].created_at_ms, page[-1].verification_id)
    return found


@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_pages_give_each_once_the_newest_first(store: Store, limit: int) -> None:
    made = [await put(store, created_at_ms=1_000 + number // 3) for number in range(8)]
    found = await all_pages(store.lists, ANY, limit)
    expected = sorted(made, key=lambda row: (row.created_at_ms, row.session_id), reverse=True)
    assert [row.verification_id for row in found] == [row.session_id for row in expected]


async def test_what_comes_meanwhile_moves_nothing(store: Store) -> None:
    made = [await put(store, created_at_ms=1_000 + number) for number in range(6)]
    first = await store.lists.page(ANY, None, 3)
    await put(store, created_at_ms=2_000)
    await store.sessions.delete(made[5].session_id)  # a row of the first page
    position = Position(first[-1].created_at_ms, first[-1].verification_id)
    second = await store.lists.page(ANY, position, 3)
    assert [row.verification_id for row in (*first, *second)] == [
        record.session_id for record in reversed(made)
    ]


async def test_a_row_says_what_the_attempts_are(store: Store) -> None:
    first = await put(
        store, user_id="Ada", state="failed", verdict_status="FAILED", terms=Terms("thorough")
    )
    retry = replace(
        first,
        session_id=SessionId(new_session_id()),
        attempt=2,
        state="created",
        verdict_status=None,
        updated_at_ms=3_000,
        expires_at_ms=99_000,
    )
    await store.sessions.add_attempt(retry, [])
    [row] = await store.lists.page(ANY, None, 10)
    assert (row.verification_id, row.user_id, row.profile) == (first.session_id, "Ada", "thorough")
    assert [(a.session_id, a.attempt, a.state, a.verdict_status) for a in row.attempts] == [
        (first.session_id, 1, "failed", "FAILED"),
        (retry.session_id, 2, "created", None),
    ]
    assert (row.attempts[1].updated_at_ms, row.attempts[1].expires_at_ms) == (3_000, 99_000)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (VerificationQuery(DEFAULT_TENANT, user_id="Ada"), {"a1", "a2"}),
        (VerificationQuery(DEFAULT_TENANT, user_id="ada"), set()),
        (VerificationQuery(DEFAULT_TENANT, states=frozenset({"created"})), {"a1", "b"}),
        (
            VerificationQuery(DEFAULT_TENANT, states=frozenset({"created", "passed"})),
            {"a1", "a2", "b"},
        ),
        (VerificationQuery(DEFAULT_TENANT, states=frozenset()), set()),
        (VerificationQuery(DEFAULT_TENANT, from_ms=200), {"a2", "b"}),
        (VerificationQuery(DEFAULT_TENANT, from_ms=200, to_ms=300), {"a2"}),
        (VerificationQuery(DEFAULT_TENANT, to_ms=200), {"a1"}),
        (VerificationQuery(DEFAULT_TENANT, "Ada", frozenset({"passed"}), 100, 201), {"a2"}),
    ],
)
async def test_filters(store: Store, query: VerificationQuery, expected: set[str]) -> None:
    made = {
        "a1": await put(store, user_id="Ada", created_at_ms=100),
        "a2": await put(store, user_id="Ada", created_at_ms=200, state="passed"),
        "b": await put(store, user_id="Ben", created_at_ms=300),
    }
    found = {row.verification_id for row in await store.lists.page(query, None, 10)}
    assert found == {made[name].session_id for name in expected}


@pytest.mark.parametrize("limit", [-1, 0, 501])
async def test_other_limits_are_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.lists.page(ANY, None, limit)


async def test_alerts_are_filtered_and_paged(store: Store) -> None:
    one, other = await put(store), await put(store)
    made = [
        an_alert(
            (one, other)[number % 2].session_id,
            alert_id=AlertId(f"alert-{number}"),
            severity=("high", "low")[number // 4],
            type=("replay_detected", "face_changed")[number % 3 == 0],
            created_at_ms=2_000 + number // 2,
        )
        for number in range(8)
    ]
    await put_alerts(store, *made)
    await store.alerts.acknowledge(made[5].alert_id, DEFAULT_TENANT, "somebody", 9_000)
    for query, fits in (
        (AlertQuery(DEFAULT_TENANT), lambda _: True),
        (AlertQuery(DEFAULT_TENANT, severity="low"), lambda a: a.severity == "low"),
        (AlertQuery(DEFAULT_TENANT, type="face_changed"), lambda a: a.type == "face_changed"),
        (
            AlertQuery(DEFAULT_TENANT, session_id=other.session_id),
            lambda a: a.session_id == other.session_id,
        ),
        (
            AlertQuery(DEFAULT_TENANT, "low", "replay_detected", one.session_id),
            lambda a: a is made[4],
        ),
    ):
        wanted = [a.alert_id for a in made if a is not made[5] and fits(a)]
        found = []
        position: Position | None = None
        while page := await store.alerts.active(query, 2, position):
            found += [alert.alert_id for alert in page]
            position = Position(page[-1].created_at_ms, page[-1].alert_id)
        assert sorted(found) == sorted(wanted)
        times = {alert.alert_id: -alert.created_at_ms for alert in made}
        assert found == sorted(found, key=lambda key: (times[key], key))


@pytest.mark.parametrize(
    "query",
    [
        ANY,
        VerificationQuery(DEFAULT_TENANT, user_id="Ada"),
        VerificationQuery(DEFAULT_TENANT, from_ms=5, to_ms=9_000),
    ],
)
async def test_a_page_is_found_by_an_index(sqlite_url: str, query: VerificationQuery) -> None:
    async with opened(sqlite_url) as database:
        store = sql_store(database)
        await a_process(store)
        for _ in range(50):
            await put(store, user_id="Ada")
        await _is_indexed(database, sqlite_url, store, query)


async def _is_indexed(database: Database, url: str, store: Store, query: VerificationQuery) -> None:
    with watched(database) as watch:
        await store.lists.page(query, Position(1_001, "x"), 20)
    plans = {sql: _plan(url, sql, values) for sql, values in watch.statements}
    selects = {sql: plan for sql, plan in plans.items() if sql != "BEGIN"}
    assert len(selects) == 2
    for sql, plan in selects.items():
        assert "SCAN" not in plan, (sql, plan)
        if query is ANY:
            assert "TEMP B-TREE" not in plan or "FROM sessions" in sql, (sql, plan)
