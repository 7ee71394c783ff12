"""What every repository of footage does, over each store."""

from __future__ import annotations

import pytest

from kyc_rtc.detection.recurrence import MAX_RECORD_BYTES
from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.storage import MAX_FOOTAGE_BYTES, FootageRecord
from tests.support.memory_store import a_session
from tests.unit.storage.stores import Store


async def kept(store: Store, record: bytes, created_at_ms: int = 5_000) -> SessionId:
    """A session with this record."""
    session = a_session()
    await store.sessions.add(session)
    await store.footage.add(FootageRecord(session.session_id, created_at_ms, record))
    return session.session_id


def test_the_longest_record_that_is_made_can_be_stored() -> None:
    assert MAX_FOOTAGE_BYTES == MAX_RECORD_BYTES


@pytest.mark.parametrize("length", [1, 8, MAX_FOOTAGE_BYTES])
async def test_a_record_is_read_back_byte_for_byte(store: Store, length: int) -> None:
    record = bytes(index % 256 for index in range(length))
    await kept(store, record)
    assert await store.footage.latest(10, new_session_id()) == [record]


async def test_the_newest_of_other_sessions_come_first(store: Store) -> None:
    assert await store.footage.latest(10, new_session_id()) == []
    ids = [await kept(store, bytes([number]), ms) for number, ms in ((1, 3), (2, 9), (3, 6))]
    assert await store.footage.latest(10, new_session_id()) == [b"\x02", b"\x03", b"\x01"]
    assert await store.footage.latest(1, new_session_id()) == [b"\x02"]
    assert await store.footage.latest(2, ids[1]) == [b"\x03", b"\x01"]


async def test_a_record_goes_with_its_session(store: Store) -> None:
    gone = await kept(store, b"gone")
    await kept(store, b"stays")
    assert await store.sessions.delete(gone)
    assert await store.footage.latest(10, new_session_id()) == [b"stays"]


async def test_a_session_has_one_record(store: Store) -> None:
    session_id = await kept(store, b"first")
    with pytest.raises(Conflict):
        await store.footage.add(FootageRecord(session_id, 9_000, b"second"))
    assert await store.footage.latest(10, new_session_id()) == [b"first"]


async def test_a_record_needs_its_session(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.footage.add(FootageRecord(new_session_id(), 9_000, b"x"))


@pytest.mark.parametrize("limit", [-1, 0, 501])
async def test_an_unbounded_list_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.footage.latest(limit, new_session_id())


@pytest.mark.parametrize(
    ("created_at_ms", "record"), [(0, b""), (0, b"x" * (MAX_FOOTAGE_BYTES + 1)), (-1, b"x")]
)
def test_what_cannot_be_stored_is_refused(created_at_ms: int, record: bytes) -> None:
    with pytest.raises(BadRequest):
        FootageRecord(new_session_id(), created_at_ms, record)
