"""The watchdog's steps, from wall-clock facts."""

from __future__ import annotations

import dataclasses

import pytest

from kyc_rtc.sessions.deadlines import Facts, Step, next_step
from kyc_rtc.settings import LimitSettings, MediaSettings

MEDIA = MediaSettings(silence_limit_ms=8_000, reconnect_grace_ms=60_000)
LIMITS = LimitSettings(session_time_limit_ms=300_000, client_token_ttl_s=3_600)
HEALTHY = Facts(
    joined_at_ms=0.0,
    has_peer=True,
    last_heard_ms=10_000.0,
    last_frame_ms=10_000.0,
    alone_since_ms=0.0,
)


@pytest.mark.parametrize(
    ("changes", "now_ms", "step"),
    [
        ({}, 10_100, Step.NOTHING),
        ({}, 12_000, Step.REQUEST_KEYFRAME),
        ({}, 18_001, Step.DROP_PEER),
        ({"last_heard_ms": 18_000.0}, 18_001, Step.REQUEST_KEYFRAME),
        ({}, 300_001, Step.END_TIME_LIMIT),
        ({"has_peer": False, "alone_since_ms": 10_000.0}, 69_000, Step.NOTHING),
        ({"has_peer": False, "alone_since_ms": 10_000.0}, 70_001, Step.END_LINK_LOST),
        ({"has_peer": False, "last_heard_ms": 60_000.0}, 70_001, Step.NOTHING),
        ({"joined_at_ms": None, "has_peer": False}, 3_599_000, Step.NOTHING),
        ({"joined_at_ms": None, "has_peer": False}, 3_600_001, Step.NOTHING),
    ],
)
def test_next_step(changes: dict[str, float], now_ms: float, step: Step) -> None:
    facts = dataclasses.replace(HEALTHY, **changes)  # type: ignore[arg-type]
    assert next_step(facts, now_ms, MEDIA, LIMITS) is step


def test_a_dead_peer_is_noticed_within_ten_seconds() -> None:
    assert MediaSettings().silence_limit_ms + 500 <= 10_000
