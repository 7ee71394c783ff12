"""Which endpoints get which events, and what the events say."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.delivery.live_only import LiveOnly
from kyc_rtc.delivery.webhook_plan import (
    REREAD_EVERY_MS,
    WebhookPlanner,
    deliveries_for,
    message_of,
)
from kyc_rtc.ids import SessionId
from kyc_rtc.scopes import sandbox_of
from kyc_rtc.storage.delivery_records import NewDelivery, OutboxRecord, Target
from kyc_rtc.storage.topics import Topic
from kyc_rtc.storage.values import JsonObject
from kyc_rtc.storage.webhooks import Subscription
from tests.support.clock import ManualClock

AT_MS = 1_700_000_000_123
OF_A_SESSION: JsonObject = {
    "state": "failed",
    "status": "FAILED",
    "needs_review": False,
    "reasons": ["no_face"],
}
OF_AN_ALERT: JsonObject = {"alert_id": "a-1", "alert_type": "face_changed", "severity": "high"}
A_ROW = OutboxRecord(
    number=7,
    tenant_id="bank-a",
    topic=Topic.COMPLETED.value,
    session_id=SessionId("s-2"),
    verification_id=SessionId("s-1"),
    payload=OF_A_SESSION,
    created_at_ms=AT_MS,
)
AN_ALERT = replace(A_ROW, topic=Topic.ALERT_RAISED.value, payload=OF_AN_ALERT)
SOME_TOPICS = st.frozensets(st.sampled_from([topic.value for topic in Topic]))


def wanting(*events: str, webhook_id: str = "w-1") -> Subscription:
    return Subscription(webhook_id, "bank-a", frozenset(events))


class FakeSubscriptions:
    def __init__(self, *found: Subscription) -> None:
        self.found = list(found)
        self.reads = 0

    async def subscriptions(self) -> list[Subscription]:
        self.reads += 1
        return list(self.found)


def test_what_is_said_of_a_session() -> None:
    assert message_of(A_ROW) == {
        "type": "verification.completed",
        "timestamp": "2023-11-14T22:13:20.123Z",
        "data": {"verification_id": "s-1", "session_id": "s-2", **OF_A_SESSION, "is_test": False},
    }


def test_what_is_said_of_an_alert() -> None:
    assert message_of(AN_ALERT)["data"] == {
        "verification_id": "s-1",
        "session_id": "s-2",
        **OF_AN_ALERT,
        "is_test": False,
    }


def test_a_test_is_said_to_be_one() -> None:
    message = message_of(replace(A_ROW, tenant_id=sandbox_of("bank-a")))
    assert '"is_test": true' in json.dumps(message)


@given(SOME_TOPICS, st.sampled_from(list(Topic)))
def test_an_endpoint_hears_of_what_it_wants(wanted: frozenset[str], topic: Topic) -> None:
    planned = list(deliveries_for(replace(A_ROW, topic=topic.value), [wanting(*wanted)]))
    assert len(planned) == (1 if not wanted or topic in wanted else 0)


@given(st.lists(st.sampled_from([A_ROW, AN_ALERT]), max_size=5), st.integers(0, 3))
def test_the_same_event_is_one_delivery_for_each_endpoint(
    rows: list[OutboxRecord], endpoints: int
) -> None:
    subscriptions = [wanting(webhook_id=f"w-{number}") for number in range(endpoints)]
    keys = {d.dedupe_key for row in rows for d in deliveries_for(row, subscriptions)}
    assert len(keys) == endpoints * len({row.topic for row in rows})


def test_other_events_are_other_deliveries() -> None:
    others = [
        A_ROW,
        replace(A_ROW, topic=Topic.NEEDS_REVIEW.value),
        replace(A_ROW, session_id=SessionId("s-3")),
        AN_ALERT,
        replace(AN_ALERT, payload={**OF_AN_ALERT, "alert_id": "a-2"}),
    ]
    keys = {d.dedupe_key for row in others for d in deliveries_for(row, [wanting()])}
    assert len(keys) == len(others)


def test_a_delivery_knows_what_it_is_about() -> None:
    (planned,) = deliveries_for(AN_ALERT, [wanting()])
    assert planned.target == Target("webhook", "w-1")
    assert (planned.tenant_id, planned.alert_id, planned.due_at_ms) == ("bank-a", "a-1", AT_MS)
    assert (planned.session_id, planned.verification_id) == ("s-2", "s-1")


async def test_endpoints_are_read_now_and_then_and_only_those_of_the_tenant_count() -> None:
    clock, webhooks = ManualClock(), FakeSubscriptions(wanting())
    planner = WebhookPlanner(webhooks, clock)  # type: ignore[arg-type]  # all that it asks for
    plan = await planner.plan()
    assert len(list(plan(A_ROW))) == 1
    assert list(plan(replace(A_ROW, tenant_id="bank-b"))) == []
    assert list(plan(replace(A_ROW, tenant_id=sandbox_of("bank-a")))) == []
    webhooks.found.append(wanting(webhook_id="w-2"))
    clock.tick(REREAD_EVERY_MS - 1)
    assert len(list((await planner.plan())(A_ROW))) == 1
    clock.tick(1)
    assert len(list((await planner.plan())(A_ROW))) == 2
    assert webhooks.reads == 2


@pytest.mark.parametrize(("tenant_id", "count"), [("bank-a", 1), (sandbox_of("bank-a"), 0)])
async def test_what_happens_in_a_sandbox_is_not_planned_for_others(
    tenant_id: str, count: int
) -> None:
    class Everything:
        async def plan(self):  # type: ignore[no-untyped-def]  # the type is that of `Planner`
            return lambda row: [
                NewDelivery(Target("alert", "x"), row.tenant_id, row.topic, {}, "k", 1)
            ]

    plan = await LiveOnly(Everything()).plan()
    assert len(list(plan(replace(A_ROW, tenant_id=tenant_id)))) == count
