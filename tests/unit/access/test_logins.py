"""Logins: begun, rotated, ended; and the local login of development."""

from __future__ import annotations

import asyncio

import pytest
import structlog.testing

from kyc_rtc.access.local import MAX_WRONG, USER, LocalLogin, new_password
from kyc_rtc.access.logins import GRACE_MS, ROTATE_EVERY_MS, SEEN_EVERY_MS, LoginService
from kyc_rtc.access.people import Person
from kyc_rtc.errors import RateLimited, Unauthorised
from kyc_rtc.scopes import Role
from kyc_rtc.settings import OidcSettings
from tests.support.clock import ManualClock
from tests.support.fake_logins import MemoryLogins

ADA = Person("subject-1", "ada", (Role.AGENT, Role.AUDITOR), "bank-a")
SETTINGS = OidcSettings(login_ttl_s=28_800, login_idle_s=7_200)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def rows() -> MemoryLogins:
    return MemoryLogins()


@pytest.fixture
def logins(rows: MemoryLogins, clock: ManualClock) -> LoginService:
    return LoginService(rows, SETTINGS, clock)


async def secret_of(logins: LoginService) -> str:
    begun = await logins.begin(ADA)
    assert begun.secret is not None
    return begun.secret


async def test_a_login_is_found_by_its_secret(logins: LoginService, rows: MemoryLogins) -> None:
    secret = await secret_of(logins)
    found = await logins.find(secret)
    assert found is not None
    assert (found.person, found.left_s, found.secret) == (ADA, 28_800, None)
    assert secret not in repr(rows.rows)


@pytest.mark.parametrize("secret", ["", "x", "x" * 65, "schlüssel", "\udcff"])
async def test_other_values_lead_nowhere(logins: LoginService, secret: str) -> None:
    await logins.begin(ADA)
    assert await logins.find(secret) is None


async def test_an_idle_login_ends(logins: LoginService, clock: ManualClock) -> None:
    secret = await secret_of(logins)
    clock.tick(7_199_999)
    found = await logins.find(secret)
    assert found is not None
    clock.tick(7_200_000)
    assert await logins.find(found.secret or secret) is None


async def test_a_login_ends_though_it_is_used(logins: LoginService, clock: ManualClock) -> None:
    secret = await secret_of(logins)
    for _ in range(7):
        clock.tick(3_600_000)
        found = await logins.find(secret)
        assert found is not None
        secret = found.secret or secret
    clock.tick(3_600_000)
    assert await logins.find(secret) is None


async def test_the_value_changes_every_hour(logins: LoginService, clock: ManualClock) -> None:
    first = await secret_of(logins)
    clock.tick(ROTATE_EVERY_MS - 1)
    assert (await logins.find(first)).secret is None  # type: ignore[union-attr]
    clock.tick(1)
    second = (await logins.find(first)).secret  # type: ignore[union-attr]
    assert second not in (None, first)
    assert (await logins.find(second or "")).secret is None  # type: ignore[union-attr]
    clock.tick(GRACE_MS - 1)  # requests that were in flight
    assert (await logins.find(first)).secret is None  # type: ignore[union-attr]
    clock.tick(1)
    with structlog.testing.capture_logs() as logs:
        assert await logins.find(first) is None
    assert [line["event"] for line in logs] == ["login_value_outdated"]
    assert await logins.find(second or "") is not None


async def test_of_two_requests_at_one_time_one_brings_the_new_value(
    logins: LoginService, clock: ManualClock
) -> None:
    secret = await secret_of(logins)
    clock.tick(ROTATE_EVERY_MS)
    found = await asyncio.gather(logins.find(secret), logins.find(secret))
    assert sorted(one.secret is None for one in found if one) == [False, True]


async def test_the_last_use_is_kept_to_the_minute(
    logins: LoginService, rows: MemoryLogins, clock: ManualClock
) -> None:
    secret, first_ms = await secret_of(logins), clock.now_ms()
    for tick_ms, seen_ms in ((SEEN_EVERY_MS - 1, 0), (1, SEEN_EVERY_MS), (1, SEEN_EVERY_MS)):
        clock.tick(tick_ms)
        await logins.find(secret)
        assert [row.seen_at_ms - first_ms for row in rows.rows.values()] == [seen_ms]


async def test_an_end_counts_at_once(logins: LoginService) -> None:
    secret = await secret_of(logins)
    found = await logins.find(secret)
    assert found is not None
    await logins.end(found.login_id)
    assert await logins.find(secret) is None


async def test_no_login_outlives_a_change_of_the_provider(
    logins: LoginService, rows: MemoryLogins, clock: ManualClock
) -> None:
    other = OidcSettings(issuer="https://login.example", client_id="kyc")
    secret = await secret_of(logins)
    assert await LoginService(rows, other, clock).find(secret) is None


async def test_the_log_names_nobody(logins: LoginService) -> None:
    with structlog.testing.capture_logs() as logs:
        begun = await logins.begin(ADA)
        await logins.end(begun.login_id)
    assert [line["event"] for line in logs] == ["login_begun", "login_ended"]
    assert not any(word in repr(logs) for word in ("ada", "subject-1", begun.secret or ""))


# The local login.


async def test_the_password_opens(clock: ManualClock) -> None:
    password = new_password()
    local = LocalLogin(password, clock)
    person = await local.check(USER, password)
    assert (person.name, person.roles) == ("admin", (Role.ADMIN,))
    assert password not in repr(vars(local))


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("root", "right"), ("", "")])
async def test_what_is_wrong_is_refused(clock: ManualClock, user: str, password: str) -> None:
    with pytest.raises(Unauthorised):
        await LocalLogin("right", clock).check(user, password)


async def test_five_wrong_passwords_a_minute_and_no_more(clock: ManualClock) -> None:
    local = LocalLogin("right", clock)
    for _ in range(3):  # right ones do not count
        await local.check(USER, "right")
    tries = [local.check(USER, "wrong") for _ in range(MAX_WRONG + 2)]
    refused = await asyncio.gather(*tries, return_exceptions=True)
    kinds = [type(error) for error in refused]
    assert kinds == [Unauthorised] * MAX_WRONG + [RateLimited] * 2
    clock.tick(59_000)
    with pytest.raises(RateLimited) as caught:
        await local.check(USER, "right")
    assert caught.value.retry_after_s == 1
    clock.tick(1_000)
    await local.check(USER, "right")


def test_every_start_has_another_password() -> None:
    assert len({new_password() for _ in range(100)}) == 100


async def test_asking_whether_a_login_is_valid_is_no_use_of_it(
    logins: LoginService, rows: MemoryLogins, clock: ManualClock
) -> None:
    """What lasts, such as a feed, asks every ten seconds, and could send no new value."""
    secret = await secret_of(logins)
    before = dict(rows.rows)
    (login_id,) = before
    clock.tick(ROTATE_EVERY_MS)
    assert await logins.is_valid(login_id)
    assert rows.rows == before
    clock.tick(7_200_000 - ROTATE_EVERY_MS)
    assert not await logins.is_valid(login_id)
    assert await logins.find(secret) is None
    assert not await logins.is_valid("another")
