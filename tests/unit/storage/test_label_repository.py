"""What the label repository does, over each database."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.scopes import sandbox_of
from kyc_rtc.storage import (
    Database,
    LabelledSession,
    LabelRecord,
    Outcome,
    SessionRecord,
    SqlLabelRepository,
    SqlSessionStore,
)
from kyc_rtc.storage.labels import MAX_LABELS_OF_SESSION, WEEK_MS, week_start_ms
from tests.support.memory_store import a_session
from tests.unit.storage.stores import FINAL_STATES, SEALER, step_back, step_forward

MONDAY_MS = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp() * 1_000)


@pytest.fixture
def labels(database: Database) -> SqlLabelRepository:
    return SqlLabelRepository(database)


@pytest.fixture
def sessions(database: Database) -> SqlSessionStore:
    return SqlSessionStore(database, SEALER, FINAL_STATES)


def judged(status: str = "PASSED", **changes: Any) -> SessionRecord:
    values = {
        "state": status.lower(),
        "verdict_status": status,
        "deepfake_score": 0.3,
        "updated_at_ms": MONDAY_MS,
        "evidence": ({"analyser": "swap", "score": 0.3, "confidence": 0.9, "reasons": []},),
    }
    return a_session(**(values | changes))


def a_label(session_id: SessionId, label: str = "attack", **changes: Any) -> LabelRecord:
    values: dict[str, Any] = {"source": "agent", "labelled_by": "agent-7", "labelled_at_ms": 5_000}
    return LabelRecord(session_id=session_id, label=label, **(values | changes))


def as_labelled(number: int, session: SessionRecord, label: LabelRecord) -> LabelledSession:
    shared = {field.name for field in fields(LabelledSession)} - {"number", "user_hmac", "label"}
    values: dict[str, Any] = {name: getattr(session, name) for name in shared}
    return LabelledSession(
        number=number, user_hmac=SEALER.digest(session.user_id), label=label, **values
    )


async def test_a_label_reaches_sessions_of_its_tenant_only(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    session = judged(tenant_id="bank-1")
    await sessions.open(session, [])
    with pytest.raises(NotFound):
        await labels.add(a_label(session.session_id, tenant_id="bank-2"))
    record = a_label(session.session_id, tenant_id="bank-1")
    await labels.add(record)
    assert await labels.history(session.session_id) == [record]


async def test_every_label_is_kept_in_order(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    session = judged()
    await sessions.open(session, [])
    assert await labels.history(session.session_id) == []
    records = [
        a_label(session.session_id, species="replay", note="zoë: «phone»\n", labelled_at_ms=9_000),
        a_label(session.session_id, "bona_fide", source="chargeback"),  # a clock went back
        a_label(session.session_id, "bona_fide", note=""),
    ]
    for record in records:
        await labels.add(record)
    assert await labels.history(session.session_id) == records
    assert await labels.history(new_session_id()) == []
    assert await labels.history(SessionId("\x00")) == []


async def test_sessions_of_an_older_program_can_be_labelled(
    database: Database, sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    session = judged()
    await sessions.open(session, [])
    await step_back(database, "0001")
    await step_forward(database)
    label = a_label(session.session_id)
    await labels.add(label)
    assert await labels.labelled() == [as_labelled(1, session, label)]


async def test_a_label_needs_a_session_with_a_verdict(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    with pytest.raises(NotFound):
        await labels.add(a_label(new_session_id()))
    waiting = a_session()
    cancelled = a_session(state="cancelled")
    for session in (waiting, cancelled):
        await sessions.open(session, [])
        with pytest.raises(Conflict, match="no verdict"):
            await labels.add(a_label(session.session_id))
        assert await labels.history(session.session_id) == []


async def test_a_session_takes_so_many_labels(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    session, other = judged(), judged()
    for one in (session, other):
        await sessions.open(one, [])
    for _ in range(MAX_LABELS_OF_SESSION):
        await labels.add(a_label(session.session_id))
    with pytest.raises(Conflict, match="takes no more"):
        await labels.add(a_label(session.session_id))
    await labels.add(a_label(other.session_id))
    assert len(await labels.history(session.session_id)) == MAX_LABELS_OF_SESSION


async def test_labels_that_come_at_once_are_all_kept(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    session = judged()
    await sessions.open(session, [])
    records = [a_label(session.session_id, labelled_by=f"agent-{n}") for n in range(20)]
    await asyncio.gather(*map(labels.add, records))
    kept = await labels.history(session.session_id)
    assert {record.labelled_by for record in kept} == {record.labelled_by for record in records}


async def test_labels_go_with_their_session(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    session, other = judged(), judged()
    for one in (session, other):
        await sessions.open(one, [])
        await labels.add(a_label(one.session_id))
    await sessions.delete(session.session_id)
    assert await labels.history(session.session_id) == []
    assert [one.session_id for one in await labels.labelled()] == [other.session_id]


async def test_outcomes_count_each_session_once(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    assert await labels.outcomes(by_source=False) == []
    corrected, twice, later = (
        judged(),
        judged(),
        judged("FAILED", updated_at_ms=MONDAY_MS + WEEK_MS),
    )
    for session in (corrected, twice, later):
        await sessions.open(session, [])
    for label in (
        a_label(corrected.session_id, species="replay"),
        a_label(corrected.session_id, "bona_fide"),
        a_label(twice.session_id, "bona_fide"),
        a_label(twice.session_id, source="chargeback", species="face_swap"),
        a_label(later.session_id, "bona_fide"),
    ):
        await labels.add(label)
    next_week = MONDAY_MS + WEEK_MS
    found = await labels.outcomes(by_source=False)
    assert set(found) == {
        Outcome(MONDAY_MS, "bona_fide", None, "PASSED", None, 1),
        Outcome(MONDAY_MS, "attack", "face_swap", "PASSED", None, 1),
        Outcome(next_week, "bona_fide", None, "FAILED", None, 1),
    }
    assert set(await labels.outcomes(by_source=True)) == {
        Outcome(MONDAY_MS, "bona_fide", None, "PASSED", "agent", 2),
        Outcome(MONDAY_MS, "attack", "face_swap", "PASSED", "chargeback", 1),
        Outcome(next_week, "bona_fide", None, "FAILED", "agent", 1),
    }


async def test_labelled_sessions_come_page_by_page(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    records = [judged(user_id=f"applicant-{n}") for n in range(5)]
    for record in (*records, judged()):
        await sessions.open(record, [])
    for record in records:
        await labels.add(a_label(record.session_id, source="chargeback"))
    newest = a_label(records[0].session_id, "bona_fide", note="corrected")
    await labels.add(newest)
    pages, after = [], 0
    while page := await labels.labelled(after, 2):
        pages.append(page)
        after = page[-1].number
    assert [len(page) for page in pages] == [2, 2, 1]
    found = [one for page in pages for one in page]
    ids = [record.session_id for record in (*records[1:], records[0])]
    assert [one.session_id for one in found] == ids
    assert found[-1] == as_labelled(found[-1].number, records[0], newest)
    for limit in (0, 1_001):
        with pytest.raises(BadRequest):
            await labels.labelled(0, limit)


async def test_scores_are_counted_by_week_and_bin(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    sunday_ms = MONDAY_MS - 1
    for record in (
        *(judged(deepfake_score=score) for score in (0.0, 0.0999, 0.1, 0.5, 1.0)),
        judged("INCONCLUSIVE", deepfake_score=None),
        a_session(deepfake_score=0.7, updated_at_ms=MONDAY_MS),  # no verdict yet
        judged("FAILED", deepfake_score=0.9, updated_at_ms=sunday_ms),
        judged(deepfake_score=0.2, updated_at_ms=MONDAY_MS + WEEK_MS - 1),
    ):
        await sessions.open(record, [])
    last_week = MONDAY_MS - WEEK_MS
    everything = {last_week: (0, 0, 1), MONDAY_MS: (2, 2, 2)}
    assert await labels.weekly_scores((0.1, 0.5), 0) == everything
    assert await labels.weekly_scores((0.1, 0.5), MONDAY_MS) == {MONDAY_MS: (2, 2, 2)}
    assert await labels.weekly_scores((0.5,), MONDAY_MS + WEEK_MS) == {}


@given(st.integers(0, 2**42))
def test_a_week_begins_on_monday(unix_ms: int) -> None:
    start_ms = week_start_ms(unix_ms)
    assert 0 <= unix_ms - start_ms < WEEK_MS
    assert (start_ms + 3 * 86_400_000) % WEEK_MS == 0
    assert week_start_ms(start_ms) == start_ms


@pytest.mark.parametrize(
    "changes",
    [
        {"label": ""},
        {"label": "x" * 65},
        {"source": ""},
        {"labelled_by": ""},
        {"labelled_by": "x" * 257},
        {"labelled_by": "nul\x00"},
        {"note": "x" * 2_001},
        {"note": "\ud800"},
        {"species": ""},
        {"labelled_at_ms": -1},
    ],
)
def test_what_cannot_be_stored_is_not_a_label(changes: dict[str, Any]) -> None:
    values = {"label": "attack"} | changes
    with pytest.raises(BadRequest):
        a_label(new_session_id(), **values)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(
    note=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200)
)
async def test_any_note_comes_back(database: Database, note: str) -> None:
    session = judged()
    await SqlSessionStore(database, SEALER, FINAL_STATES).open(session, [])
    repository = SqlLabelRepository(database)
    record = a_label(session.session_id, note=note, labelled_by=f"'; DROP TABLE labels; --{note}")
    await repository.add(record)
    assert await repository.history(session.session_id) == [record]


async def test_a_sandbox_counts_for_nobody_but_itself(
    sessions: SqlSessionStore, labels: SqlLabelRepository
) -> None:
    """Its scores are made up."""
    sandbox = sandbox_of("bank-a")
    record = judged(tenant_id=sandbox, deepfake_score=0.93)
    await sessions.open(record, [])
    await labels.add(a_label(record.session_id, tenant_id=sandbox))
    assert await labels.weekly_scores((0.5,), 0) == {}
    assert await labels.outcomes(by_source=False) == []
    assert await labels.labelled() == []
    assert len(await labels.outcomes(sandbox, by_source=False)) == 1
