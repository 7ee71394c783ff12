"""Idempotency keys: one creation and one answer for each, whoever asks, and nothing in plain."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from kyc_rtc.errors import IdempotencyMismatch, KycError
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import Database, Sealer, SqlIdempotencyStore
from kyc_rtc.storage.idempotency import KEPT_MS, StoredAnswer
from kyc_rtc.storage.tables import idempotency
from tests.unit.storage.stores import SEALER, Store, opened

KEY, REQUEST, NOW_MS = "institution bank\nkey-1", "POST /start\n{}", 1_700_000_000_000
ANSWER = StoredAnswer(201, '{"client_token": "a-secret-token"}')


async def test_a_key_stands_for_one_thing(store: Store) -> None:
    first = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
    again = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS + KEPT_MS - 1)
    other = await store.idempotency.begin(DEFAULT_TENANT, "another", REQUEST, NOW_MS)
    assert again == first
    assert first.answer is None
    assert other.new_id != first.new_id


async def test_the_first_answer_that_is_kept_is_everybodys(store: Store) -> None:
    creation = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
    assert await store.idempotency.keep(creation, ANSWER) == ANSWER
    assert await store.idempotency.keep(creation, StoredAnswer(201, "{}")) == ANSWER
    assert (await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)).answer == ANSWER


@pytest.mark.parametrize("answered", [False, True])
async def test_another_request_with_the_same_key_is_refused(store: Store, answered: bool) -> None:
    creation = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
    if answered:
        await store.idempotency.keep(creation, ANSWER)
    with pytest.raises(IdempotencyMismatch):
        await store.idempotency.begin(DEFAULT_TENANT, KEY, "POST /start\n{1}", NOW_MS)


async def test_after_a_day_a_key_is_new(store: Store) -> None:
    old = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
    await store.idempotency.keep(old, ANSWER)
    new = await store.idempotency.begin(DEFAULT_TENANT, KEY, "another request", NOW_MS + KEPT_MS)
    assert new.new_id != old.new_id
    assert new.answer is None
    # Whoever is late with the answer of the old one changes nothing of the new one.
    late = StoredAnswer(201, "late")
    assert await store.idempotency.keep(old, late) == late
    repeated = await store.idempotency.begin(
        DEFAULT_TENANT, KEY, "another request", NOW_MS + KEPT_MS
    )
    assert repeated.answer is None


async def test_old_keys_are_pruned(store: Store) -> None:
    for number in range(3):
        await store.idempotency.begin(DEFAULT_TENANT, f"key-{number}", REQUEST, NOW_MS + number)
    assert await store.idempotency.prune(NOW_MS + 2) == 2
    assert await store.idempotency.prune(NOW_MS + 2) == 0
    with pytest.raises(IdempotencyMismatch):  # this one is still there
        await store.idempotency.begin(DEFAULT_TENANT, "key-2", "another", NOW_MS)


async def test_an_answer_whose_key_was_pruned_is_given_all_the_same(store: Store) -> None:
    creation = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
    await store.idempotency.prune(NOW_MS + 1)
    assert await store.idempotency.keep(creation, ANSWER) == ANSWER


async def test_twenty_at_once_get_one_thing_and_one_answer(store: Store) -> None:
    async def call(number: int) -> tuple[str, StoredAnswer]:
        creation = await store.idempotency.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
        own = StoredAnswer(201, f"answer {number}")
        return creation.new_id, await store.idempotency.keep(creation, own)

    assert len(set(await asyncio.gather(*map(call, range(20))))) == 1


async def test_two_processes_on_one_database_agree(sqlite_url: str) -> None:
    async with opened(sqlite_url) as one:
        other = Database(sqlite_url, SEALER)
        await other.open()
        try:
            stores = [SqlIdempotencyStore(database, SEALER) for database in (one, other)]
            begun = await asyncio.gather(
                *(store.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS) for store in stores * 10)
            )
            assert len(set(begun)) == 1
            kept = await asyncio.gather(
                *(
                    store.keep(begun[0], StoredAnswer(201, str(number)))
                    for number, store in enumerate(stores * 10)
                )
            )
            assert len(set(kept)) == 1
        finally:
            await other.aclose()


async def test_nothing_stands_in_the_database_in_plain(database: Database) -> None:
    store = SqlIdempotencyStore(database, SEALER)
    await store.keep(await store.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS), ANSWER)
    async with database.begin() as connection:
        row = (await connection.execute(select(idempotency))).mappings().one()
    stored = " ".join(map(repr, row.values()))
    for secret in ("key-1", "bank", "POST", "a-secret-token", "client_token"):
        assert secret not in stored
    assert row["key_hash"] != row["request_hash"]


async def test_an_answer_opens_in_its_own_row_only(database: Database) -> None:
    store = SqlIdempotencyStore(database, SEALER)
    await store.keep(await store.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS), ANSWER)
    await store.keep(
        await store.begin(DEFAULT_TENANT, "other", REQUEST, NOW_MS), StoredAnswer(201, "{}")
    )
    mine = (await store.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)).key_hash
    table = idempotency.c
    async with database.begin(write=True) as connection:
        foreign = await connection.scalar(select(table.body_sealed).where(table.key_hash != mine))
        swap = update(idempotency).where(table.key_hash == mine).values(body_sealed=foreign)
        await connection.execute(swap)
    with pytest.raises(KycError, match="does not open"):
        await store.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)


async def test_another_secret_makes_other_keys(database: Database) -> None:
    first = await SqlIdempotencyStore(database, SEALER).begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)
    other = SqlIdempotencyStore(database, Sealer("another secret"))
    assert (await other.begin(DEFAULT_TENANT, KEY, REQUEST, NOW_MS)).new_id != first.new_id
