"""Channels by the settings, what is taken out of a receiver's answer, and the words of a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.alerts import AlertType, Resolution, Severity, shipped_rules
from kyc_rtc.delivery import Outcome
from kyc_rtc.delivery.apprise_channel import outcome_of, scrubbed, secrets_of
from kyc_rtc.delivery.channels import channel_urls, endpoints_of, unconfigured
from kyc_rtc.delivery.texts import Texts
from kyc_rtc.errors import SettingsError
from kyc_rtc.ids import AlertId, new_session_id
from kyc_rtc.settings import load_settings
from kyc_rtc.storage import DeliveryRecord
from tests.support.memory_store import an_alert
from tests.unit.test_catalogue import CATALOGUE

MAIL = {
    "ALERT_EMAIL_ENABLED": "true",
    "MAIL_SERVER": "mail.bank.example",
    "MAIL_USERNAME": "kyc@bank.example",
    "MAIL_PASSWORD": "p@ss/word",
    "KYC_RTC_ALERTS__EMAIL_TO": '["a@bank.example", "b@bank.example"]',
}
SLACK_URL = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def urls(tmp_path: Path, environ: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return dict(channel_urls(load_settings({"KYC_RTC_CONFIG_DIR": str(tmp_path), **environ})))


def test_nothing_is_switched_on_by_itself(tmp_path: Path) -> None:
    assert urls(tmp_path, {}) == {}
    assert urls(tmp_path, MAIL | {"ALERT_EMAIL_ENABLED": "false"}) == {}


def test_the_originals_names_make_the_channel_of_mail(tmp_path: Path) -> None:
    assert urls(tmp_path, MAIL) == {
        "email": (
            (
                "mailtos://kyc%40bank.example:p%40ss%2Fword@mail.bank.example:587/?from=kyc%40bank.example"
                "&to=a%40bank.example%2Cb%40bank.example&smtp=mail.bank.example&mode=starttls"
            ),
        )
    }
    open_mail = urls(
        tmp_path, MAIL | {"MAIL_USERNAME": "", "KYC_RTC_ALERTS__MAIL_SECURITY": "none"}
    )
    assert open_mail["email"][0].startswith(
        "mailto://mail.bank.example:587/?from=kyc-rtc%40bank.example&"
    )


def test_other_channels_have_names_and_places(tmp_path: Path) -> None:
    (tmp_path / "kyc-rtc.toml").write_text(
        '[alerts.channels]\nsecurity = ["json://a.example", "json://b.example"]\nempty = []\n'
    )
    environ = {
        "ALERT_SLACK_ENABLED": "true",
        "KYC_RTC_ALERTS__SLACK_WEBHOOK_URL": SLACK_URL,
        "KYC_RTC_ALERTS__SMS_URL": "json://sms.example",
    }
    found = urls(tmp_path, environ)
    assert found == {
        "security": ("json://a.example", "json://b.example"),
        "slack": (SLACK_URL,),
        "sms": ("json://sms.example",),
    }
    assert endpoints_of(found) == {
        "security": ("security.1", "security.2"),
        "slack": ("slack",),
        "sms": ("sms",),
    }
    assert unconfigured(shipped_rules(), found) == ("compliance", "email", "executives")


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        (MAIL | {"MAIL_SERVER": ""}, "alert_email_enabled"),
        (MAIL | {"KYC_RTC_ALERTS__EMAIL_TO": "[]"}, "email_to"),
        ({"ALERT_SLACK_ENABLED": "true"}, "slack_webhook_url"),
        ({"KYC_RTC_ALERTS__CHANNELS": '{sms = ["json://a.example"]}',
          "KYC_RTC_ALERTS__SMS_URL": "json://b.example"}, "sms"),
        ({"KYC_RTC_ALERTS__EMAIL_TO": '["nobody"]'}, "alerts.email_to"),
        ({"KYC_RTC_ALERTS__CHANNELS": '{"Security Team" = ["json://a"]}'}, "alerts.channels"),
    ],
)  # fmt: skip
def test_what_lacks_something_is_refused(
    tmp_path: Path, environ: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint) as refusal:
        urls(tmp_path, environ)
    assert "p@ss" not in str(refusal.value)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Failed to send to Slack: Forbidden, error=403."], (403, "error=403")),
        (["Socket Exception: (554, b'no spam')"], (554, "no spam")),
        (["Socket Exception: Connection refused"], (None, "Connection refused")),
        (["Something odd", "and more", "and yet more"], (None, "Something odd and more")),
        ([], (None, "refused")),
        (["Slack Payload: Ada", "error=500", "Response Details:\r\nb'down'"], (500, "down")),
    ],
)
def test_the_outcome_has_the_answers_status_and_words(
    lines: list[str], expected: tuple[int | None, str]
) -> None:
    outcome = outcome_of(False, lines, frozenset())
    assert (outcome.ok, outcome.status) == (False, expected[0])
    assert expected[1] in outcome.reason
    assert "Ada" not in outcome.reason
    assert outcome_of(True, lines, frozenset()) == Outcome(True)


def test_a_reason_is_short() -> None:
    assert len(outcome_of(False, ["error=500 " + "x" * 2_000], frozenset()).reason) == 500


def test_what_may_be_secret_in_a_url() -> None:
    found = secrets_of(
        "mailtos://kyc:p%40sswords@mail.bank.example:587/path-token?to=ada@bank.example"
    )
    assert {"p%40sswords", "sswords", "path-token"} <= found
    assert "mail.bank.example" not in found
    assert secrets_of(SLACK_URL) == set(SLACK_URL.split("/")[4:])


@given(st.sets(st.text("abcdef0123/_-", min_size=4, max_size=20)), st.text(max_size=30))
def test_no_secret_is_left(secrets: set[str], around: str) -> None:
    text = scrubbed(around + "|".join(secrets), frozenset(secrets))
    assert not [secret for secret in secrets if secret in text]


# Words


def a_delivery(**changes: Any) -> DeliveryRecord:
    values: dict[str, Any] = {
        "delivery_id": "d",
        "tenant_id": "default",
        "topic": "alert.raised",
        "kind": "alert",
        "target": "slack",
        "payload": {},
        "dedupe_key": "k",
        "count": 1,
        "created_at_ms": 0,
        "due_at_ms": 0,
        "give_up_at_ms": 0,
        "attempts": 0,
        "state": "pending",
        "alert_id": AlertId("a-1"),
    }
    return DeliveryRecord(**(values | changes))


def test_a_message_says_the_facts_in_words() -> None:
    session_id = new_session_id()
    details = {
        "status": "FAILED",
        "reasons": ["video_loop"],
        "deepfake_score": 0.912,
        "liveness_score": None,
    }
    alert = an_alert(session_id, details=details)
    texts = Texts(CATALOGUE, "https://kyc.bank.example/")
    message = texts.of_alert(a_delivery(count=2, payload={"after_s": 300}), alert)
    assert message.title == f"High: {CATALOGUE['alert.replay_detected']}"
    assert message.body.splitlines() == [
        CATALOGUE["alert.replay_detected"],
        "Nobody has acknowledged this for 5 minutes.",
        "Raised 2 times.",
        f"Session: {session_id}",
        "Status: FAILED",
        "Reasons:",
        f"- {CATALOGUE['reason.video_loop']}",
        "Deepfake score: 0.91",
        f"Open: https://kyc.bank.example/ops/?alert={alert.alert_id}",
    ]


def test_without_a_public_address_there_is_no_link() -> None:
    message = Texts(CATALOGUE, "").of_alert(a_delivery(), an_alert(new_session_id()))
    assert "Open" not in message.body


def test_braces_of_an_answer_are_no_fields() -> None:
    alert = an_alert(new_session_id(), details={"channel": "slack", "reason": "{status} {0}"})
    message = Texts(CATALOGUE, "").of_alert(a_delivery(), alert)
    assert "{status} {0}" in message.body


def test_the_catalogue_has_every_word() -> None:
    keys = [f"severity.{severity.value}" for severity in Severity]
    keys += [f"resolution.{resolution.value}" for resolution in Resolution]
    keys += [kind.message_key for kind in AlertType]
    assert [key for key in keys if key not in CATALOGUE] == []
