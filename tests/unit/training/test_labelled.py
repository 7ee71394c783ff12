"""Labelled sessions become training samples: what is usable is used, what is not is counted."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from kyc_rtc.detection.features import FEATURE_NAMES
from kyc_rtc.errors import BadRequest, SettingsError
from kyc_rtc.storage import (
    Database,
    FeaturesRecord,
    LabelledFeatures,
    LabelRecord,
    Sealer,
    SqlFeaturesRepository,
    SqlLabelRepository,
    SqlSessionStore,
)
from kyc_rtc.storage.values import MAX_JSON_BYTES
from tests.support.memory_store import a_session
from training.labelled import MOST, LabelledSamples, Unused, fold_of, read_samples, to_samples

FIRST, SECOND = FEATURE_NAMES[:2]
SEALER = Sealer("a secret")


def record(
    features: object = None, label: str = "bona_fide", species: str | None = None, user: str = "u"
) -> LabelledFeatures:
    """A labelled session; `features` as text is stored as it is, None is none."""
    if features is None or isinstance(features, str):
        return LabelledFeatures(1, user, label, species, features)
    return LabelledFeatures(1, user, label, species, json.dumps(features))


def test_a_session_is_a_row_with_gaps() -> None:
    samples = to_samples([record({FIRST: 2, SECOND: -0.5}), record({SECOND: 1.5})], 10)
    assert samples.features.shape == (2, len(FEATURE_NAMES))
    assert samples.features[0, :2].tolist() == [2.0, -0.5]
    assert np.isnan(samples.features[0, 2:]).all()
    assert math.isnan(samples.features[1, 0])
    assert samples.species == ("bona_fide", "bona_fide")
    assert not samples.unused


@pytest.mark.parametrize(
    ("label", "species", "expected"),
    [
        ("bona_fide", None, "bona_fide"),
        ("bona_fide", "replay", "bona_fide"),
        ("attack", "face_swap", "face_swap"),
        ("attack", "talking_head", "talking_head"),
        ("attack", "deepfake_other", "deepfake_other"),
        ("attack", "replay", "replay"),
        ("attack", "print_or_replay", "print_or_replay"),
        ("attack", None, Unused.SPECIES),
        ("attack", "bona_fide", Unused.SPECIES),
        ("attack", "mask", Unused.SPECIES),
        ("", None, Unused.LABEL),
        ("Attack", "replay", Unused.LABEL),
    ],
)
def test_a_label_decides_what_a_session_trains(
    label: str, species: str | None, expected: str | Unused
) -> None:
    samples = to_samples([record({FIRST: 1.0}, label, species)], 10)
    if isinstance(expected, Unused):
        assert (samples.species, dict(samples.unused)) == ((), {expected: 1})
    else:
        assert (samples.species, dict(samples.unused)) == ((expected,), {})


@pytest.mark.parametrize(
    ("stored", "unused"),
    [
        (None, {Unused.NO_FEATURES: 1}),
        ({}, {Unused.NO_FEATURES: 1}),
        ({"of_another_version": 1.0}, {Unused.NAME: 1, Unused.NO_FEATURES: 1}),
        ({FIRST: None, SECOND: "1"}, {Unused.VALUE: 2, Unused.NO_FEATURES: 1}),
        ({FIRST: True}, {Unused.VALUE: 1, Unused.NO_FEATURES: 1}),
        ({FIRST: [1.0], SECOND: {"x": 1}}, {Unused.VALUE: 2, Unused.NO_FEATURES: 1}),
        ({FIRST: MOST + 1, SECOND: -1e300}, {Unused.VALUE: 2, Unused.NO_FEATURES: 1}),
        (f'{{"{FIRST}": NaN, "{SECOND}": Infinity}}', {Unused.VALUE: 2, Unused.NO_FEATURES: 1}),
        (f'{{"{FIRST}": 1e999}}', {Unused.VALUE: 1, Unused.NO_FEATURES: 1}),
        (f'{{"{FIRST}": 1{"0" * 400}}}', {Unused.VALUE: 1, Unused.NO_FEATURES: 1}),
        (f'{{"{FIRST}": 1{"0" * 5_000}}}', {Unused.UNREADABLE: 1}),
        ("", {Unused.UNREADABLE: 1}),
        ("null", {Unused.UNREADABLE: 1}),
        ("[1.0]", {Unused.UNREADABLE: 1}),
        ("1.0", {Unused.UNREADABLE: 1}),
        ('{"', {Unused.UNREADABLE: 1}),
        ("[" * MAX_JSON_BYTES, {Unused.UNREADABLE: 1}),
        ('{"a":' * 10_000, {Unused.UNREADABLE: 1}),
        (f'{{"{FIRST}": 1.0}}'.ljust(MAX_JSON_BYTES + 1), {Unused.UNREADABLE: 1}),
    ],
)
def test_junk_trains_nothing_and_is_counted(stored: object, unused: dict[Unused, int]) -> None:
    samples = to_samples([record(stored)], 10)
    assert samples.species == ()
    assert samples.features.shape == (0, len(FEATURE_NAMES))
    assert dict(samples.unused) == unused


def test_what_is_usable_of_a_row_is_used() -> None:
    stored = {FIRST: MOST, SECOND: "x", "of_another_version": 1.0}
    samples = to_samples([record(stored)], 10)
    assert samples.features[0, 0] == MOST
    assert np.isnan(samples.features[0, 1:]).all()
    assert dict(samples.unused) == {Unused.NAME: 1, Unused.VALUE: 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
STORED = (
    st.none()
    | st.text(max_size=40)
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(FEATURE_NAMES) | st.text(max_size=5), JSON).map(json.dumps)
)
RECORDS = st.builds(
    LabelledFeatures,
    number=st.integers(1),
    user_hmac=st.text(max_size=8),
    label=st.sampled_from(["bona_fide", "attack"]) | st.text(max_size=5),
    species=st.none() | st.sampled_from(["face_swap", "replay"]) | st.text(max_size=5),
    features=STORED,
)
SESSIONS = (Unused.LABEL, Unused.SPECIES, Unused.NO_FEATURES, Unused.UNREADABLE)


@given(st.lists(RECORDS, max_size=12), st.integers(1, 12))
def test_every_session_is_used_or_counted(records: list[LabelledFeatures], folds: int) -> None:
    samples = to_samples(records, folds)
    count = len(samples.species)
    assert count + sum(samples.unused.get(reason, 0) for reason in SESSIONS) == len(records)
    assert samples.features.shape == (count, len(FEATURE_NAMES))
    assert samples.fold.shape == (count,)
    assert samples.fold.dtype == np.int64
    assert set(samples.fold.tolist()) <= set(range(folds))
    seen = ~np.isnan(samples.features)
    assert seen.any(axis=1).all()
    assert (np.abs(samples.features[seen]) <= MOST).all()


@given(st.lists(st.text(max_size=12), min_size=1, max_size=20), st.integers(1, 12))
def test_an_applicant_is_on_one_side_of_a_fold(users: list[str], folds: int) -> None:
    samples = to_samples([record({FIRST: 1.0}, user=user) for user in (*users, *users)], folds)
    assert samples.fold[: len(users)].tolist() == samples.fold[len(users) :].tolist()
    assert samples.fold[0] == fold_of(users[0], folds)


def test_applicants_are_spread_over_the_folds() -> None:
    counts = np.bincount([fold_of(f"customer-{n}", 10) for n in range(2_000)], minlength=10)
    assert counts.min() > 150


def test_the_report_counts_and_names_nobody() -> None:
    records = [record({FIRST: 1.0}, "attack", "replay", user="Ada-Applicant")] * 2
    records += [record({FIRST: 1.0}), record(), record({FIRST: 1.0}, "attack", "<b>mask</b>")]
    report = to_samples(records, 10).report()
    assert "| bona_fide | 1 |\n" in report
    assert "| replay | 2 |\n" in report
    assert f"- 1 {Unused.NO_FEATURES.value}\n" in report
    assert f"- 1 {Unused.SPECIES.value}\n" in report
    assert "Ada" not in report
    assert "mask" not in report
    assert "Left out" in LabelledSamples().report()


# From a database


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite3"


Row = tuple[dict[str, float] | None, list[tuple[str, str | None]]]
"""Features, and the labels in their order."""


async def store(url: str, rows: list[Row], junk: str | None = None) -> None:
    """One applicant's sessions. `junk` takes the place of all stored JSON."""
    database = Database(url)
    await database.open()
    for measured, labels in rows:
        session = a_session(user_id="Ada-Applicant", state="passed", verdict_status="PASSED")
        await SqlSessionStore(database, SEALER, {"expired"}).open(session, [])
        if measured:
            await SqlFeaturesRepository(database).add(FeaturesRecord(session.session_id, measured))
        for label, species in labels:
            values: dict[str, Any] = {"source": "agent", "labelled_by": "a", "labelled_at_ms": 1}
            found = LabelRecord(session.session_id, label, species=species, **values)
            await SqlLabelRepository(database).add(found)
    if junk is not None:
        async with database.begin() as connection:
            await connection.execute(text("UPDATE features SET by_name = :junk"), {"junk": junk})
    await database.aclose()


def test_the_newest_label_of_each_session_counts(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[Row] = [
        ({FIRST: 1.0}, [("attack", "replay"), ("bona_fide", None)]),
        ({FIRST: 2.0, SECOND: 3.0}, [("bona_fide", None), ("attack", "face_swap")]),
        (None, [("bona_fide", None)]),
        ({FIRST: 4.0}, []),
    ]
    asyncio.run(store(url, rows))
    samples = read_samples(url, 10)
    assert samples.species == ("bona_fide", "face_swap")
    assert samples.features[:, 0].tolist() == [1.0, 2.0]
    assert dict(samples.unused) == {Unused.NO_FEATURES: 1}
    assert samples.fold.tolist() == [fold_of(SEALER.digest("Ada-Applicant"), 10)] * 2
    assert "Ada" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("junk", ["no json", '{"x": 1', "[]", '"text"', "", "{]"])
def test_a_spoilt_row_costs_no_other(url: str, junk: str) -> None:
    asyncio.run(store(url, [({FIRST: 1.0}, [("bona_fide", None)])], junk))
    asyncio.run(store(url, [({FIRST: 2.0}, [("bona_fide", None)])]))
    samples = read_samples(url, 10)
    assert samples.features[:, 0].tolist() == [2.0]
    assert dict(samples.unused) == {Unused.UNREADABLE: 1}


def test_a_database_that_is_not_there_or_has_no_label_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadRequest, match="no such file"):
        read_samples(url, 10)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError):
        read_samples("mysql://nowhere/at_all", 10)
    asyncio.run(store(url, [({FIRST: 1.0}, [])]))
    with pytest.raises(BadRequest, match="no labelled session"):
        read_samples(url, 10)
