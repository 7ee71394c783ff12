"""What the repository of features does: for sessions over each store, for training over each database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, inspect, select, text

from kyc_rtc.detection.features import FEATURE_NAMES
from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.storage import (
    Database,
    FeaturesRecord,
    LabelRecord,
    SqlFeaturesRepository,
    SqlFootageRepository,
    SqlLabelRepository,
    SqlSessionStore,
)
from kyc_rtc.storage.features import MAX_FEATURES
from kyc_rtc.storage.footage import FootageRecord
from kyc_rtc.storage.tables import features as table
from kyc_rtc.storage.values import MAX_JSON_BYTES
from tests.support.memory_store import a_session
from tests.unit.storage.stores import FINAL_STATES, SEALER, Store, step_back, step_forward

SOME = {"jitter_nose": -4.25, "net_swap.high": 1e-9}


async def judged(
    database: Database, user_id: str = "applicant", measured: dict[str, float] | None = None
) -> SessionId:
    """A session that came to a verdict, with these features."""
    session = a_session(user_id=user_id, state="passed", verdict_status="PASSED")
    await SqlSessionStore(database, SEALER, FINAL_STATES).open(session, [])
    if measured:
        await SqlFeaturesRepository(database).add(FeaturesRecord(session.session_id, measured))
    return session.session_id


async def label(database: Database, session_id: SessionId, kind: str, species: str | None) -> None:
    record = LabelRecord(session_id, kind, "agent", "agent-7", 5_000, species)
    await SqlLabelRepository(database).add(record)


async def stored(database: Database) -> dict[str, Any]:
    """What the table holds, by session."""
    async with database.begin() as connection:
        rows = (await connection.execute(select(table))).mappings().all()
    return {row["session_id"]: row["by_name"] for row in rows}


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


# Over each store


async def test_a_session_has_features_once(store: Store) -> None:
    session = a_session()
    await store.sessions.open(session, [])
    await store.features.add(FeaturesRecord(session.session_id, SOME))
    await store.features.add(FeaturesRecord(session.session_id, SOME))  # said again
    with pytest.raises(Conflict):
        await store.features.add(FeaturesRecord(session.session_id, {"jitter_nose": 1.0}))


async def test_features_need_their_session_and_go_with_it(store: Store) -> None:
    session = a_session()
    await store.sessions.open(session, [])
    await store.features.add(FeaturesRecord(session.session_id, SOME))
    assert await store.sessions.delete(session.session_id)
    with pytest.raises(NotFound):
        await store.features.add(FeaturesRecord(session.session_id, SOME))
    with pytest.raises(NotFound):
        await store.features.add(FeaturesRecord(new_session_id(), SOME))


# Over each database


async def test_deleting_a_session_deletes_its_features_alone(database: Database) -> None:
    gone, stays = (
        await judged(database, "a", SOME),
        await judged(database, "b", {"rough_nose": 2.0}),
    )
    assert await SqlSessionStore(database, SEALER, FINAL_STATES).delete(gone)
    assert await stored(database) == {stays: {"rough_nose": 2.0}}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(
    measured=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
        .map(lambda name: name[:64])
        .filter(bool),
        st.floats(allow_nan=False, allow_infinity=False),
        min_size=1,
        max_size=8,
    )
)
async def test_any_figures_come_back(database: Database, measured: dict[str, float]) -> None:
    session_id = await judged(database)
    await SqlFeaturesRepository(database).add(FeaturesRecord(session_id, measured))
    assert (await stored(database))[session_id] == measured


async def test_the_newest_label_counts_and_pages_end(database: Database) -> None:
    repository = SqlFeaturesRepository(database)
    assert await repository.labelled() == []
    ids = [await judged(database, f"applicant-{n}", {"jitter_nose": float(n)}) for n in range(4)]
    bare = await judged(database, "applicant-bare")
    for session_id in (*ids[:3], bare):
        await label(database, session_id, "attack", "replay")
    await label(database, ids[0], "bona_fide", None)  # a correction: it comes last now
    first = await repository.labelled(limit=3)
    found = [*first, *await repository.labelled(after=first[-1].number, limit=3)]
    assert [(one.user_hmac, one.label, one.species) for one in found] == [
        (SEALER.digest("applicant-1"), "attack", "replay"),
        (SEALER.digest("applicant-2"), "attack", "replay"),
        (SEALER.digest("applicant-bare"), "attack", "replay"),
        (SEALER.digest("applicant-0"), "bona_fide", None),
    ]
    read = [None if one.features is None else json.loads(one.features) for one in found]
    assert read == [{"jitter_nose": 1.0}, {"jitter_nose": 2.0}, None, {"jitter_nose": 0.0}]
    assert await repository.labelled(after=found[-1].number) == []


async def test_what_another_program_wrote_is_cut_and_costs_no_other_row(database: Database) -> None:
    long, junk = await judged(database, "long"), await judged(database, "junk")
    plain = await judged(database, "plain", SOME)
    values = {long: f'["{"x" * MAX_JSON_BYTES}"]', junk: "[1, null]"}
    async with database.begin() as connection:
        for session_id, value in values.items():
            insert = text(
                "INSERT INTO features (session_id, tenant_id, by_name) VALUES (:id, 'default', :value)"
            )
            if connection.dialect.name == "postgresql":
                insert = text(
                    "INSERT INTO features (session_id, tenant_id, by_name) "
                    "VALUES (:id, 'default', CAST(:value AS JSON))"
                )
            await connection.execute(insert, {"id": session_id, "value": value})
    for session_id in (long, junk, plain):
        await label(database, session_id, "bona_fide", None)
    found = {
        one.user_hmac: one.features for one in await SqlFeaturesRepository(database).labelled()
    }
    assert len(found[SEALER.digest("long")] or "") == MAX_JSON_BYTES + 1
    assert found[SEALER.digest("junk")] == "[1, null]"
    assert json.loads(found[SEALER.digest("plain")] or "") == SOME


async def test_the_migration_goes_forward_and_back_with_data_in_it(database: Database) -> None:
    session_id = await judged(database, measured=SOME)
    await label(database, session_id, "bona_fide", None)
    await SqlFootageRepository(database).add(FootageRecord(session_id, 1, b"record"))
    await step_back(database, "0004")
    async with database.begin() as connection:
        assert "features" not in await connection.run_sync(tables)
    await step_forward(database)
    assert await stored(database) == {}
    await SqlFeaturesRepository(database).add(FeaturesRecord(session_id, SOME))
    (found,) = await SqlFeaturesRepository(database).labelled()
    assert json.loads(found.features or "") == SOME
    (earlier,) = await SqlFootageRepository(database).latest(10, a_session())
    assert (earlier.session_id, earlier.record) == (session_id, b"record")


async def test_the_rows_follow_the_name_of_the_table(database: Database) -> None:
    session_id = await judged(database, measured=SOME)
    await label(database, session_id, "bona_fide", None)
    await step_back(database, "0011")
    async with database.begin() as connection:
        assert "features" not in await connection.run_sync(tables)
        rows = await connection.execute(text("SELECT session_id, tenant_id FROM measures"))
        assert rows.all() == [(session_id, "default")]
    await step_forward(database)
    async with database.begin() as connection:
        assert "measures" not in await connection.run_sync(tables)
    (found,) = await SqlFeaturesRepository(database).labelled()
    assert json.loads(found.features or "") == SOME


@pytest.mark.parametrize("limit", [-1, 0, 1_001])
async def test_an_unbounded_list_is_refused(database: Database, limit: int) -> None:
    with pytest.raises(BadRequest):
        await SqlFeaturesRepository(database).labelled(0, limit)


# The record


def test_the_features_of_this_version_fit() -> None:
    record = FeaturesRecord(
        new_session_id(), dict.fromkeys(FEATURE_NAMES, -1.2345678901234567e-300)
    )
    assert list(record.by_name) == list(FEATURE_NAMES)


def test_a_record_shares_nothing_with_its_maker() -> None:
    measured = dict(SOME)
    record = FeaturesRecord(new_session_id(), measured)
    measured.clear()
    assert record.by_name == SOME


@pytest.mark.parametrize(
    ("session_id", "by_name"),
    [
        ("", SOME),
        ("x" * 37, SOME),
        ("id", {}),
        ("id", {f"m{n}": 1.0 for n in range(MAX_FEATURES + 1)}),
        ("id", {f"{n:064}": "y" * 200 for n in range(MAX_FEATURES)}),
        ("id", {"": 1.0}),
        ("id", {"x" * 65: 1.0}),
        ("id", {"a\x00b": 1.0}),
        ("id", {1: 1.0}),
        ("id", {"a": float("nan")}),
        ("id", {"a": float("inf")}),
        ("id", {"a": 2**63}),
        ("id", {"a": True}),
        ("id", {"a": None}),
        ("id", {"a": "1.0"}),
        ("id", {"a": [1.0]}),
        ("id", {"a": {"b": 1.0}}),
    ],
)
def test_what_cannot_be_stored_is_refused(session_id: str, by_name: dict[Any, Any]) -> None:
    with pytest.raises(BadRequest):
        FeaturesRecord(SessionId(session_id), by_name)
