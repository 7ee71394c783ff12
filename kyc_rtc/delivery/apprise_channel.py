"""A channel through apprise, which blocks: each has a thread or two of its own, so that one that hangs holds
up no other.

apprise answers yes or no. Why a message was refused stands in its log, which is caught for each call; what
could be a secret is taken out, for the log holds URLs and answers.
"""

from __future__ import annotations

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import apprise
from apprise.plugins import NotifyBase
from apprise.plugins.slack import NotifySlack

from kyc_rtc.delivery.ports import Outcome
from kyc_rtc.delivery.texts import Message
from kyc_rtc.errors import SettingsError
from kyc_rtc.storage.delivery_records import MAX_REASON_LENGTH

THREADS: Final = 2
SOCKET_TIMEOUT_S: Final = 4.0
"""For connecting, and for each read: a thread that hangs is free again soon after the attempt is over."""
SLACK_HOST: Final = "hooks.slack.com"
_SLACK_URL: Final = re.compile(r"(https?)://([^/]+)(/.*)?/services/([^/]+)/([^/]+)/([^/?#]+)/?")
_STATUS: Final = re.compile(r"error=(\d{3})\b|\((\d{3}), ")
"""HTTP's in apprise's warnings, SMTP's in smtplib's errors."""
_DETAILS: Final = ("Response Details:", "Socket Exception:")
_SHORTEST_SECRET: Final = 4
_PUBLIC: Final = frozenset({"services", "starttls", "insecure"})
_TYPES: Final = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.FAILURE,
    "medium": apprise.NotifyType.WARNING,
}
_log = logging.getLogger("apprise")


class AppriseChannel:
    """One URL of apprise, or a webhook of Slack, wherever that is."""

    def __init__(self, name: str, url: str) -> None:
        """Raises SettingsError, which names the channel and not its URL: apprise does not know the URL."""
        self._name = name
        self._url = url
        self._secrets = secrets_of(url)
        # Nothing of apprise's log reaches ours: it holds addresses, messages and secrets.
        _log.propagate = False
        _log.setLevel(logging.DEBUG)
        if plugin_of(url) is None:
            raise SettingsError(
                f"alerts: the channel {name} is no URL that apprise understands",
                hint="see docs/operations.md, Alerts, and apprise's list of services",
            )
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"alerts-{name}")

    async def send(self, message: Message) -> Outcome:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._notify, message)

    async def aclose(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _notify(self, message: Message) -> Outcome:
        sender = apprise.Apprise()
        plugin = plugin_of(
            self._url
        )  # a new one for each: it keeps what it sent, and waits in between
        if plugin is None:
            return Outcome(False, reason="apprise does not know the URL")
        sender.add(plugin)
        result = sender.notify(
            title=message.title,
            body=message.body,
            notify_type=_TYPES.get(message.severity, apprise.NotifyType.INFO),
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        lines = [entry.message for entry in result.logs()]
        return outcome_of(bool(result), lines, self._secrets)


def plugin_of(url: str) -> NotifyBase | None:
    """apprise's sender for a URL; None where it knows none."""
    slack = _SLACK_URL.fullmatch(url)
    plugin: Any
    if slack is None:
        plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    else:
        scheme, host, path, *tokens = slack.groups()
        plugin = apprise.Apprise.instantiate(
            f"slack://{'/'.join(tokens)}/", suppress_exceptions=True
        )
        if isinstance(plugin, NotifySlack) and host != SLACK_HOST:
            plugin.webhook_url = f"{scheme}://{host}{path or ''}/services"
    if plugin is None:
        return None
    plugin.socket_connect_timeout = plugin.socket_read_timeout = SOCKET_TIMEOUT_S
    return plugin  # type: ignore[no-any-return]  # apprise brings few types


def outcome_of(ok: bool, lines: list[str], secrets: frozenset[str]) -> Outcome:
    """The outcome by apprise's answer and log: the status of the receiver's answer, and what it said."""
    if ok:
        return Outcome(True)
    said = [line for line in lines if line.startswith(_DETAILS) or _STATUS.search(line)]
    found = next((match for line in said if (match := _STATUS.search(line))), None)
    status = None if found is None else int(found[1] or found[2])
    text = " ".join(" ".join(said or lines[:2]).split())
    return Outcome(False, status, scrubbed(text, secrets)[:MAX_REASON_LENGTH] or "refused")


def secrets_of(url: str) -> frozenset[str]:
    """The parts of a URL that may be secret, or somebody's address: its login, path, and values."""
    parts = urlsplit(url)
    values = [value for _, value in parse_qsl(parts.query)]
    login = parts.netloc.rpartition("@")[0]
    found = " ".join([login, unquote(login), parts.path, unquote(parts.path), *values])
    words = re.split(r"[/:@,;\s]+", found)
    return frozenset(
        word for word in words if len(word) >= _SHORTEST_SECRET and word not in _PUBLIC
    ) - {parts.hostname or ""}


def scrubbed(text: str, secrets: frozenset[str]) -> str:
    """A text without them, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return text
