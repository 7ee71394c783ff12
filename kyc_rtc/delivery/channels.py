"""The channels that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from kyc_rtc.alerts.rules import AlertRules
from kyc_rtc.delivery.alert_plan import Endpoints
from kyc_rtc.errors import SettingsError
from kyc_rtc.settings import Settings

EMAIL, SLACK, SMS = "email", "slack", "sms"
_MODES: Final = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}
_HINT: Final = "see docs/operations.md, Alerts"


def channel_urls(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """The URLs of each channel that is configured, by its name.

    Raises:
        SettingsError: a channel that is switched on lacks what it needs, or a name is taken.
    """
    urls = {
        name: tuple(url.get_secret_value() for url in channel)
        for name, channel in settings.alerts.channels.items()
        if channel
    }
    for name, url in (
        (EMAIL, _email_url(settings)),
        (SLACK, _slack_url(settings)),
        (SMS, settings.alerts.sms_url.get_secret_value()),
    ):
        if name in urls:
            raise SettingsError(f"alerts.channels: {name} has settings of its own", hint=_HINT)
        if url:
            urls[name] = (url,)
    return urls


def endpoints_of(urls: Mapping[str, tuple[str, ...]]) -> Endpoints:
    """The name of each URL of a channel: the channel's where it is the only one, else with a number."""
    return {
        name: (name,)
        if len(channel) == 1
        else tuple(f"{name}.{n}" for n in range(1, len(channel) + 1))
        for name, channel in urls.items()
    }


def unconfigured(rules: AlertRules, urls: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The channels that the rules name and nobody configured, in order."""
    named = {
        channel
        for route in rules.routes.values()
        for channel in (*route.channels, *route.escalate_to, *route.digest)
    }
    return tuple(sorted(named - urls.keys()))


def _email_url(settings: Settings) -> str:
    if not settings.alert_email_enabled:
        return ""
    alerts, server = settings.alerts, settings.mail_server
    if not server or not alerts.email_to:
        raise SettingsError(
            "alert_email_enabled: needs MAIL_SERVER and alerts.email_to", hint=_HINT
        )
    user, password = settings.mail_username, settings.mail_password.get_secret_value()
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    domain = alerts.email_to[0].partition("@")[2]
    sender = alerts.email_from or (user if "@" in user else f"kyc-rtc@{domain}")
    query = {
        "from": sender,
        "to": ",".join(alerts.email_to),
        "smtp": server,
        "mode": _MODES[alerts.mail_security],
    }
    scheme = "mailto" if alerts.mail_security == "none" else "mailtos"
    return f"{scheme}://{login}{server}:{settings.mail_port}/?{urlencode(query)}"


def _slack_url(settings: Settings) -> str:
    if not settings.alert_slack_enabled:
        return ""
    url = settings.alerts.slack_webhook_url.get_secret_value()
    if not url:
        raise SettingsError("alert_slack_enabled: needs alerts.slack_webhook_url", hint=_HINT)
    return url
