"""When a delivery that failed is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.delivery.backoff import FIRST_MS, LONGEST_MS, retry_at_ms, wait_ms


@pytest.mark.parametrize(
    ("attempts", "draw", "expected_ms"),
    [
        (1, 0.0, 5_000),
        (1, 1.0, 2_500),
        (2, 0.0, 10_000),
        (3, 0.0, 20_000),
        (10, 0.0, 2_560_000),
        (11, 0.0, 3_600_000),
        (10_000, 0.0, 3_600_000),
    ],
)
def test_the_wait_doubles_up_to_an_hour(attempts: int, draw: float, expected_ms: int) -> None:
    assert wait_ms(attempts, draw) == expected_ms


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_the_wait_has_bounds(attempts: int, draw: float) -> None:
    assert FIRST_MS / 2 <= wait_ms(attempts, draw) <= LONGEST_MS
    assert wait_ms(attempts + 1, draw) >= wait_ms(attempts, draw)


@given(st.integers(1, 100), st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
def test_it_is_tried_until_it_is_given_up(
    attempts: int, now_ms: int, give_up_at_ms: int, draw: float
) -> None:
    due_ms = retry_at_ms(attempts, now_ms, give_up_at_ms, draw)
    if now_ms >= give_up_at_ms:
        assert due_ms is None
    else:
        assert due_ms is not None
        assert now_ms < due_ms <= give_up_at_ms
