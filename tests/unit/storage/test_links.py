"""The number of a verification's link: in every store, and for verifications of the program before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from kyc_rtc.errors import NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import Database
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
from tests.unit.storage.test_session_store import a_retry


async def test_a_new_link_is_that_of_every_attempt(store: Store) -> None:
    first, other = a_session(), a_session()
    for record in (first, other):
        await store.sessions.open(record, [])
    await store.sessions.add_attempt(a_retry(first), [])
    assert await store.sessions.renew_link(first.verification_id) == 2
    assert await store.sessions.renew_link(first.verification_id) == 3
    later = a_retry(first, 3)  # its record was made when the link was another
    await store.sessions.add_attempt(later, [])
    found = await store.sessions.attempts(first.verification_id)
    assert [one.link_number for one in found] == [3, 3, 3]
    assert (await store.sessions.get(later.session_id)).link_number == 3
    assert (await store.sessions.get(other.session_id)).link_number == 1


async def test_links_that_are_renewed_at_once_have_different_numbers(store: Store) -> None:
    record = a_session()
    await store.sessions.open(record, [])
    renewals = (store.sessions.renew_link(record.verification_id) for _ in range(5))
    assert sorted(await asyncio.gather(*renewals)) == [2, 3, 4, 5, 6]


async def test_a_commit_brings_no_old_link_back(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    await store.sessions.renew_link(record.verification_id)
    await store.sessions.commit(a_commit(record, state="live"))
    found = await store.sessions.get(record.session_id)
    assert (found.state, found.link_number) == ("live", 2)


@pytest.mark.parametrize("nobody", ["00000000-0000-4000-8000-000000000000", SessionId("a\x00b")])
async def test_only_a_verification_has_a_link(store: Store, nobody: SessionId) -> None:
    with pytest.raises(NotFound):
        await store.sessions.renew_link(nobody)


async def test_a_withdrawn_verification_is_so_in_every_attempt(store: Store) -> None:
    first, other = a_session(), a_session()
    for record in (first, other):
        await store.sessions.open(record, [])
    await store.sessions.add_attempt(a_retry(first), [])
    await store.sessions.withdraw(first.verification_id)
    await store.sessions.withdraw(first.verification_id)
    await store.sessions.add_attempt(a_retry(first, 3), [])
    found = await store.sessions.attempts(first.verification_id)
    assert [one.withdrawn for one in found] == [True] * 3
    assert not (await store.sessions.get(other.session_id)).withdrawn


async def test_a_commit_does_not_take_a_withdrawal_back(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    await store.sessions.withdraw(record.verification_id)
    await store.sessions.commit(a_commit(record, state="live"))
    assert (await store.sessions.get(record.session_id)).withdrawn


@pytest.mark.parametrize("nobody", ["00000000-0000-4000-8000-000000000000", SessionId("a\x00b")])
async def test_only_a_verification_can_be_withdrawn(store: Store, nobody: SessionId) -> None:
    with pytest.raises(NotFound):
        await store.sessions.withdraw(nobody)


async def test_verifications_of_the_program_before_are_not_withdrawn(database: Database) -> None:
    store = sql_store(database)
    record = a_session()
    await store.sessions.open(record, [])
    await store.sessions.withdraw(record.verification_id)
    await step_back(database, "0009")
    await step_forward(database)
    assert await store.sessions.get(record.session_id) == record


async def test_verifications_of_the_program_before_have_their_first_link(
    database: Database,
) -> None:
    store = sql_store(database)
    record = replace(a_session(), user_id="Ada")
    await store.sessions.open(record, [])
    await store.sessions.renew_link(record.verification_id)
    await step_back(database, "0007")
    async with database.begin() as connection:
        row = (await connection.execute(text("SELECT * FROM verifications"))).mappings().one()
    assert "link_number" not in row
    assert row["verification_id"] == record.verification_id
    await step_forward(database)
    assert await store.sessions.get(record.session_id) == record
    assert await store.sessions.renew_link(record.verification_id) == 2
