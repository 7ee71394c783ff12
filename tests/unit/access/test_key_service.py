"""API keys: made, found, rotated and ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.access.interface import KeyOrder
from kyc_rtc.access.keys import MAX_KEYS_OF_TENANT, USED_EVERY_MS, KeyService
from kyc_rtc.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorised
from kyc_rtc.keys import new_stored_key, stored_key_id
from kyc_rtc.scopes import (
    NOT_IN_THE_SANDBOX,
    ROLE_SCOPES,
    Role,
    Scope,
    is_tenant,
    sandbox_of,
    scopes_of,
    with_implied,
)
from tests.support.clock import ManualClock
from tests.support.fake_keys import MemoryApiKeys

ALL = frozenset(Scope)


def order(**changes: object) -> KeyOrder:
    fields: dict[str, object] = {
        "tenant_id": "bank-a",
        "name": "backend",
        "scopes": frozenset({Scope.VERIFICATIONS}),
        "by": "an admin",
    }
    return KeyOrder(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def rows() -> MemoryApiKeys:
    return MemoryApiKeys()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(rows: MemoryApiKeys, clock: ManualClock) -> KeyService:
    return KeyService(rows, clock)


async def test_a_key_opens_what_it_was_made_for(keys: KeyService, rows: MemoryApiKeys) -> None:
    made = await keys.create(order())
    found = await keys.find(made.secret)
    assert found is not None
    assert (found.id, found.tenant_id, found.is_test) == (made.key.key_id, "bank-a", False)
    assert found.scopes == with_implied([Scope.VERIFICATIONS])
    assert made.secret not in repr(rows.rows)


@pytest.mark.parametrize("is_test", [False, True])
async def test_a_key_shows_its_kind_and_its_id(keys: KeyService, is_test: bool) -> None:
    made = await keys.create(order(is_test=is_test))
    assert made.secret.startswith("kyc_test_" if is_test else "kyc_live_")
    assert stored_key_id(made.secret) == made.key.key_id


async def test_a_key_of_the_sandbox_sees_nothing_else(keys: KeyService) -> None:
    made = await keys.create(order(is_test=True, scopes=frozenset(Scope) - {Scope.METRICS}))
    found = await keys.find(made.secret)
    assert found is not None
    assert (found.tenant_id, found.is_test) == (sandbox_of("bank-a"), True)
    assert not is_tenant(found.tenant_id)  # so that no tenant is the sandbox of another
    assert found.scopes == frozenset(Scope) - NOT_IN_THE_SANDBOX
    assert [key.key_id for key in await keys.listed("bank-a")] == [made.key.key_id]


@pytest.mark.parametrize(("length", "fits"), [(59, True), (60, False)])
async def test_a_long_tenant_has_no_sandbox(keys: KeyService, length: int, fits: bool) -> None:
    ordered = order(tenant_id="b" * length, is_test=True)
    if fits:
        await keys.create(ordered)
    else:
        with pytest.raises(BadRequest, match="sandbox"):
            await keys.create(ordered)
    await keys.create(order(tenant_id="b" * length))


async def test_a_key_that_differs_in_its_secret_is_unknown(keys: KeyService) -> None:
    made = await keys.create(order())
    other = made.secret[:-1] + ("x" if made.secret[-1] != "x" else "y")
    assert await keys.find(other) is None
    assert await keys.find(new_stored_key().secret) is None


@given(st.text(max_size=80))
def test_no_other_text_has_an_id(text: str) -> None:
    assert stored_key_id(text) is None


async def test_an_end_is_kept(keys: KeyService, clock: ManualClock) -> None:
    made = await keys.create(order(expires_in_s=60))
    await clock.advance(59_999)
    assert await keys.find(made.secret) is not None
    await clock.advance(1)
    with pytest.raises(Unauthorised, match="has expired"):
        await keys.find(made.secret)


async def test_a_revoked_key_is_refused_at_once(keys: KeyService) -> None:
    made = await keys.create(order())
    await keys.revoke("bank-a", made.key.key_id)
    with pytest.raises(Unauthorised, match="was revoked"):
        await keys.find(made.secret)


async def test_after_a_rotation_both_work_for_a_while(keys: KeyService, clock: ManualClock) -> None:
    old = await keys.create(order(expires_in_s=7_200))
    await clock.advance(1_000_000)
    new = await keys.rotate("bank-a", old.key.key_id, 60, "an admin", ALL)
    assert new.key.replaces == old.key.key_id
    assert new.key.expires_at_ms == clock.now_ms() + 7_200_000
    assert (new.key.name, new.key.scopes) == (old.key.name, old.key.scopes)
    for secret in (old.secret, new.secret):
        assert await keys.find(secret) is not None
    await clock.advance(60_000)
    with pytest.raises(Unauthorised):
        await keys.find(old.secret)
    assert await keys.find(new.secret) is not None


async def test_what_is_over_cannot_be_rotated(keys: KeyService) -> None:
    made = await keys.create(order())
    await keys.revoke("bank-a", made.key.key_id)
    with pytest.raises(Conflict, match="over already"):
        await keys.rotate("bank-a", made.key.key_id, 60, "an admin", ALL)


async def test_nobody_rotates_a_key_that_may_do_more_than_they(keys: KeyService) -> None:
    made = await keys.create(order(scopes=frozenset({Scope.ALERTS})))
    with pytest.raises(Forbidden):
        await keys.rotate("bank-a", made.key.key_id, 60, "x", frozenset({Scope.KEYS}))


async def test_another_tenant_has_no_such_key(keys: KeyService) -> None:
    made = await keys.create(order())
    assert await keys.listed("bank-b") == ()
    with pytest.raises(NotFound):
        await keys.revoke("bank-b", made.key.key_id)
    with pytest.raises(NotFound):
        await keys.rotate("bank-b", made.key.key_id, 60, "x", ALL)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, "name"),
        ({"scopes": frozenset()}, "scopes"),
        ({"scopes": frozenset({Scope.METRICS})}, "metrics"),
        ({"tenant_id": "Bank A"}, "tenant"),
        ({"expires_in_s": 0}, "expires_in"),
        ({"expires_in_s": 10**12}, "expires_in"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    keys: KeyService, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(BadRequest, match=said):
        await keys.create(order(**changes))


async def test_a_tenant_has_so_many_keys_and_no_more(keys: KeyService) -> None:
    for _ in range(MAX_KEYS_OF_TENANT):
        await keys.create(order())
    with pytest.raises(Conflict, match="keys that are valid"):
        await keys.create(order())
    await keys.create(order(tenant_id="bank-b"))


async def test_the_last_use_is_written_once_an_hour(
    keys: KeyService, rows: MemoryApiKeys, clock: ManualClock
) -> None:
    made = await keys.create(order())
    first_ms = clock.now_ms()
    await keys.find(made.secret)
    await clock.advance(USED_EVERY_MS - 1)
    await keys.find(made.secret)
    assert rows.rows[made.key.key_id].last_used_at_ms == first_ms
    await clock.advance(1)
    await keys.find(made.secret)
    assert rows.rows[made.key.key_id].last_used_at_ms == clock.now_ms()


# Roles


def test_every_role_has_its_scopes() -> None:
    assert set(ROLE_SCOPES) == set(Role)
    assert scopes_of(Role) == ALL
    assert scopes_of([]) == frozenset()


@pytest.mark.parametrize("role", [Role.AUDITOR])
def test_an_auditor_reads_and_changes_nothing(role: Role) -> None:
    assert all(scope.value.endswith(":read") for scope in scopes_of([role]))


@given(st.sets(st.sampled_from(list(Scope))))
def test_what_is_implied_is_implied_once(scopes: set[Scope]) -> None:
    closed = with_implied(scopes)
    assert with_implied(closed) == closed >= scopes
