"""The worker on a manual clock: at least once, again after failures, nobody held up, escalation, digests."""

from __future__ import annotations

import pytest

from kyc_rtc.delivery import Outcome, WorkerLimits
from kyc_rtc.errors import StorageUnavailable
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.storage import DeliveryQuery, DeliveryState
from kyc_rtc.storage.alerts import AlertQuery
from tests.unit.delivery.conftest import Rig

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
REFUSED = Outcome(False, 503, "busy")


async def test_a_critical_alert_is_sent_to_all_its_channels_at_once(rig: Rig) -> None:
    alert = await rig.raised("critical")
    await rig.rounds()
    assert rig.sent() == {"slack": 1, "email": 1, "sms": 1, "executives": 1}
    assert {one.state for one in await rig.deliveries()} == {DeliveryState.DELIVERED}
    body = rig.channels["slack"].sent[0].body
    assert f"Session: {alert.session_id}" in body
    assert f"https://kyc.bank.example/ops/?alert={alert.alert_id}" in body
    await rig.rounds()
    assert rig.sent()["slack"] == 1


async def test_one_that_fails_is_tried_again_after_its_wait(rig: Rig) -> None:
    rig.channels["compliance"].outcome = REFUSED
    await rig.raised("medium")
    await rig.rounds()
    assert rig.channels["compliance"].tried == 1
    for wait_ms in (5_000, 10_000, 20_000):
        rig.clock.tick(wait_ms - 1)
        await rig.rounds()
        tried = rig.channels["compliance"].tried
        rig.clock.tick(1)
        await rig.rounds()
        assert rig.channels["compliance"].tried == tried + 1
    rig.channels["compliance"].outcome = Outcome(True, 200)
    rig.clock.tick(40_000)
    await rig.rounds()
    (record,) = await rig.store.listed(
        "default", DeliveryQuery(target="compliance", topic="alert.raised", state="delivered")
    )
    attempts = await rig.store.attempts("default", record.delivery_id)
    assert [(one.number, one.ok, one.status, one.reason) for one in attempts] == [
        *((number, False, 503, "busy") for number in (1, 2, 3, 4)),
        (5, True, 200, ""),
    ]  # fmt: skip


async def test_a_tenants_targets_that_hang_leave_places_for_others(rig: Rig) -> None:
    for name in ("slack", "email", "sms"):
        rig.channels[name].hangs = True
    worker = rig.new_worker(WorkerLimits(per_tenant=5, of_tenants=frozenset({"alert"})))
    for _ in range(4):
        await rig.raised("critical")
    await rig.rounds(worker)
    # One to each until it is known whose they are, then as many as their tenant has places.
    assert sum(rig.channels[name].tried for name in ("slack", "email", "sms")) <= 6
    await rig.raised("critical", tenant_id="bank-b", created_at_ms=rig.clock.now_ms() + 1)
    rig.clock.tick(1)
    await rig.rounds(worker)
    assert rig.channels["executives"].sent
    for task in list(worker._sending):
        task.cancel()
    await worker.aclose()


async def test_it_is_given_up_after_its_hours(rig: Rig) -> None:
    rig.channels["compliance"].outcome = REFUSED
    worker = rig.new_worker(WorkerLimits(patience_ms=HOUR_MS))
    await rig.raised("medium")
    for _ in range(30):
        await rig.rounds(worker, 1)
        rig.clock.tick(300_000)
    (record,) = await rig.store.listed(
        "default", DeliveryQuery(target="compliance", state="given_up")
    )
    tried = (await rig.store.attempts("default", record.delivery_id))[-1]
    assert tried.at_ms >= record.give_up_at_ms
    await worker.aclose()


async def test_what_a_sender_raises_is_a_failure_without_its_words(rig: Rig) -> None:
    rig.channels["security"].error = ValueError("https://user:secret@host")
    await rig.raised("high")
    await rig.rounds()
    (record,) = await rig.store.listed("default", DeliveryQuery(target="security"))
    (attempt,) = await rig.store.attempts("default", record.delivery_id)
    assert (attempt.ok, attempt.reason) == (False, "ValueError")


async def test_one_that_hangs_delays_nothing_else_and_ends_at_its_limit(rig: Rig) -> None:
    rig.channels["slack"].hangs = True
    for _ in range(12):
        await rig.raised("critical")
    await rig.rounds(count=8)
    assert rig.channels["slack"].tried == 4  # its own places
    assert rig.sent() == {"email": 12, "sms": 12, "executives": 12}
    await rig.clock.advance(10_000)
    await rig.ended(list(rig.worker._sending))
    failed = [one for one in await rig.deliveries() if one.target == "slack" and one.attempts]
    assert len(failed) == 4
    (attempt,) = await rig.store.attempts("default", failed[0].delivery_id)
    assert (attempt.reason, attempt.took_ms) == ("no answer within 10 s", 10_000)
    rig.channels["slack"].hangs = False


async def test_who_dies_between_sending_and_recording_leaves_it_to_another(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.raised("high")
    rig.channels["security"].hangs = True
    await rig.rounds(count=1)
    await rig.until(lambda: rig.channels["security"].tried == 1)
    await rig.cut_off()  # as kill -9 would
    rig.channels["security"].hangs = False
    other = rig.new_worker()
    await rig.rounds(other)
    assert rig.sent() == {}
    rig.clock.tick(other._limits.lease_ms)
    await rig.rounds(other)
    assert rig.sent() == {"security": 1}
    await other.aclose()


async def test_a_database_that_is_away_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.raised("high")
    finish, calls = rig.store.finish, 0

    async def away(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise StorageUnavailable("away")
        return await finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.store, "finish", away)
    await rig.worker.round()
    for failed in (1, 2):
        await rig.until(lambda failed=failed: calls == failed)  # type: ignore[misc]
        await rig.clock.advance(1_000)
    await rig.ended(list(rig.worker._sending))
    assert (calls, rig.sent()) == (3, {"security": 1})
    states = {one.target: one.state for one in await rig.deliveries()}
    assert states["security"] == DeliveryState.DELIVERED


async def test_errors_of_a_round_do_not_end_the_task(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = [StorageUnavailable("away"), ZeroDivisionError()]
    fan_out = rig.store.fan_out

    async def broken(*arguments: object) -> object:
        if errors:
            raise errors.pop(0)
        return await fan_out(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.store, "fan_out", broken)
    await rig.raised("high")
    await rig.worker.start()
    await rig.worker.start()  # once is enough
    for _ in range(3):
        await rig.clock.advance(2_000)
        await rig.until(lambda: bool(rig.sent()) or len(rig.clock._sleepers) > 0)
    await rig.until(lambda: bool(rig.sent()))
    assert rig.worker.problems() == ()
    await rig.worker.aclose()
    await rig.worker.aclose()
    assert rig.worker._sending == {}


async def test_a_worker_that_does_no_round_is_ill(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*arguments: object) -> object:
        raise StorageUnavailable("away")

    monkeypatch.setattr(rig.store, "fan_out", away)
    assert rig.worker.problems() == ()
    await rig.worker.start()
    await rig.clock.advance(31_000)
    assert rig.worker.problems() == ("delivery",)


# Escalation, deduplication, digests


async def test_nobody_acknowledges_and_it_escalates_once(rig: Rig) -> None:
    await rig.raised("high")
    await rig.rounds()
    rig.clock.tick(299_999)
    await rig.rounds()
    assert rig.sent() == {"security": 1}
    rig.clock.tick(1)
    await rig.rounds(rig.new_worker())  # after a restart too
    assert rig.sent() == {"security": 1, "sms": 1, "executives": 1}
    assert "Nobody has acknowledged this for 5 minutes." in rig.channels["sms"].sent[0].body
    rig.clock.tick(DAY_MS)
    await rig.rounds()
    assert rig.sent() == {"security": 1, "sms": 1, "executives": 1}


@pytest.mark.parametrize("step", ["acknowledge", "resolve"])
async def test_who_takes_it_in_time_stops_the_escalation(rig: Rig, step: str) -> None:
    alert = await rig.raised("medium")
    await rig.rounds()
    if step == "acknowledge":
        at_ms = rig.clock.now_ms()
        await rig.stores.alerts.acknowledge(alert.alert_id, "default", "agent-7", at_ms)
    else:
        await rig.course.resolve(
            "default", alert.alert_id, "agent-7", "handled", None, rig.clock.now_ms()
        )
    rig.clock.tick(1_800_000)
    await rig.rounds()
    assert rig.sent() == {"compliance": 1}
    (cancelled,) = await rig.store.listed("default", DeliveryQuery(state="cancelled"))
    assert cancelled.topic == "alert.escalated"


async def test_the_same_again_counts_and_is_not_sent_again(rig: Rig) -> None:
    first = await rig.raised("critical")
    again = {"session_id": first.session_id}
    await rig.raised("critical", **again)
    await rig.raised("critical", type="deepfake_detected", **again)
    await rig.rounds()
    assert rig.sent() == dict.fromkeys(("slack", "email", "sms", "executives"), 2)
    assert any("Raised 2 times." in one.body for one in rig.channels["slack"].sent)
    await rig.raised("critical", **again)
    await rig.rounds()
    assert rig.sent()["slack"] == 2
    counts = sorted(one.count for one in await rig.deliveries() if one.target == "slack")
    assert counts == [1, 3]


async def test_the_day_has_one_digest_for_each_tenant(rig: Rig) -> None:
    for kind in ("quality_poor", "session_interrupted", "quality_poor"):
        await rig.raised("low", type=kind)
    await rig.raised("low", type="quality_poor", tenant_id="bank-1")
    await rig.rounds()
    assert rig.sent() == {}
    rig.clock.tick(19 * HOUR_MS + 300_000)
    await rig.rounds()
    titles = [message.title for message in rig.channels["compliance"].sent]
    assert sorted(title[:8] for title in titles) == ["1 alerts", "3 alerts"]
    whole = next(m for m in rig.channels["compliance"].sent if m.title.startswith("3"))
    assert whole.body.splitlines()[:2] == [
        "2 × The picture was too poor to decide.",
        "1 × The check broke off before a verdict.",
    ]


# A channel that keeps failing


async def test_a_channel_that_keeps_failing_is_an_alert_and_not_a_second_one(rig: Rig) -> None:
    rig.channels["security"].outcome = REFUSED
    for _ in range(3):
        await rig.raised("high")
    for _ in range(6):
        await rig.rounds(count=1)
        rig.clock.tick(40_000)
    found = await rig.stores.alerts.active(AlertQuery(DEFAULT_TENANT))
    failing = [alert for alert in found if alert.type == "channel_failing"]
    assert [dict(alert.details) for alert in failing] == [
        {"channel": "security", "reason": "busy", "status_code": 503}
    ]
    await rig.rounds()
    assert "Channel: security" in rig.channels["email"].sent[0].body


async def test_a_channel_that_fails_for_an_hour_is_told_again(rig: Rig) -> None:
    for name in ("security", "email", "slack"):
        rig.channels[name].outcome = REFUSED
    await rig.raised("high")
    for _ in range(40):
        await rig.rounds(count=1)
        rig.clock.tick(200_000)
    failing = [
        a
        for a in await rig.stores.alerts.active(AlertQuery(DEFAULT_TENANT))
        if a.type == "channel_failing"
    ]
    assert {alert.details["channel"] for alert in failing} == {"security"}  # never about its own
    hours = {alert.created_at_ms // HOUR_MS for alert in failing}
    assert len(hours) == len(failing) >= 2


async def test_a_digest_that_keeps_failing_is_an_alert_too(rig: Rig) -> None:
    raised = await rig.raised("low")
    rig.channels["compliance"].outcome = REFUSED
    await rig.rounds()
    for _ in range(30):
        await rig.clock.advance(3_600_000)
        await rig.rounds(count=1)
    found = await rig.stores.alerts.active(AlertQuery(DEFAULT_TENANT))
    failing = [alert for alert in found if alert.type == "channel_failing"]
    assert failing
    assert {alert.session_id for alert in failing} == {raised.session_id}
