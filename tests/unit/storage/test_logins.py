"""Logins in the store: in memory, as the tests of the HTTP side have them, and on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, inspect

from kyc_rtc.errors import BadRequest
from kyc_rtc.storage import Database
from kyc_rtc.storage.logins import LoginRecord, LoginRepository, SqlLoginRepository
from kyc_rtc.storage.tables import logins as rows
from tests.support.fake_logins import MemoryLogins
from tests.unit.storage.stores import opened, step_back, step_forward

A_LOGIN = LoginRecord(
    login_id="0" * 36,
    sha256="a" * 64,
    tenant_id="bank-a",
    subject="subject-1",
    name="ada",
    roles=("agent", "auditor"),
    created_at_ms=1_000,
    rotated_at_ms=1_000,
    seen_at_ms=1_000,
    expires_at_ms=9_000,
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def logins(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LoginRepository]:
    if request.param == "memory":
        yield MemoryLogins()
        return
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    async with opened(url) as database:
        async with database.begin(write=True) as connection:
            await connection.execute(delete(rows))
        yield SqlLoginRepository(database)


async def test_a_login_is_found_by_its_value(logins: LoginRepository) -> None:
    await logins.add(A_LOGIN)
    assert await logins.find("a" * 64) == A_LOGIN
    assert await logins.find("b" * 64) is None


async def test_after_a_rotation_both_values_lead_to_it(logins: LoginRepository) -> None:
    await logins.add(A_LOGIN)
    assert await logins.rotate(A_LOGIN, "b" * 64, 2_000, 2_500)
    rotated = replace(
        A_LOGIN,
        sha256="b" * 64,
        rotated_at_ms=2_000,
        earlier_sha256="a" * 64,
        earlier_until_ms=2_500,
    )
    assert await logins.find("a" * 64) == await logins.find("b" * 64) == rotated
    assert await logins.rotate(rotated, "c" * 64, 3_000, 3_500)
    assert await logins.find("a" * 64) is None


async def test_only_one_of_two_rotates(logins: LoginRepository) -> None:
    await logins.add(A_LOGIN)
    assert await logins.rotate(A_LOGIN, "b" * 64, 2_000, 2_500)
    assert not await logins.rotate(A_LOGIN, "c" * 64, 2_000, 2_500)
    assert await logins.find("c" * 64) is None


async def test_the_last_use_is_noted(logins: LoginRepository) -> None:
    await logins.add(A_LOGIN)
    await logins.seen(A_LOGIN.login_id, 4_000)
    assert await logins.find("a" * 64) == replace(A_LOGIN, seen_at_ms=4_000)


async def test_an_end_leaves_nothing(logins: LoginRepository) -> None:
    await logins.add(A_LOGIN)
    for _ in range(2):
        await logins.end(A_LOGIN.login_id)
    assert await logins.find("a" * 64) is None
    assert not await logins.rotate(A_LOGIN, "b" * 64, 2_000, 2_500)


@pytest.mark.parametrize(("at_ms", "is_left"), [(8_999, True), (9_000, False)])
async def test_a_new_login_deletes_what_has_expired(
    logins: LoginRepository, at_ms: int, is_left: bool
) -> None:
    await logins.add(A_LOGIN)
    later = replace(A_LOGIN, login_id="1" * 36, sha256="d" * 64, created_at_ms=at_ms)
    await logins.add(replace(later, expires_at_ms=at_ms + 1_000))
    assert (await logins.find("a" * 64) is not None) is is_left


@pytest.mark.parametrize(
    "changes",
    [{"subject": ""}, {"subject": "x" * 256}, {"name": ""}, {"tenant_id": ""}, {"roles": ("",)}],
)
def test_what_cannot_be_stored_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        replace(A_LOGIN, **changes)  # type: ignore[arg-type]


async def test_the_migration_goes_back_and_forward(database: Database) -> None:
    await SqlLoginRepository(database).add(replace(A_LOGIN, login_id="2" * 36, sha256="e" * 64))
    await step_back(database, "0015")
    async with database.begin() as connection:
        assert not await connection.run_sync(lambda c: inspect(c).has_table("logins"))
    await step_forward(database)
    assert await SqlLoginRepository(database).find("e" * 64) is None
