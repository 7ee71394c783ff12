"""What every repository of footage does, over each store."""

from __future__ import annotations

from typing import Any

import pytest

from kyc_rtc.detection.recurrence import MAX_RECORD_BYTES
from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.ids import new_session_id
from kyc_rtc.storage import MAX_FOOTAGE_BYTES, EarlierFootage, FootageRecord, SessionRecord
from tests.support.memory_store import a_session
from tests.unit.storage.stores import Store


async def kept(
    store: Store, record: bytes, created_at_ms: int = 5_000, **changes: Any
) -> SessionRecord:
    """A session with this record."""
    session = a_session(**changes)
    await store.sessions.open(session, [])
    await store.footage.add(
        FootageRecord(session.session_id, created_at_ms, record, session.tenant_id)
    )
    return session


async def records(
    store: Store, limit: int = 10, session: SessionRecord | None = None
) -> list[bytes]:
    """What `latest` finds for a session, of which nothing is stored unless it is given."""
    found = await store.footage.latest(limit, session or a_session())
    return [earlier.record for earlier in found]


def test_the_longest_record_that_is_made_can_be_stored() -> None:
    assert MAX_FOOTAGE_BYTES == MAX_RECORD_BYTES


@pytest.mark.parametrize("length", [1, 8, MAX_FOOTAGE_BYTES])
async def test_a_record_is_read_back_byte_for_byte(store: Store, length: int) -> None:
    record = bytes(index % 256 for index in range(length))
    await kept(store, record)
    assert await records(store) == [record]


async def test_the_newest_of_other_sessions_come_first(store: Store) -> None:
    assert await records(store) == []
    kept_ones = [await kept(store, bytes([number]), ms) for number, ms in ((1, 3), (2, 9), (3, 6))]
    assert await records(store) == [b"\x02", b"\x03", b"\x01"]
    assert await records(store, 1) == [b"\x02"]
    assert await records(store, 2, kept_ones[1]) == [b"\x03", b"\x01"]


async def test_a_record_goes_with_its_session(store: Store) -> None:
    gone = await kept(store, b"gone")
    await kept(store, b"stays")
    assert await store.sessions.delete(gone.verification_id)
    assert await records(store) == [b"stays"]


async def test_a_session_has_one_record(store: Store) -> None:
    session_id = (await kept(store, b"first")).session_id
    await store.footage.add(FootageRecord(session_id, 5_000, b"first"))  # said again
    with pytest.raises(Conflict):
        await store.footage.add(FootageRecord(session_id, 9_000, b"second"))
    assert await records(store) == [b"first"]


async def test_a_record_needs_its_session(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.footage.add(FootageRecord(new_session_id(), 9_000, b"x"))


@pytest.mark.parametrize("limit", [-1, 0, 501])
async def test_an_unbounded_list_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.footage.latest(limit, a_session())


@pytest.mark.parametrize(
    ("created_at_ms", "record"), [(0, b""), (0, b"x" * (MAX_FOOTAGE_BYTES + 1)), (-1, b"x")]
)
def test_what_cannot_be_stored_is_refused(created_at_ms: int, record: bytes) -> None:
    with pytest.raises(BadRequest):
        FootageRecord(new_session_id(), created_at_ms, record)


async def test_the_applicant_is_distinguished_from_others_and_tenants_from_each_other(
    store: Store,
) -> None:
    first = await kept(store, b"1", 1, user_id="Ada", tenant_id="bank-1")
    retry = a_session(
        user_id="Ada",
        tenant_id="bank-1",
        verification_id=first.verification_id,
        attempt=2,
    )
    await store.sessions.add_attempt(retry, [])
    await store.footage.add(FootageRecord(retry.session_id, 2, b"2", "bank-1"))
    other = await kept(store, b"3", 3, user_id="Grace", tenant_id="bank-1")
    again = await kept(store, b"4", 4, user_id="Ada", tenant_id="bank-1")
    await kept(store, b"5", 5, user_id="Ada", tenant_id="bank-2")
    assert await store.footage.latest(10, again) == [
        EarlierFootage(other.session_id, same_user=False, record=b"3"),
        EarlierFootage(retry.session_id, same_user=True, record=b"2"),
        EarlierFootage(first.session_id, same_user=True, record=b"1"),
    ]
    assert [one.same_user for one in await store.footage.latest(10, other)] == [False] * 3
