"""What a channel says of an alert: sentences of the catalogue, with the facts of the verification.

A message has ids, codes in words and scores, and never who the applicant is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kyc_rtc.storage.delivery_records import DeliveryRecord
from kyc_rtc.storage.records import AlertRecord


@dataclass(frozen=True, slots=True)
class Message:
    """Plain text. `severity`: as the alert has it."""

    title: str
    body: str
    severity: str


class Texts:
    """Makes messages. `catalogue`: `static/i18n/*.json`. `public_url`: what links begin with; without one
    there are no links."""

    def __init__(self, catalogue: Mapping[str, str], public_url: str) -> None:
        self._catalogue = catalogue
        self._public_url = public_url.rstrip("/")

    def of_alert(self, delivery: DeliveryRecord, alert: AlertRecord) -> Message:
        """The message about one alert, first or escalated."""
        sentence = self._say(alert.message_key)
        severity = self._say(f"severity.{alert.severity}")
        title = self._say("notice.title", severity=severity, alert=sentence)
        return Message(title, "\n".join(self._lines(delivery, alert)), alert.severity)

    def of_digest(self, delivery: DeliveryRecord, counts: Mapping[str, int]) -> Message:
        """The message of the day: how many alerts of each type."""
        severity = str(delivery.payload["severity"])
        day = datetime.fromtimestamp(_number(delivery.payload["from_ms"]) / 1_000, UTC)
        title = self._say(
            "notice.digest_title",
            count=sum(counts.values()),
            day=f"{day:%Y-%m-%d}",
            severity=self._say(f"severity.{severity}"),
        )
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        lines = [
            self._say("notice.digest_line", count=count, alert=self._say(f"alert.{kind}"))
            for kind, count in ordered
        ]
        lines += self._link("/ops/")
        return Message(title, "\n".join(lines), severity)

    def _lines(self, delivery: DeliveryRecord, alert: AlertRecord) -> Iterator[str]:
        yield self._say(alert.message_key)
        after_s = delivery.payload.get("after_s")
        if after_s is not None:
            yield self._say("notice.escalated", minutes=f"{_number(after_s) / 60:g}")
        if delivery.count > 1:
            yield self._say("notice.count", count=delivery.count)
        yield self._say("notice.session", session_id=alert.session_id)
        details = alert.details
        for name in ("status", "channel", "reason"):
            if details.get(name):
                yield self._say(f"notice.{name}", **{name: details[name]})
        reasons = details.get("reasons")
        if isinstance(reasons, list) and reasons:
            yield self._say("notice.reasons")
            yield from (f"- {self._say(f'reason.{code}')}" for code in reasons)
        for name in ("deepfake_score", "liveness_score"):
            score = details.get(name)
            if isinstance(score, int | float):
                yield self._say(f"notice.{name}", score=f"{score:.2f}")
        yield from self._link(f"/ops/?alert={alert.alert_id}")

    def _link(self, path: str) -> Iterator[str]:
        if self._public_url:
            yield self._say("notice.link", link=f"{self._public_url}{path}")

    def _say(self, key: str, **facts: Any) -> str:
        """A sentence with its facts; the key itself where the catalogue has none."""
        sentence = self._catalogue.get(key)
        return key if sentence is None else sentence.format_map(facts)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
