"""API keys in the store: in memory, as the tests of the HTTP side have them, and on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from kyc_rtc.errors import BadRequest, Conflict, NotFound
from kyc_rtc.storage import Database
from kyc_rtc.storage.api_keys import ApiKeyRecord, ApiKeyRepository, SqlApiKeyRepository
from tests.support.fake_keys import MemoryApiKeys
from tests.support.memory_store import a_session
from tests.unit.storage.stores import opened, sql_store, step_back, step_forward

A_KEY = ApiKeyRecord(
    key_id="abcdefghijkm",
    tenant_id="bank-a",
    name="backend",
    sha256="0" * 64,
    scopes=("alerts:read", "verifications"),
    is_test=False,
    created_at_ms=1_000,
    created_by="command line",
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def keys(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ApiKeyRepository]:
    if request.param == "memory":
        yield MemoryApiKeys()
        return
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    async with opened(url) as database:
        yield SqlApiKeyRepository(database)


def named(key_id: str, **changes: object) -> ApiKeyRecord:
    return replace(A_KEY, key_id=key_id, **changes)  # type: ignore[arg-type]


async def test_a_key_is_found_as_it_was_stored(keys: ApiKeyRepository) -> None:
    assert await keys.add(A_KEY, 10)
    assert await keys.get(A_KEY.key_id) == A_KEY
    assert await keys.get("another") is None


async def test_keys_of_another_tenant_are_not_there(keys: ApiKeyRepository) -> None:
    await keys.add(A_KEY, 10)
    assert await keys.of_tenant("bank-a", A_KEY.key_id) == A_KEY
    assert await keys.listed("bank-b") == []
    with pytest.raises(NotFound):
        await keys.of_tenant("bank-b", A_KEY.key_id)
    with pytest.raises(NotFound):
        await keys.revoke("bank-b", A_KEY.key_id, 2_000)
    assert await keys.get(A_KEY.key_id) == A_KEY


async def test_the_newest_comes_first(keys: ApiKeyRepository) -> None:
    for number, key_id in enumerate(("a", "b", "c")):
        await keys.add(named(key_id, created_at_ms=1_000 + number), 10)
    assert [key.key_id for key in await keys.listed("bank-a")] == ["c", "b", "a"]


async def test_only_valid_keys_count_towards_the_limit(keys: ApiKeyRepository) -> None:
    assert await keys.add(named("a", expires_at_ms=5_000), 2)
    assert await keys.add(named("b"), 2)
    assert not await keys.add(named("c", created_at_ms=2_000), 2)
    assert await keys.add(named("d", tenant_id="bank-b"), 2)
    assert await keys.add(named("e", created_at_ms=5_000), 2)  # the first is over by then
    await keys.revoke("bank-a", "b", 5_500)
    assert await keys.add(named("f", created_at_ms=6_000), 2)


async def test_the_first_revocation_stays(keys: ApiKeyRepository) -> None:
    await keys.add(A_KEY, 10)
    assert (await keys.revoke("bank-a", A_KEY.key_id, 2_000)).revoked_at_ms == 2_000
    assert (await keys.revoke("bank-a", A_KEY.key_id, 3_000)).revoked_at_ms == 2_000


@pytest.mark.parametrize(("before", "after"), [(None, 4_000), (9_000, 4_000), (3_000, 3_000)])
async def test_a_key_ends_when_another_takes_its_place_and_no_later_than_it_did(
    keys: ApiKeyRepository, before: int | None, after: int
) -> None:
    await keys.add(replace(A_KEY, expires_at_ms=before), 10)
    new = named("b", replaces=A_KEY.key_id, created_at_ms=2_000)
    assert await keys.replace(new, 4_000, 10)
    found = await keys.get(A_KEY.key_id)
    assert found is not None
    assert found.expires_at_ms == after
    assert await keys.get("b") == new


@pytest.mark.parametrize("is_revoked", [False, True])
async def test_what_is_over_is_replaced_by_nothing(
    keys: ApiKeyRepository, is_revoked: bool
) -> None:
    await keys.add(replace(A_KEY, expires_at_ms=None if is_revoked else 1_500), 10)
    if is_revoked:
        await keys.revoke("bank-a", A_KEY.key_id, 1_500)
    with pytest.raises(Conflict):
        await keys.replace(named("b", replaces=A_KEY.key_id, created_at_ms=2_000), 4_000, 10)
    assert await keys.get("b") is None


async def test_without_room_the_old_key_stays_as_it_is(keys: ApiKeyRepository) -> None:
    await keys.add(A_KEY, 10)
    assert not await keys.replace(named("b", replaces=A_KEY.key_id), 4_000, 1)
    assert await keys.get(A_KEY.key_id) == A_KEY
    assert await keys.get("b") is None


async def test_the_last_use_is_noted(keys: ApiKeyRepository) -> None:
    await keys.add(A_KEY, 10)
    await keys.used(A_KEY.key_id, 7_000)
    found = await keys.get(A_KEY.key_id)
    assert found is not None
    assert found.last_used_at_ms == 7_000


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"name": "x" * 129}, {"tenant_id": ""}, {"scopes": ("",)}]
)
def test_what_cannot_be_stored_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        named("a", **changes)


async def test_the_way_back_loses_the_keys_and_nothing_else(database: Database) -> None:
    keys, session = SqlApiKeyRepository(database), a_session()
    await sql_store(database).sessions.open(session, [])
    await keys.add(A_KEY, 10)
    await step_back(database, "0014")
    await step_forward(database)
    assert await keys.get(A_KEY.key_id) is None
    assert (await sql_store(database).sessions.get(session.session_id)) == session
    assert await keys.add(A_KEY, 10)
