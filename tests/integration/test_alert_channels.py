"""Alerts through apprise to a real SMTP server and a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.alerts import shipped_rules
from kyc_rtc.clock import SystemClock
from kyc_rtc.delivery import Outcome
from kyc_rtc.delivery.apprise_channel import AppriseChannel
from kyc_rtc.delivery.assembly import Delivery, assemble_delivery
from kyc_rtc.delivery.channels import channel_urls
from kyc_rtc.delivery.texts import Message
from kyc_rtc.errors import SettingsError
from kyc_rtc.settings import Settings
from kyc_rtc.storage import Database, DeliveryQuery, SqlDeliveryStore
from kyc_rtc.storage.alert_course import SqlAlertCourse
from tests.support.memory_store import a_session, an_alert
from tests.support.receivers import MailReceiver, http_receiver, mail_receiver
from tests.unit.storage.stores import opened, put_alerts, sql_store
from tests.unit.test_catalogue import CATALOGUE

MESSAGE = Message("High: a replay", "The video is a replay.\nSession: s-1", "high")
TOKENS = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
PATIENCE_S = 150.0


async def sent_by(url: str) -> Outcome:
    channel = AppriseChannel("test", url)
    try:
        return await channel.send(MESSAGE)
    finally:
        await channel.aclose()


def mail_settings(receiver: MailReceiver, **changes: Any) -> Settings:
    return Settings.model_validate(
        {
            "alert_email_enabled": True,
            "mail_server": "127.0.0.1",
            "mail_port": receiver.port,
            "alerts": {
                "email_to": ["a@bank.example", "b@bank.example"],
                "email_from": "kyc@bank.example",
                "mail_security": "none",
            },
        }
        | changes
    )


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_slack_gets_its_message_wherever_it_is() -> None:
    async with http_receiver() as slack:
        assert await sent_by(f"{slack.url}/hooks/services/{TOKENS}") == Outcome(True)
    assert slack.paths == [f"/hooks/services/{TOKENS}"]
    assert "The video is a replay." in str(slack.accepted[0])
    assert "High: a replay" in str(slack.accepted[0])


async def test_the_reason_of_a_refusal_is_the_answers() -> None:
    async with http_receiver(lambda: 403) as slack:
        slack.text = f"invalid_token {TOKENS}"
        outcome = await sent_by(f"{slack.url}/services/{TOKENS}")
    assert (outcome.ok, outcome.status) == (False, 403)
    assert "invalid_token" in outcome.reason
    for token in TOKENS.split("/"):
        assert token not in outcome.reason


async def test_nobody_there_is_a_reason_too() -> None:
    outcome = await sent_by(f"http://127.0.0.1:{closed_port()}/services/{TOKENS}")
    assert (outcome.ok, outcome.status) == (False, None)
    assert "refused" in outcome.reason.lower()
    assert TOKENS.split("/", maxsplit=1)[0] not in outcome.reason


async def test_mail_reaches_every_recipient() -> None:
    async with mail_receiver() as mail:
        (url,) = channel_urls(mail_settings(mail))["email"]
        assert await sent_by(url) == Outcome(True)
    assert sorted(to for to, _ in mail.mails) == [["a@bank.example"], ["b@bank.example"]]
    _, message = mail.mails[0]
    assert message["Subject"] == "High: a replay"
    assert "kyc@bank.example" in message["From"]
    assert "Session: s-1" in message.get_content()


async def test_a_mail_server_that_refuses_says_why() -> None:
    async with mail_receiver(lambda: "554 no spam from here") as mail:
        (url,) = channel_urls(mail_settings(mail))["email"]
        outcome = await sent_by(url)
    assert (outcome.ok, outcome.status) == (False, 554)
    assert "no spam from here" in outcome.reason


async def test_sms_goes_by_any_gateway_of_apprise() -> None:
    async with http_receiver() as gateway:
        assert (await sent_by(gateway.url.replace("http", "json") + "/sms")).ok
    assert gateway.paths == ["/sms"]
    assert gateway.accepted[0]["message"].startswith("The video is a replay.")


@pytest.mark.parametrize("url", ["nonsense", "slack://", "https://hooks.slack.com/services/a"])
def test_what_apprise_does_not_know_is_refused_by_the_channels_name(url: str) -> None:
    with pytest.raises(SettingsError, match="channel security") as refusal:
        AppriseChannel("security", url)
    assert url not in str(refusal.value)


# From the alert to the receiver


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(f"sqlite:///{tmp_path}/alerts.sqlite3") as empty:
        yield empty


@asynccontextmanager
async def delivering(database: Database, settings: Settings) -> AsyncIterator[Delivery]:
    """The worker, running; closed whatever happens."""
    delivery = assemble_delivery(
        settings,
        shipped_rules(),
        SystemClock(),
        SqlDeliveryStore(database),
        SqlAlertCourse(database),
        CATALOGUE,
        lambda: 1.0,  # the shortest waits
    )
    await delivery.start()
    try:
        yield delivery
    finally:
        await delivery.aclose()


async def raise_alerts(database: Database, count: int, severity: str) -> None:
    stores, now_ms = sql_store(database), SystemClock().now_ms()
    for _ in range(count):
        session = a_session(user_id="Ada-Applicant")
        await stores.sessions.open(session, [])
        alert = an_alert(session.session_id, severity=severity, created_at_ms=now_ms)
        await put_alerts(stores, alert)


async def all_delivered(database: Database) -> None:
    store = SqlDeliveryStore(database)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            counts = await store.count_by_state()
            if counts and set(counts) == {"delivered"}:
                return
            await asyncio.sleep(0.1)


async def test_receivers_that_fail_at_random_get_every_alert_in_the_end(
    database: Database,
) -> None:
    draw = random.Random(7)  # noqa: S311 - a test's fixed draw

    def mostly(good: Any, bad: Any) -> Any:
        return good if draw.random() < 0.7 else bad

    async with (
        http_receiver(lambda: mostly(200, 500)) as slack,
        mail_receiver(lambda: mostly("250 OK", "451 later")) as mail,
    ):
        settings = mail_settings(
            mail,
            alert_slack_enabled=True,
            alerts={
                "email_to": ["a@bank.example"],
                "mail_security": "none",
                "slack_webhook_url": f"{slack.url}/services/{TOKENS}",
            },
        )
        await raise_alerts(database, 12, "critical")
        async with delivering(database, settings):
            await all_delivered(database)
    assert (len(slack.accepted), len(mail.mails)) == (12, 12)
    assert slack.asked + mail.asked > 24
    everything = str(slack.accepted) + "".join(mail.get_content() for _, mail in mail.mails)
    assert "Ada-Applicant" not in everything


async def test_a_receiver_that_hangs_delays_no_other(database: Database) -> None:
    async with http_receiver(lambda: None) as slack, mail_receiver() as mail:
        settings = mail_settings(
            mail,
            alert_slack_enabled=True,
            alerts={
                "email_to": ["a@bank.example"],
                "mail_security": "none",
                "slack_webhook_url": f"{slack.url}/services/{TOKENS}",
                "send_timeout_ms": 2_000,
            },
        )
        await raise_alerts(database, 8, "critical")
        async with delivering(database, settings), asyncio.timeout(PATIENCE_S):
            await mail.received(8)
            store = SqlDeliveryStore(database)
            query = DeliveryQuery(target="slack", state="delivered")
            assert await store.listed("default", query) == []
