"""Token buckets, and whose calls they count."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import RateLimited
from kyc_rtc.settings import HttpSettings
from signaling.principals import Kind, Principal
from signaling.rates import Buckets, Quota, Rates
from tests.support.clock import ManualClock

BANK = Principal(Kind.INSTITUTION, key_id="bank")
FEW = HttpSettings(key_rate_per_s=2, key_burst=3, address_rate_per_s=1, address_burst=2)
PROXIES = (ip_network("10.0.0.0/8"),)


def applicant(session_id: str) -> Principal:
    return Principal(Kind.APPLICANT, session_id=session_id)


def check(rates: Rates, principal: Principal, address: str) -> None:
    """Both counts, in the order of a request."""
    rates.check_source(principal, address)
    rates.check_session(principal)


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 500.0]
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 499.0) == pytest.approx(1.0)
    assert buckets.take("a", 500.0) == 0.0
    assert [buckets.take("a", 60_000.0) for _ in range(4)][-1] > 0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5_000)), max_size=200),
    st.floats(0.1, 50),
    st.integers(1, 20),
)
def test_nobody_gets_more_than_burst_and_rate(
    calls: list[tuple[str, float]], rate: float, burst: int
) -> None:
    buckets = Buckets(rate, burst)
    now_ms, taken = 0.0, dict.fromkeys("abc", 0)
    for key, pause_ms in calls:
        now_ms += pause_ms
        taken[key] += buckets.take(key, now_ms) == 0.0
    assert all(count <= burst + rate * now_ms / 1_000 + 1e-6 for count in taken.values())


@given(st.lists(st.text(max_size=3), max_size=100))
def test_memory_is_bounded(keys: list[str]) -> None:
    buckets = Buckets(1.0, 1, max_buckets=5)
    for key in keys:
        buckets.take(key, 0.0)
        assert len(buckets) <= 5


def test_the_one_used_longest_ago_makes_way() -> None:
    buckets = Buckets(1.0, 1, max_buckets=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0.0)
    assert buckets.take("a", 0.0) > 0
    assert buckets.take("b", 0.0) == 0


def test_an_institution_is_counted_by_its_key() -> None:
    clock = ManualClock()
    rates = Rates(FEW, (), clock)
    for number in range(3):
        check(rates, BANK, f"192.0.2.{number}")
    with pytest.raises(RateLimited) as refused:
        check(rates, BANK, "192.0.2.9")
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limited", 1)
    check(rates, Principal(Kind.INSTITUTION, key_id="other"), "192.0.2.9")
    clock.tick(500)
    check(rates, BANK, "192.0.2.9")


def test_applicants_are_counted_by_address() -> None:
    rates = Rates(FEW, PROXIES, ManualClock())
    check(rates, applicant("a"), "192.0.2.1")
    check(rates, applicant("b"), "192.0.2.1")
    with pytest.raises(RateLimited):
        check(rates, applicant("c"), "192.0.2.1")
    check(rates, applicant("c"), "192.0.2.2")


def test_addresses_of_one_ipv6_network_count_together() -> None:
    rates = Rates(FEW, (), ManualClock())
    for number in range(2):
        check(rates, applicant(f"s{number}"), f"2001:db8::{number}")
    with pytest.raises(RateLimited):
        check(rates, applicant("s3"), "2001:db8::3")


def test_behind_a_trusted_proxy_only_the_session_counts() -> None:
    rates = Rates(FEW, PROXIES, ManualClock())
    for number in range(20):
        check(rates, applicant(f"s{number}"), "10.1.1.1")
    check(rates, applicant("s1"), "10.1.1.1")
    with pytest.raises(RateLimited):
        check(rates, applicant("s1"), "10.1.1.1")


def refused(rates: Rates, caller: Principal) -> int:
    """How many of a hundred calls at one time are refused."""
    count = 0
    for _ in range(100):
        try:
            check(rates, caller, "192.0.2.1")
        except RateLimited:
            count += 1
    return count


def test_off_is_possible() -> None:
    rates = Rates(FEW.model_copy(update={"rate_limits": False}), (), ManualClock())
    for caller in (BANK, applicant("a")):
        assert refused(rates, caller) == 0
        assert refused(Rates(FEW, (), ManualClock()), caller) > 0


def test_who_is_not_confirmed_uses_nothing_of_the_session_up() -> None:
    rates = Rates(FEW, PROXIES, ManualClock())
    for _ in range(2):
        rates.check_source(applicant("s"), "192.0.2.66")  # under a link that was replaced
    check(rates, applicant("s"), "192.0.2.1")
    check(rates, applicant("s"), "192.0.2.1")
    with pytest.raises(RateLimited):
        check(rates, applicant("s"), "192.0.2.2")


# What is left, in the headers


def test_a_quota_is_what_is_left() -> None:
    rates = Rates(FEW, PROXIES, clock := ManualClock())
    assert rates.quota(BANK, "192.0.2.1") == Quota(3, 2, 3, 0)
    for left in (2, 1, 0):
        check(rates, BANK, "192.0.2.1")
        quota = rates.quota(BANK, "192.0.2.1")
        assert quota is not None
        assert (quota.remaining, quota.limit) == (left, 3)
    with pytest.raises(RateLimited):
        check(rates, BANK, "192.0.2.1")
    assert rates.quota(BANK, "192.0.2.1") == Quota(3, 2, 0, 2)
    assert clock.monotonic_ms() == 0


def test_the_tightest_quota_counts() -> None:
    rates = Rates(FEW, PROXIES, ManualClock())
    check(rates, applicant("a"), "192.0.2.1")
    check(rates, applicant("b"), "192.0.2.1")
    assert rates.quota(applicant("c"), "192.0.2.1") == Quota(2, 2, 0, 2)
    assert rates.quota(applicant("c"), "10.0.0.1") == Quota(2, 2, 2, 0)


def test_without_limits_there_is_no_quota() -> None:
    off = HttpSettings(rate_limits=False)
    assert Rates(off, PROXIES, ManualClock()).quota(BANK, "192.0.2.1") is None
    assert Rates(FEW, PROXIES, ManualClock()).quota(BANK_WITHOUT, "10.0.0.1") is None


BANK_WITHOUT = Principal(Kind.APPLICANT)


def test_headers_as_the_draft_writes_them() -> None:
    assert Quota(100, 5, 42, 3).headers == {
        "RateLimit-Policy": '"creating-calls";q=100;w=5',
        "RateLimit": '"creating-calls";r=42;t=3',
    }
