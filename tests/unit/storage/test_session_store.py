"""What every store of sessions does, over each store. Who may commit: `test_ownership.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database, SessionRecord, SqlSessionStore
from kyc_rtc.storage.alerts import AlertQuery
from tests.support.memory_store import a_session, an_alert, an_event
from tests.unit.storage.stores import (
    SEALER,
    Store,
    a_commit,
    a_process,
    an_ending,
    an_owned_session,
    put_alerts,
)

HOSTILE = [
    "'; DROP TABLE sessions; --",
    '" OR ""="',
    "Robert'); DELETE FROM sessions WHERE ('1'='1",
    "%s %(user_id)s {0} :user_id ? $1",
    "../../etc/passwd\r\n\t\x01\x7f",
    "a\u202eb\u200dc \U0001f469\u200d\U0001f4bb \ufffe\U0010ffff",
]


def a_retry(first: SessionRecord, attempt: int = 2, **changes: object) -> SessionRecord:
    """A further attempt of the verification of `first`."""
    values = {"user_id": first.user_id, "tenant_id": first.tenant_id} | changes
    return a_session(verification_id=first.verification_id, attempt=attempt, **values)


# Opening and reading


async def test_a_session_is_read_back_whole(store: Store) -> None:
    record = a_session(
        tenant_id="bank-1",
        last_seq=2,
        frames_processed=812,
        face_detected=True,
        liveness_score=0.91,
        deepfake_score=1 / 3,
        verdict_status="PASSED",
        reasons=("challenges_passed",),
        evidence=({"analyser": "texture", "score": 0.1, "signs": []},),
        challenges=({"type": "head_turn", "direction": "left", "passed": True, "hint": None},),
        transport="webrtc",
        connection={"peers": 2, "gaps_ms": [1_500]},
        needs_review=True,
    )
    events = [an_event(record.session_id, seq, tenant_id="bank-1") for seq in (1, 2)]
    await store.sessions.open(record, events)
    assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.attempts(record.verification_id) == [record]
    assert await store.sessions.events(record.session_id) == events


async def test_nothing_known_differs_from_nothing_found(store: Store) -> None:
    records = [
        a_session(face_detected=None, evidence=None, challenges=None, connection=None),
        a_session(face_detected=False, evidence=(), challenges=(), connection={}),
    ]
    for record in records:
        await store.sessions.open(record, [])
        assert await store.sessions.get(record.session_id) == record


async def test_an_id_is_taken_once(store: Store) -> None:
    record = a_session(last_seq=1)
    await store.sessions.open(record, [an_event(record.session_id)])
    with pytest.raises(Conflict):
        await store.sessions.open(replace(record, user_id="other", last_seq=0), [])
    assert await store.sessions.get(record.session_id) == record


async def test_a_verification_begins_with_its_first_attempt(store: Store) -> None:
    for record in (a_session(attempt=2), a_session(verification_id=new_session_id())):
        with pytest.raises(BadRequest):
            await store.sessions.open(record, [])
    record = a_session(last_seq=1)
    for events in ([], [an_event(new_session_id())], [an_event(record.session_id, 2)]):
        with pytest.raises(BadRequest):
            await store.sessions.open(record, events)
    assert await store.sessions.count_by_state() == {}


async def test_attempts_come_in_order(store: Store) -> None:
    first = a_session(tenant_id="bank-1")
    await store.sessions.open(first, [])
    third, second = (a_retry(first, n, created_at_ms=9 - n, last_seq=1) for n in (3, 2))
    for record in (third, second):
        event = an_event(record.session_id, tenant_id="bank-1")
        await store.sessions.add_attempt(record, [event])
        assert await store.sessions.events(record.session_id) == [event]
    assert await store.sessions.attempts(first.verification_id) == [first, second, third]
    for nobody in (second.session_id, new_session_id(), SessionId("a\x00b")):
        assert await store.sessions.attempts(nobody) == []


async def test_an_attempt_needs_its_verification(store: Store) -> None:
    first = a_session(tenant_id="bank-1")
    await store.sessions.open(first, [])
    strangers = [
        a_retry(a_session()),
        a_retry(first, user_id="somebody else"),
        a_retry(first, tenant_id="bank-2"),
    ]
    for record in strangers:
        with pytest.raises(NotFound):
            await store.sessions.add_attempt(record, [])
    for record in (a_retry(first, 1), replace(first, attempt=2)):
        with pytest.raises(BadRequest):
            await store.sessions.add_attempt(record, [])
    assert await store.sessions.attempts(first.verification_id) == [first]


async def test_of_twenty_retries_at_once_one_is_made(store: Store) -> None:
    first = a_session()
    await store.sessions.open(first, [])
    retries = [a_retry(first) for _ in range(20)]
    calls = [store.sessions.add_attempt(record, []) for record in retries]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes} == {type(None), Conflict}
    made = retries[outcomes.index(None)]
    assert await store.sessions.attempts(first.verification_id) == [first, made]


Call = Callable[[Store, SessionId], Awaitable[object]]
CALLS: dict[str, Call] = {
    "get": lambda store, session_id: store.sessions.get(session_id),
    "acquire": lambda store, session_id: store.sessions.acquire(session_id, "process", 1),
    "keep_face": lambda store, session_id: store.sessions.keep_face(session_id, b"face"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "text",
    ["00000000-0000-4000-8000-000000000000", "", "x" * 300, "a\x00b", "\ud800", "' OR '1'='1"],
)
async def test_an_unknown_session_is_not_found(store: Store, call: Call, text: str) -> None:
    await store.sessions.open(a_session(), [])
    with pytest.raises(NotFound):
        await call(store, SessionId(text))
    assert await store.sessions.events(SessionId(text)) == []
    assert await store.sessions.face(SessionId(text)) is None
    assert await store.sessions.delete(SessionId(text)) is False
    assert await store.sessions.count_by_state() == {"created": 1}


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_stored_as_it_is(store: Store, text: str) -> None:
    record = a_session(user_id=text, state=text, reasons=(text,), evidence=({text: [text]},))
    await store.sessions.open(record, [])
    assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.count_by_state() == {text: 1}


# The journal


async def test_the_journal_is_read_from_where_a_client_stopped(store: Store) -> None:
    record = a_session(last_seq=5)
    events = [an_event(record.session_id, seq, payload={"n": seq}) for seq in range(1, 6)]
    await store.sessions.open(record, events)
    assert await store.sessions.events(record.session_id, after=3) == events[3:]
    assert await store.sessions.events(record.session_id, after=1, limit=2) == events[1:3]
    assert await store.sessions.events(record.session_id, after=5) == []


@pytest.mark.parametrize("limit", [-1, 0, 1_001])
async def test_unbounded_lists_are_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.sessions.events(new_session_id(), 0, limit)
    with pytest.raises(BadRequest):
        await store.sessions.expire(0, limit)


async def test_only_what_is_over_loses_its_journal(store: Store) -> None:
    over, waiting = a_session(state="passed", last_seq=3), a_session(last_seq=1)
    times = (4_000, 4_999, 5_000)
    events = [an_event(over.session_id, n, at_ms=ms) for n, ms in enumerate(times, start=1)]
    await store.sessions.open(over, events)
    await store.sessions.open(waiting, [an_event(waiting.session_id, at_ms=1)])
    assert await store.sessions.prune_events(5_000) == 2
    assert await store.sessions.prune_events(5_000) == 0
    assert await store.sessions.events(over.session_id) == events[2:]
    assert await store.sessions.get(over.session_id) == over
    assert len(await store.sessions.events(waiting.session_id)) == 1


# Expiry, counts, deletion


async def test_what_is_past_its_time_expires(store: Store) -> None:
    early, on_time, late = (a_session(expires_at_ms=ms) for ms in (4_999, 5_000, 5_001))
    over = a_session(state="passed", expires_at_ms=1)
    for record in (early, on_time, late, over):
        await store.sessions.open(record, [])
    assert set(await store.sessions.expire(5_000)) == {early.session_id, on_time.session_id}
    expected = replace(early, state="expired", updated_at_ms=5_000, last_seq=1)
    assert await store.sessions.get(early.session_id) == expected
    ending = an_ending(early, "expired", 1, 5_000, "created")
    assert await store.sessions.events(early.session_id) == [ending]
    assert await store.sessions.get(late.session_id) == late
    assert await store.sessions.get(over.session_id) == over
    assert await store.sessions.expire(5_000) == []


async def test_what_a_process_runs_does_not_expire_here(store: Store) -> None:
    owner = await a_process(store)
    waiting = await an_owned_session(store, owner)
    live = await an_owned_session(store, owner, state="live")
    assert await store.sessions.expire(10**12) == []
    for record in (waiting, live):
        assert await store.sessions.get(record.session_id) == record


async def test_what_nobody_runs_any_more_is_not_expired_but_interrupted(store: Store) -> None:
    record = a_session(state="live", expires_at_ms=1)
    await store.sessions.open(record, [])
    assert await store.sessions.expire(5_000) == []
    owner = await a_process(store)
    swept = await store.processes.interrupt_orphans(owner.process_id, owner.epoch)
    assert swept == [record.session_id]


async def test_the_oldest_expire_first_and_few_at_once(store: Store) -> None:
    records = [a_session(expires_at_ms=ms) for ms in (30, 10, 20)]
    for record in records:
        await store.sessions.open(record, [])
    oldest = {records[1].session_id, records[2].session_id}
    assert set(await store.sessions.expire(100, limit=2)) == oldest
    assert await store.sessions.expire(100, limit=2) == [records[0].session_id]


async def test_sweeps_that_meet_end_a_session_once(store: Store) -> None:
    records = [a_session(expires_at_ms=10) for _ in range(30)]
    for record in records:
        await store.sessions.open(record, [])
    sweeps = await asyncio.gather(*(store.sessions.expire(100) for _ in range(5)))
    ended = [session_id for sweep in sweeps for session_id in sweep]
    assert sorted(ended) == sorted(record.session_id for record in records)
    for session_id in ended:
        assert len(await store.sessions.events(session_id)) == 1


async def test_counts(store: Store) -> None:
    assert await store.sessions.count_by_state() == {}
    assert await store.sessions.count_waiting(0) == 0
    for state in ("live", "created", "live", "created", "created"):
        await store.sessions.open(a_session(state=state), [])
    assert await store.sessions.count_by_state() == {"live": 2, "created": 3}
    assert await store.sessions.count_waiting(60_999) == 3
    assert await store.sessions.count_waiting(61_000) == 0, "they are expired, swept or not"


async def test_a_verification_is_deleted_whole_and_alone(store: Store) -> None:
    first, other = a_session(last_seq=1), a_session(last_seq=1)
    for record in (first, other):
        await store.sessions.open(record, [an_event(record.session_id)])
    retry = a_retry(first)
    await store.sessions.add_attempt(retry, [])
    await put_alerts(store, *(an_alert(one.session_id) for one in (first, retry, other)))
    assert await store.sessions.delete(retry.session_id) is False  # names no verification
    assert await store.sessions.delete(first.verification_id) is True
    assert await store.sessions.delete(first.verification_id) is False
    for record in (first, retry):
        with pytest.raises(NotFound):
            await store.sessions.get(record.session_id)
        assert await store.sessions.events(record.session_id) == []
    assert len(await store.sessions.events(other.session_id)) == 2
    assert [
        alert.session_id for alert in await store.alerts.active(AlertQuery(DEFAULT_TENANT))
    ] == [other.session_id]


async def test_a_face_is_kept_until_it_is_erased(store: Store) -> None:
    first, other = a_session(), a_session()
    for record in (first, other):
        await store.sessions.open(record, [])
        assert await store.sessions.face(record.verification_id) is None
        await store.sessions.keep_face(record.verification_id, b"\x00sealed")
    await store.sessions.keep_face(first.verification_id, b"newer")
    assert await store.sessions.face(first.verification_id) == b"newer"
    await store.sessions.erase_face(first.verification_id)
    await store.sessions.erase_face(first.verification_id)
    assert await store.sessions.face(first.verification_id) is None
    assert await store.sessions.face(other.verification_id) == b"\x00sealed"
    assert await store.sessions.get(first.session_id) == first


async def test_fifty_commits_at_once_all_arrive(store: Store) -> None:
    owner = await a_process(store)
    records = [await an_owned_session(store, owner, state="live") for _ in range(50)]
    commits = [a_commit(record, frames_processed=n) for n, record in enumerate(records)]
    await asyncio.gather(*map(store.sessions.commit, commits))
    for commit in commits:
        assert await store.sessions.get(commit.record.session_id) == commit.record


def test_expired_is_final(sqlite_url: str) -> None:
    with pytest.raises(ValueError, match="expired"):
        SqlSessionStore(Database(sqlite_url), SEALER, {"passed", "failed"})
