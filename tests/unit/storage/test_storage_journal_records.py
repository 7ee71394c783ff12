"""Journal entries, commits and commands: what can be stored at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kyc_rtc.errors import BadRequest
from kyc_rtc.ids import new_session_id
from kyc_rtc.storage import Commit, EventRecord
from kyc_rtc.storage.values import MAX_JSON_BYTES
from tests.support.memory_store import a_session, an_alert, an_event
from tests.unit.storage.test_command_store import a_command


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": ""},
        {"seq": 0},
        {"at_ms": -1},
        {"actor": ""},
        {"actor": "x" * 65},
        {"type": "a\x00b"},
        {"payload": {"x": float("nan")}},
        {"payload": {"x": "y" * MAX_JSON_BYTES}},
        {"owner": "x" * 37},
        {"tenant_id": ""},
    ],
    ids="-".join,
)
def test_what_is_not_an_entry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        an_event(**({"session_id": new_session_id()} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"command_id": ""},
        {"session_id": "x" * 37},
        {"type": ""},
        {"actor": "x" * 257},
        {"arguments": {"x": b"bytes"}},
        {"created_at_ms": -1},
        {"done_at_ms": -1},
        {"error": {"code": "conflict"}},
        {"done_at_ms": 5, "error": {"x": float("inf")}},
        {"tenant_id": "x" * 65},
    ],
    ids="-".join,
)
def test_what_is_not_a_command_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        a_command(**({"session_id": new_session_id()} | changes))


def test_an_entry_shares_nothing_with_its_maker() -> None:
    payload: dict[str, Any] = {"state": "live"}
    entry = an_event(new_session_id(), payload=payload)
    payload.clear()
    assert entry.payload == {"state": "live"}


@pytest.mark.parametrize(
    ("base_seq", "last_seq", "numbers"),
    [(0, 0, []), (7, 7, []), (0, 1, [1]), (3, 5, [4, 5])],
)
def test_a_commit_is_numbered_without_holes(
    base_seq: int, last_seq: int, numbers: list[int]
) -> None:
    record = a_session(last_seq=last_seq)
    events = [an_event(record.session_id, number) for number in numbers]
    assert Commit(record, base_seq, tuple(events)).events == tuple(events)


@pytest.mark.parametrize(
    ("base_seq", "last_seq", "numbers"),
    [
        (0, 1, []),
        (1, 0, []),
        (0, 0, [1]),
        (0, 2, [1]),
        (0, 2, [2]),
        (0, 2, [2, 1]),
        (0, 3, [1, 3]),
        (1, 2, [1, 2]),
        (0, 2, [1, 1]),
        (-1, 0, []),
    ],
)
def test_a_commit_with_holes_is_refused(base_seq: int, last_seq: int, numbers: list[int]) -> None:
    record = a_session(last_seq=last_seq)
    events = tuple(an_event(record.session_id, number) for number in numbers)
    with pytest.raises(BadRequest):
        Commit(record, base_seq, events)


def test_a_commit_is_of_one_session_and_one_tenant() -> None:
    record = a_session(last_seq=1)
    entry = an_event(record.session_id)
    strangers: list[EventRecord] = [
        an_event(new_session_id()),
        replace(entry, tenant_id="bank-2"),
    ]
    for stranger in strangers:
        with pytest.raises(BadRequest):
            Commit(record, 0, (stranger,))
    for alert in (an_alert(new_session_id()), an_alert(record.session_id, tenant_id="bank-2")):
        with pytest.raises(BadRequest):
            Commit(record, 0, (entry,), (alert,))
