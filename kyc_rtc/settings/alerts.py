"""Where alerts are sent. Which alert goes to which of these channels stands in `alerts.toml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from kyc_rtc.settings.groups import Group

ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Address = Annotated[str, Field(pattern=r"^[^@\s,?&]+@[^@\s,?&]+$", max_length=254)]


class AlertSettings(Group):
    """Channels, and how long they are tried."""

    email_to: tuple[Address, ...] = Field(
        (),
        description="who gets the alerts of the channel `email`; ALERT_EMAIL_ENABLED needs one",
        examples=['["security@bank.example"]'],
    )
    email_from: str = Field(
        "",
        pattern=r"^([^@\s,?&]+@[^@\s,?&]+)?$",
        description="sender; empty: MAIL_USERNAME, or kyc-rtc at the domain of the first recipient",
    )
    mail_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection to MAIL_SERVER is encrypted"
    )
    slack_webhook_url: SecretStr = Field(
        SecretStr(""),
        description="incoming webhook of the channel `slack`: https://hooks.slack.com/services/…, or a "
        "server that speaks like it; ALERT_SLACK_ENABLED needs it",
    )
    sms_url: SecretStr = Field(
        SecretStr(""), description="gateway of the channel `sms`: any URL of apprise; empty: none"
    )
    channels: dict[ChannelName, tuple[SecretStr, ...]] = Field(
        {},
        description="further channels by the names that alerts.toml has, each with URLs of apprise",
        examples=['{security = ["mailtos://user:password@mail.bank.example?to=a@bank.example"]}'],
    )
    give_up_after_h: int = Field(
        24, ge=1, le=720, description="for how long a delivery that fails is tried again"
    )
    send_timeout_ms: int = Field(
        10_000, ge=1_000, le=60_000, description="the longest that one attempt may take"
    )
    deliveries_kept_days: int = Field(
        90, ge=1, le=3_650, description="how long deliveries that are over are kept"
    )
