"""What every session repository does, over each store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.storage import Database, SqlSessionRepository
from tests.support.memory_store import a_session, an_alert
from tests.unit.storage.stores import Store

HOSTILE = [
    "'; DROP TABLE sessions; --",
    '" OR ""="',
    "Robert'); DELETE FROM sessions WHERE ('1'='1",
    "%s %(user_id)s {0} :user_id ? $1",
    "../../etc/passwd\r\n\t\x01\x7f",
    "a\u202eb\u200dc \U0001f469\u200d\U0001f4bb \ufffe\U0010ffff",
]


async def test_an_added_session_is_read_back_whole(store: Store) -> None:
    parent = a_session()
    record = a_session(
        parent_id=parent.session_id,
        attempt=2,
        frames_processed=812,
        face_detected=True,
        liveness_score=0.91,
        deepfake_score=1 / 3,
        verdict_status="PASSED",
        reasons=("challenges_passed",),
        evidence=({"analyser": "texture", "score": 0.1, "signs": []},),
        challenges=({"type": "head_turn", "direction": "left", "passed": True, "hint": None},),
    )
    await store.sessions.add(parent)
    await store.sessions.add(record)
    assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.get(parent.session_id) == parent


async def test_nothing_known_differs_from_nothing_found(store: Store) -> None:
    records = [
        a_session(face_detected=None, evidence=None, challenges=None),
        a_session(face_detected=False, evidence=(), challenges=(), liveness_score=0.0),
    ]
    for record in records:
        await store.sessions.add(record)
        assert await store.sessions.get(record.session_id) == record


async def test_an_id_is_taken_once(store: Store) -> None:
    record = a_session()
    await store.sessions.add(record)
    with pytest.raises(Conflict):
        await store.sessions.add(replace(record, user_id="somebody else"))
    assert await store.sessions.get(record.session_id) == record


async def test_a_parent_has_to_exist(store: Store) -> None:
    record = a_session(parent_id=new_session_id())
    with pytest.raises(NotFound):
        await store.sessions.add(record)
    with pytest.raises(NotFound):
        await store.sessions.get(record.session_id)


Call = Callable[[Store, SessionId], Awaitable[object]]
CALLS: dict[str, Call] = {
    "get": lambda store, session_id: store.sessions.get(session_id),
    "update": lambda store, session_id: store.sessions.update(a_session(session_id=session_id)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_an_unknown_session_is_not_found(store: Store, call: Call) -> None:
    with pytest.raises(NotFound):
        await call(store, new_session_id())


@pytest.mark.parametrize("text", ["", "x" * 300, "a\x00b", "\ud800", "' OR '1'='1"])
async def test_an_id_that_cannot_exist_is_not_found(store: Store, text: str) -> None:
    await store.sessions.add(a_session())
    with pytest.raises(NotFound):
        await store.sessions.get(SessionId(text))
    assert await store.sessions.delete(SessionId(text)) is False
    assert await store.sessions.count_by_state() == {"created": 1}


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_stored_as_it_is(store: Store, text: str) -> None:
    record = a_session(user_id=text, state=text, reasons=(text,), evidence=({text: [text]},))
    await store.sessions.add(record)
    assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.count_by_state() == {text: 1}


async def test_an_update_changes_what_may_change(store: Store) -> None:
    record = a_session()
    await store.sessions.add(record)
    changed = replace(
        record,
        user_id="somebody else",
        created_at_ms=7,
        attempt=3,
        state="live",
        updated_at_ms=5_000,
        expires_at_ms=99_000,
        frames_processed=30,
        face_detected=True,
        evidence=({"score": 0.5},),
    )
    assert await store.sessions.update(changed) is True
    kept = {"user_id": "applicant-1", "created_at_ms": 1_000, "attempt": 1}
    expected = replace(changed, **cast("dict[str, Any]", kept))
    assert await store.sessions.get(record.session_id) == expected


@pytest.mark.parametrize("state", ["passed", "failed", "expired", "interrupted"])
async def test_a_final_state_is_never_left(store: Store, state: str) -> None:
    record = a_session(state=state, reasons=("texture",), expires_at_ms=1)
    await store.sessions.add(record)
    assert await store.sessions.update(replace(record, state="live", reasons=())) is False
    assert await store.sessions.interrupt_live([state, "live"], 9_000) == 0
    assert await store.sessions.expire(9_000) == []
    assert await store.sessions.get(record.session_id) == record


async def test_a_start_interrupts_what_was_live(store: Store) -> None:
    live, judged, waiting = (a_session(state=state) for state in ("live", "passed", "created"))
    for record in (live, judged, waiting):
        await store.sessions.add(record)
    assert await store.sessions.interrupt_live({"live", "connecting"}, 8_000) == 1
    expected = replace(live, state="interrupted", updated_at_ms=8_000)
    assert await store.sessions.get(live.session_id) == expected
    assert await store.sessions.get(judged.session_id) == judged
    assert await store.sessions.get(waiting.session_id) == waiting
    assert await store.sessions.interrupt_live({"live"}, 9_000) == 0
    assert await store.sessions.interrupt_live((), 9_000) == 0


async def test_what_is_past_its_time_expires(store: Store) -> None:
    early, on_time, late = (a_session(expires_at_ms=ms) for ms in (4_999, 5_000, 5_001))
    for record in (early, on_time, late):
        await store.sessions.add(record)
    assert set(await store.sessions.expire(5_000)) == {early.session_id, on_time.session_id}
    expected = replace(early, state="expired", updated_at_ms=5_000)
    assert await store.sessions.get(early.session_id) == expected
    assert await store.sessions.get(late.session_id) == late
    assert await store.sessions.expire(5_000) == []


async def test_the_oldest_expire_first_and_few_at_once(store: Store) -> None:
    records = [a_session(expires_at_ms=ms) for ms in (30, 10, 20)]
    for record in records:
        await store.sessions.add(record)
    oldest = {records[1].session_id, records[2].session_id}
    assert set(await store.sessions.expire(100, limit=2)) == oldest
    assert await store.sessions.expire(100, limit=2) == [records[0].session_id]


@pytest.mark.parametrize("limit", [-1, 0, 1_001])
async def test_an_unbounded_expiry_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.sessions.expire(0, limit)


async def test_counts_by_state(store: Store) -> None:
    assert await store.sessions.count_by_state() == {}
    for state in ("live", "created", "live"):
        await store.sessions.add(a_session(state=state))
    assert await store.sessions.count_by_state() == {"live": 2, "created": 1}


async def test_deleting_takes_the_alerts_and_leaves_the_next_attempt(store: Store) -> None:
    parent = a_session()
    child = a_session(parent_id=parent.session_id, attempt=2)
    for record in (parent, child):
        await store.sessions.add(record)
        await store.alerts.add(an_alert(record.session_id))
    assert await store.sessions.delete(parent.session_id) is True
    assert await store.sessions.delete(parent.session_id) is False
    assert await store.sessions.get(child.session_id) == replace(child, parent_id=None)
    assert [alert.session_id for alert in await store.alerts.active()] == [child.session_id]


async def test_fifty_updates_at_once_all_arrive(store: Store) -> None:
    records = [a_session() for _ in range(50)]
    await asyncio.gather(*map(store.sessions.add, records))
    changed = [replace(record, frames_processed=n) for n, record in enumerate(records)]
    assert all(await asyncio.gather(*map(store.sessions.update, changed)))
    for record in changed:
        assert await store.sessions.get(record.session_id) == record


async def test_of_fifty_verdicts_at_once_one_stands(store: Store) -> None:
    record = a_session(state="live")
    await store.sessions.add(record)
    verdicts = [replace(record, state="passed", frames_processed=n) for n in range(50)]
    written = await asyncio.gather(*map(store.sessions.update, verdicts))
    assert sum(written) == 1
    assert await store.sessions.get(record.session_id) == verdicts[written.index(True)]


async def test_expired_is_final(sqlite_url: str) -> None:
    with pytest.raises(ValueError, match="expired"):
        SqlSessionRepository(Database(sqlite_url), {"passed", "failed"})


async def test_the_first_retry_of_a_session_is_found(store: Store) -> None:
    parent = a_session()
    later = a_session(parent_id=parent.session_id, created_at_ms=parent.created_at_ms + 9)
    sooner = a_session(parent_id=parent.session_id, created_at_ms=parent.created_at_ms + 5)
    await store.sessions.add(parent)
    assert await store.sessions.retry_of(parent.session_id) is None
    for record in (later, sooner):
        await store.sessions.add(record)
    assert await store.sessions.retry_of(parent.session_id) == sooner
