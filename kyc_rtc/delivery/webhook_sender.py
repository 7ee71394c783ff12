"""Sends webhooks, signed by Standard Webhooks (https://www.standardwebhooks.com)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import aiohttp
import structlog
from standardwebhooks import Webhook

from kyc_rtc.clock import Clock
from kyc_rtc.delivery.http_client import Answer, HttpClient, reason_of
from kyc_rtc.delivery.ports import Outcome
from kyc_rtc.errors import NotFound
from kyc_rtc.scopes import without_sandbox
from kyc_rtc.storage.delivery_records import DeliveryRecord
from kyc_rtc.storage.values import JsonObject, dump_json
from kyc_rtc.storage.webhooks import WebhookRecord, WebhookRepository

MAX_SAID_CHARS: Final = 200
GONE: Final = 410

log = structlog.get_logger(__name__)


class WebhookSender:
    """A `Sender` for webhooks: reads the endpoint as it is now."""

    def __init__(self, webhooks: WebhookRepository, client: HttpClient, clock: Clock) -> None:
        self._webhooks = webhooks
        self._client = client
        self._clock = clock

    async def send(self, delivery: DeliveryRecord) -> Outcome:
        try:
            webhook = await self._webhooks.get(delivery.tenant_id, delivery.target)
        except NotFound:
            return Outcome(False, reason="the endpoint was deleted")
        if webhook.disabled_at_ms is not None:
            return Outcome(False, reason="the endpoint is disabled")
        outcome = await self.post(webhook, delivery.delivery_id, delivery.payload)
        if outcome.status == GONE:
            log.warning("webhook_gone", webhook_id=webhook.webhook_id)
            await self._webhooks.disable(
                webhook.tenant_id, webhook.webhook_id, self._clock.now_ms()
            )
        return outcome

    async def post(self, webhook: WebhookRecord, message_id: str, body: JsonObject) -> Outcome:
        """Send one body; what became of it."""
        now_ms, text = self._clock.now_ms(), dump_json(body)
        headers = signed_headers(webhook.secrets_at(now_ms), message_id, now_ms // 1000, text)
        try:
            answer = await self._client.post(
                webhook.url, text.encode(), headers, without_sandbox(webhook.tenant_id)
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Outcome(False, reason=reason_of(error))
        return outcome_of(answer)

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.aclose()


def signed_headers(
    secrets: Iterable[str], message_id: str, now_s: int, text: str
) -> Mapping[str, str]:
    """The headers of a message: one signature for each secret, the newest first."""
    at = datetime.fromtimestamp(now_s, UTC)
    signatures = (Webhook(secret).sign(message_id, at, text) for secret in secrets)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": " ".join(signatures),
    }


def outcome_of(answer: Answer) -> Outcome:
    """A success is any 2xx; of another answer the beginning is kept, where it is text."""
    if 200 <= answer.status < 300:
        return Outcome(True, answer.status)
    said = printable(answer.body)
    return Outcome(False, answer.status, f"HTTP {answer.status}" + (f": {said}" if said else ""))


def printable(body: bytes) -> str:
    """The first printable characters of a body, at most 200, on one line."""
    text = body.decode("utf-8", "replace").replace("\ufffd", " ")
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    return " ".join(words)[:MAX_SAID_CHARS]
