"""The terms of a verification: kept for all attempts, what may be personal encrypted; ids of labels."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from kyc_rtc.errors import BadRequest, Conflict
from kyc_rtc.ids import new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database, LabelRecord, SqlLabelRepository, Terms
from kyc_rtc.storage.labels import MAX_LABELS_OF_SESSION
from kyc_rtc.storage.tables import verifications
from tests.support.memory_store import a_session
from tests.unit.storage.stores import (
    Store,
    a_commit,
    a_process,
    an_owned_session,
    sql_store,
    step_back,
    step_forward,
)

TERMS = Terms(
    "thorough",
    "de-CH",
    "https://bank.example/back?c=4711",
    {"case": "Ada & Böb", "empty": ""},
    ("head_turn", "nod"),
)


@pytest.mark.parametrize(
    "terms",
    [TERMS, Terms(), Terms(locale="en"), Terms(metadata={"a": "b"}), Terms(exclude=("blink",))],
)
async def test_terms_come_back_with_every_attempt(store: Store, terms: Terms) -> None:
    first = a_session(terms=terms)
    await store.sessions.open(first, [])
    retry = replace(first, session_id=new_session_id(), attempt=2, terms=Terms())
    await store.sessions.add_attempt(retry, [])
    attempts = await store.sessions.attempts(first.session_id)
    assert [attempt.terms for attempt in attempts] == [terms, terms]
    assert (await store.sessions.get(first.session_id)).terms == terms


async def test_a_commit_changes_no_terms(store: Store) -> None:
    record = await an_owned_session(store, await a_process(store), terms=TERMS)
    await store.sessions.commit(a_commit(record, state="live", terms=Terms()))
    assert (await store.sessions.get(record.session_id)).terms == TERMS


async def test_what_may_be_personal_is_encrypted(database: Database) -> None:
    await sql_store(database).sessions.open(a_session(terms=TERMS), [])
    async with database.begin() as connection:
        row = (await connection.execute(select(verifications))).mappings().one()
    stored = " ".join(map(repr, row.values()))
    for personal in ("4711", "bank.example", "Ada", "case", "head_turn"):
        assert personal not in stored
    assert (row["profile"], row["locale"]) == ("thorough", "de-CH")


@pytest.mark.parametrize(
    "values",
    [
        {"profile": ""},
        {"profile": "p" * 33},
        {"locale": "l" * 36},
        {"return_url": "u" * 2_001},
        {"metadata": {str(number): "" for number in range(21)}},
        {"metadata": {"": "x"}},
        {"metadata": {"k" * 41: "x"}},
        {"metadata": {"k": "v" * 501}},
        {"metadata": {"k": "\ud800"}},
        {"metadata": {"k": "\x00"}},
    ],
)
def test_what_cannot_be_stored_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=next(iter(values))):
        Terms(**values)


async def test_verifications_of_before_and_after_the_migration(database: Database) -> None:
    store = sql_store(database)
    with_terms, without = a_session(terms=TERMS), a_session()
    for record in (with_terms, without):
        await store.sessions.open(record, [])
    await step_back(database, "0007")
    async with database.begin() as connection:
        rows = (await connection.execute(text("SELECT * FROM verifications"))).mappings().all()
    assert {row["verification_id"] for row in rows} == {with_terms.session_id, without.session_id}
    assert "terms_sealed" not in rows[0]
    await step_forward(database)
    assert await store.sessions.get(without.session_id) == without
    assert await store.sessions.get(with_terms.session_id) == replace(with_terms, terms=Terms())
    assert (await store.idempotency.begin(DEFAULT_TENANT, "key", "request", 1)).answer is None


# Labels that a repeated call creates once


async def a_labelled(database: Database) -> LabelRecord:
    """A label for a session that has a verdict."""
    store = sql_store(database)
    record = await an_owned_session(store, await a_process(store))
    await store.sessions.commit(a_commit(record, state="failed", verdict_status="FAILED"))
    return LabelRecord(
        record.session_id, "attack", "agent", "the desk", 5_000, label_id=new_session_id()
    )


async def test_a_label_of_one_id_is_stored_once(database: Database) -> None:
    label = await a_labelled(database)
    labels = SqlLabelRepository(database)
    later = replace(label, labelled_at_ms=6_000)
    assert await labels.add(label) == label
    assert await labels.add(later) == label
    assert await labels.history(label.session_id) == [label]
    plain = replace(label, label_id=None)
    for _ in range(2):
        assert await labels.add(plain) == plain
    assert await labels.history(label.session_id) == [label, plain, plain]


async def test_ten_labels_of_one_id_at_once_are_one(database: Database) -> None:
    label = await a_labelled(database)
    labels = SqlLabelRepository(database)
    versions = [replace(label, labelled_at_ms=6_000 + number) for number in range(10)]
    stored = await asyncio.gather(*map(labels.add, versions))
    assert [stored[0]] * 10 == list(stored)
    assert await labels.history(label.session_id) == [stored[0]]


async def test_a_repeat_of_the_last_label_that_fits_is_not_a_conflict(database: Database) -> None:
    label = await a_labelled(database)
    labels = SqlLabelRepository(database)
    for _ in range(MAX_LABELS_OF_SESSION - 1):
        await labels.add(replace(label, label_id=None))
    await labels.add(label)
    assert await labels.add(label) == label
    with pytest.raises(Conflict):
        await labels.add(replace(label, label_id=new_session_id()))
