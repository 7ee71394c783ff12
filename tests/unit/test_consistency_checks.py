"""The checks of `tests.crash`: each seeded fault is reported, and a clean session is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.consistency import of_record, of_session, readable
from tests.support.stored import Entry, Stored
from tests.support.upload_client import Answered, Received, Record

VERDICT = {"status": "INCONCLUSIVE", "verified": False}
ALERT = {"alert_id": "a1", "type": "session_interrupted", "severity": "low"}


def session(**row: Any) -> Stored:
    """Completed early: one alert of the rule."""
    full = {
        "session_id": "s1",
        "state": "inconclusive",
        "verdict_status": "INCONCLUSIVE",
        "reasons": json.dumps(["completed_early"]),
        "reason_weights": json.dumps([1.0]),
        "liveness_score": None,
        "deepfake_score": None,
        "last_seq": 4,
        **row,
    }
    journal = (
        Entry(1, "state", {"state": "connecting"}),
        Entry(2, "state", {"state": "inconclusive"}),
        Entry(3, "verdict", VERDICT),
        Entry(4, "alert", ALERT),
    )
    return Stored(full, journal, ({**ALERT, "session_id": "s1"},))


def test_a_clean_session_is_clean() -> None:
    assert not list(of_session(session()))
    received = Received(
        1.0, "s1", {"v": 1, "seq": 9, "type": "verdict", "t_ms": 4, "event": 3, **VERDICT}
    )
    answer = Answered(1.0, "s1", "complete-verification", "INCONCLUSIVE")
    record = Record(started=["s1"], received=[received], answered=[answer])
    assert not list(of_record(record, {"s1": session()}))


def without_entry(kind: str) -> Stored:
    whole = session()
    journal = [entry for entry in whole.journal if entry.type != kind]
    numbered = tuple(replace(entry, seq=n) for n, entry in enumerate(journal, 1))
    return Stored({**whole.row, "last_seq": len(numbered)}, numbered, whole.alerts)


@pytest.mark.parametrize(
    ("stored", "word"),
    [
        (replace(session(), alerts=()), "alerts"),
        (without_entry("alert"), "alerts"),
        (without_entry("verdict"), "verdict"),
        (session(verdict_status=None), "verdict"),
        (session(state="challenging"), "state"),
        (session(last_seq=5), "last_seq"),
        (replace(session(), journal=session().journal[1:]), "holes"),
        (replace(session(), journal=(*session().journal, session().journal[-1])), "holes"),
    ],
)
def test_a_fault_in_the_store_is_found(stored: Stored, word: str) -> None:
    assert any(word in wrong for wrong in of_session(stored))


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ({"type": "verdict", **VERDICT}, "without a journal number"),
        ({"type": "verdict", "event": 9, **VERDICT}, "not in the journal"),
        ({"type": "verdict", "event": 2, **VERDICT}, "is a state"),
        ({"type": "verdict", "event": 3, "status": "PASSED"}, "status=PASSED"),
        ({"type": "state", "event": 1, "state": "deciding"}, "state=deciding"),
    ],
)
def test_what_was_received_and_is_not_stored_is_found(message: dict[str, Any], word: str) -> None:
    wrong = list(of_record(Record(received=[Received(1.0, "s1", message)]), {"s1": session()}))
    assert any(word in line for line in wrong)


def test_a_message_that_is_not_journalled_needs_no_number() -> None:
    received = Received(1.0, "s1", {"type": "quality", "ok": True})
    assert not list(of_record(Record(received=[received]), {"s1": session()}))


def test_a_lost_session_and_another_verdict_are_found() -> None:
    answer = Answered(1.0, "s1", "complete-verification", "PASSED")
    wrong = list(of_record(Record(started=["s2"], answered=[answer]), {"s1": session()}))
    assert len(wrong) == 2


def test_a_journal_that_reads_differently_over_rest_is_found() -> None:
    stored = session()
    rest = [
        {"seq": one.seq, "at": "", "actor": "server", "type": one.type, "payload": one.payload}
        for one in stored.journal
    ]
    assert not list(readable(stored, [*rest, {**rest[0], "seq": 5}]))
    assert list(readable(stored, rest[:-1]))
    assert list(readable(stored, [{**rest[0], "type": "verdict"}, *rest[1:]]))
