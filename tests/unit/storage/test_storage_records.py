"""Records: what can be stored at all, and that it comes back as it went in."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc_rtc.errors import BadRequest, KycError
from kyc_rtc.ids import new_alert_id, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import AlertRecord, SessionRecord
from kyc_rtc.storage.alerts import AlertQuery
from kyc_rtc.storage.values import MAX_INTEGER, MAX_JSON_BYTES, MAX_JSON_DEPTH, copy_object
from tests.support.memory_store import MemoryStore, a_session, an_alert
from tests.unit.storage.stores import Store, put_alerts


def texts(max_size: int, min_size: int = 1) -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    return st.text(letters, min_size=min_size, max_size=max_size)


integers = st.integers(0, MAX_INTEGER)
scores = st.none() | st.floats(0, 1)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts(40, min_size=0),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(8, 0), inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(texts(20, 0), json_values, max_size=4)
json_lists = st.none() | st.lists(json_objects, max_size=3).map(tuple)
weighed = st.lists(st.tuples(texts(64), st.floats(0, 1)), max_size=5)
session_records = st.builds(
    a_session,
    user_id=texts(256),
    state=texts(64),
    created_at_ms=integers,
    updated_at_ms=integers,
    expires_at_ms=integers,
    transport=st.none() | texts(64),
    connection=st.none() | json_objects,
    needs_review=st.booleans(),
    tenant_id=texts(64),
    frames_processed=integers,
    face_detected=st.none() | st.booleans(),
    liveness_score=scores,
    deepfake_score=scores,
    verdict_status=st.none() | texts(64),
    reasons=st.lists(texts(64), max_size=5).map(tuple),
    evidence=json_lists,
    challenges=json_lists,
)


def explained(record: SessionRecord, reasons: list[tuple[str, float]]) -> SessionRecord:
    weights = tuple(weight for _, weight in reasons)
    return replace(record, reasons=tuple(text for text, _ in reasons), reason_weights=weights)


round_trips = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@round_trips
@given(record=session_records | st.builds(explained, session_records, weighed))
async def test_any_session_comes_back_as_it_went_in(store: Store, record: SessionRecord) -> None:
    await store.sessions.open(record, [])
    assert await store.sessions.get(record.session_id) == record


@round_trips
@given(details=json_objects, texts_of_alert=st.tuples(texts(64), texts(64), texts(64)))
async def test_any_alert_comes_back_as_it_went_in(
    store: Store, details: dict[str, Any], texts_of_alert: tuple[str, str, str]
) -> None:
    session = a_session()
    await store.sessions.open(session, [])
    kind, severity, key = texts_of_alert
    record = AlertRecord(
        new_alert_id(), session.session_id, kind, severity, key, details, created_at_ms=MAX_INTEGER
    )
    await put_alerts(store, record)
    assert await store.alerts.get(record.alert_id, DEFAULT_TENANT) == record


async def test_the_largest_of_everything_comes_back(store: Store) -> None:
    largest = "\U0010ffff"
    record = a_session(
        user_id=largest * 256,
        state=largest * 64,
        created_at_ms=MAX_INTEGER,
        frames_processed=MAX_INTEGER,
        deepfake_score=5e-324,
        reasons=(largest * 64,) * 64,
        reason_weights=(1.0, 5e-324, *(1 / 3,) * 62),
        evidence=({"x": "y" * (MAX_JSON_BYTES - 13)}, {}),
        challenges=({"least": -1.7976931348623157e308, "most": -MAX_INTEGER},),
    )
    await store.sessions.open(record, [])
    assert await store.sessions.get(record.session_id) == record


def nested(depth: int) -> dict[str, Any]:
    return {"x": nested(depth - 1)} if depth > 1 else {}


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": ""},
        {"session_id": "x" * 37},
        {"user_id": ""},
        {"user_id": "x" * 257},
        {"user_id": "a\x00b"},
        {"user_id": "\ud83d"},
        {"state": ""},
        {"state": "x" * 65},
        {"verification_id": "a\x00b"},
        {"verification_id": ""},
        {"tenant_id": ""},
        {"tenant_id": "x" * 65},
        {"transport": ""},
        {"transport": "x" * 65},
        {"connection": {"x": float("nan")}},
        {"connection": {"x": "y" * MAX_JSON_BYTES}},
        {"owner_id": "x" * 37},
        {"owner_epoch": -1},
        {"last_seq": -1},
        {"created_at_ms": -1},
        {"updated_at_ms": MAX_INTEGER + 1},
        {"frames_processed": -1},
        {"attempt": 0},
        {"liveness_score": 1.01},
        {"deepfake_score": float("nan")},
        {"verdict_status": ""},
        {"reasons": ("a\x00b",)},
        {"reasons": ("x",) * 65},
        {"reason_weights": (1.0,)},
        {"reason_weights": (), "reasons": ("x",)},
        {"reason_weights": (1.01,), "reasons": ("x",)},
        {"reason_weights": (float("nan"),), "reasons": ("x",)},
        {"evidence": ({"x": "a\x00b"},)},
        {"evidence": ({"a\x00b": 1},)},
        {"evidence": ({"x": float("inf")},)},
        {"evidence": ({"x": MAX_INTEGER + 1},)},
        {"evidence": ({"x": {1, 2}},)},
        {"evidence": ({"x": b"bytes"},)},
        {"evidence": ({1: "x"},)},
        {"evidence": ({"x": "y" * (MAX_JSON_BYTES - 12)}, {})},
        {"evidence": ({"x": "\u00e9" * (MAX_JSON_BYTES // 2)},)},
        {"challenges": ({},) * MAX_JSON_BYTES},
        {"challenges": (nested(MAX_JSON_DEPTH + 1),)},
    ],
    ids="-".join,
)
def test_what_cannot_be_stored_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refusal:
        a_session(**changes)
    assert refusal.value.message.split(":")[0] in changes


@pytest.mark.parametrize(
    "changes",
    [
        {"alert_id": ""},
        {"type": "x" * 65},
        {"severity": "a\x00b"},
        {"message_key": ""},
        {"details": {"x": float("nan")}},
        {"details": nested(MAX_JSON_DEPTH + 2)},
        {"created_at_ms": -1},
        {"acknowledged_at_ms": 1},
        {"acknowledged_by": "agent-7"},
        {"acknowledged_at_ms": 1, "acknowledged_by": ""},
        {"acknowledged_at_ms": -1, "acknowledged_by": "agent-7"},
    ],
    ids="-".join,
)
def test_what_is_not_an_alert_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        an_alert(new_session_id(), **changes)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["x"] = loop
    with pytest.raises(BadRequest):
        copy_object("details", loop)


def test_a_record_shares_nothing_with_its_maker() -> None:
    signs = ["texture"]
    evidence: dict[str, Any] = {"signs": signs}
    weights = [0.5]
    record = a_session(evidence=[evidence], reasons=["texture"], reason_weights=weights)
    signs.append("geometry")
    evidence.clear()
    weights.clear()
    assert record.reason_weights == (0.5,)
    assert record.evidence == ({"signs": ["texture"]},)
    assert record.reasons == ("texture",)


def test_an_enums_member_is_stored_as_its_value() -> None:
    class Word(StrEnum):
        YES = "yes"

    record = a_session(reasons=(Word.YES,), evidence=({"x": (Word.YES,)},))
    assert type(record.reasons[0]) is str
    assert record.evidence == ({"x": ["yes"]},)


async def test_a_store_can_be_made_to_fail() -> None:
    store = MemoryStore()
    store.failure = KycError("the database failed")
    with pytest.raises(KycError, match="failed"):
        await store.sessions.open(a_session(), [])
    with pytest.raises(KycError, match="failed"):
        await store.alerts.active(AlertQuery(DEFAULT_TENANT))
