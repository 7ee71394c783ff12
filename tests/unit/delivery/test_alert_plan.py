"""Which channels hear of an alert, and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.alerts import AlertType, Severity, shipped_rules
from kyc_rtc.delivery.alert_plan import DIGEST_GRACE_MS, Endpoints, deliveries_for
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import NewDelivery, OutboxRecord, Topic

RULES = shipped_rules()
NAMES = ("slack", "email", "sms", "executives", "security", "compliance")
ALL: Endpoints = {name: (name,) for name in NAMES}
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NOON_MS = 20_000 * DAY_MS + 12 * HOUR_MS


def a_row(severity: str = "high", **changes: Any) -> OutboxRecord:
    payload = {"alert_id": "a-1", "alert_type": "replay_detected", "severity": severity}
    values: dict[str, Any] = {
        "number": 7,
        "tenant_id": "bank-1",
        "topic": Topic.ALERT_RAISED.value,
        "session_id": SessionId("s-1"),
        "verification_id": SessionId("v-1"),
        "payload": payload | changes.pop("payload", {}),
        "created_at_ms": NOON_MS,
    }
    return OutboxRecord(**(values | changes))


def planned(row: OutboxRecord, endpoints: Endpoints = ALL) -> list[NewDelivery]:
    return list(deliveries_for(row, RULES, endpoints))


def shape(deliveries: list[NewDelivery]) -> list[tuple[str, str, int]]:
    """Topic, channel, and how long after the alert."""
    return [(one.topic, one.target.name, one.due_at_ms - NOON_MS) for one in deliveries]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (
            Severity.CRITICAL,
            [("alert.raised", name, 0) for name in ("slack", "email", "sms", "executives")],
        ),
        (
            Severity.HIGH,
            [
                ("alert.raised", "security", 0),
                ("alert.escalated", "sms", 300_000),
                ("alert.escalated", "executives", 300_000),
            ],
        ),
        (
            Severity.MEDIUM,
            [("alert.raised", "compliance", 0), ("alert.escalated", "security", 1_800_000)],
        ),
        (Severity.LOW, [("alert.digest", "compliance", 19 * HOUR_MS + DIGEST_GRACE_MS)]),
        ("newer", [("alert.raised", "security", 0), ("alert.escalated", "sms", 300_000),
                   ("alert.escalated", "executives", 300_000)]),
    ],
)  # fmt: skip
def test_a_severity_has_its_route(severity: str, expected: list[tuple[str, str, int]]) -> None:
    assert shape(planned(a_row(severity))) == expected


@pytest.mark.parametrize("topic", [topic for topic in Topic if topic is not Topic.ALERT_RAISED])
def test_other_topics_are_no_alerts(topic: Topic) -> None:
    assert planned(a_row(topic=topic.value, payload={"state": "passed"})) == []


def test_without_its_channels_a_route_falls_back() -> None:
    assert shape(planned(a_row("high"), {"email": ("email",)})) == [
        ("alert.raised", "email", 0),
        ("alert.escalated", "email", 300_000),
    ]
    assert planned(a_row("high"), {}) == []
    partly = planned(a_row("critical"), {"sms": ("sms",), "email": ("email",)})
    assert [one.target.name for one in partly] == ["email", "sms"]


def test_a_channel_of_two_places_reaches_both() -> None:
    targets = [one.target.name for one in planned(a_row("medium"), {"compliance": ("c.1", "c.2")})]
    assert targets == ["c.1", "c.2"]


def test_an_alert_about_a_channel_goes_by_others_too() -> None:
    row = a_row("high", payload={"alert_type": AlertType.CHANNEL_FAILING.value})
    raised = [one.target.name for one in planned(row) if one.topic == "alert.raised"]
    assert raised == ["security", "email", "slack"]


def key_of(row: OutboxRecord) -> str:
    return planned(row)[0].dedupe_key


def test_one_verification_and_type_is_told_once_in_a_window() -> None:
    first = a_row()
    window_ms = RULES.dedupe_window_s * 1_000
    again = a_row(
        number=8, session_id="s-2", payload={"alert_id": "a-2"}, created_at_ms=NOON_MS + 1
    )
    assert key_of(again) == key_of(first)
    others = [
        a_row(verification_id="v-2"),
        a_row(payload={"alert_type": "deepfake_detected"}),
        a_row(created_at_ms=NOON_MS + window_ms),
    ]
    assert len({key_of(row) for row in (first, *others)}) == 4


def test_every_alert_escalates_until_it_is_acknowledged() -> None:
    rows = [a_row(), a_row(payload={"alert_id": "a-2"})]
    escalated = [one for row in rows for one in planned(row) if one.topic == "alert.escalated"]
    assert len({one.dedupe_key for one in escalated}) == 4
    assert all(one.until_acknowledged and one.alert_id for one in escalated)


@given(st.integers(0, DAY_MS - 1), st.sampled_from(["bank-1", "bank-2"]))
def test_a_digest_is_one_a_day_and_tenant(after_ms: int, tenant_id: str) -> None:
    seven_ms = 20_000 * DAY_MS + 7 * HOUR_MS
    (digest,) = planned(a_row("low", created_at_ms=seven_ms + after_ms, tenant_id=tenant_id))
    assert digest.dedupe_key == f"digest:compliance:{tenant_id}:low:{seven_ms + DAY_MS}"
    assert digest.payload == {
        "from_ms": seven_ms, "to_ms": seven_ms + DAY_MS, "severity": "low"
    }  # fmt: skip
    assert (digest.session_id, digest.alert_id) == (None, None)


@given(
    st.sampled_from(list(Severity)),
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from(list(AlertType)),
)
def test_whatever_is_configured_somebody_hears_of_it_once(
    severity: Severity, names: set[str], kind: AlertType
) -> None:
    endpoints = {name: (name,) for name in names}
    made = planned(a_row(severity, payload={"alert_type": kind.value}), endpoints)
    assert {one.target.name for one in made} <= names
    assert len({one.dedupe_key for one in made}) == len(made)
    if names & set(RULES.fallback):
        assert made
