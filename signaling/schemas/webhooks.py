"""Webhooks and deliveries: what is ordered, and what is said of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from kyc_rtc.delivery.interface import MAX_OVERLAP_S, MAX_URL_LENGTH, DeliveryState, Topic
from signaling.schemas.described import Answer, Described, Request, Time

A_DAY_S = 86_400


class CreateWebhook(Request):
    """An endpoint to be registered."""

    url: str = Field(
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="where events are sent: https, at a public address",
    )
    events: list[Topic] = Field(
        [],
        strict=False,
        max_length=len(Topic),
        description="the events that it gets; empty: all of them",
    )


class RotateWebhook(Request):
    """How long the previous secret counts in addition to the new one."""

    overlap: int = Field(
        A_DAY_S,
        ge=0,
        le=MAX_OVERLAP_S,
        description="seconds for which messages are signed with both secrets",
    )


class WebhookBody(Answer):
    """An endpoint, without its secret."""

    webhook_id: str = Field(description="names the endpoint; the `target` of its deliveries")
    url: str = Field(description="where events are sent")
    events: list[str] = Field(description="the events that it gets; empty: all of them")
    enabled: bool = Field(description="whether anything is sent; an answer of 410 ends it")
    created_at: Time = Field(description="when it was registered")
    created_by: str = Field(description="who registered it")
    disabled_at: Time | None = Field(description="when it answered 410; else null")
    previous_secret_until: Time | None = Field(
        description="until when the secret before the last rotation counts; null: it was never rotated"
    )


class WebhookList(Answer):
    """All endpoints of the tenant."""

    webhooks: list[WebhookBody] = Field(description="the newest first")


class CreatedWebhookBody(Answer):
    """An endpoint with a new secret."""

    webhook: WebhookBody = Field(description="what is kept of it")
    secret: str = Field(description="`whsec_…`, which is shown only here")


class WebhookTested(Answer):
    """What came of a test."""

    ok: bool = Field(description="whether it answered with a 2xx")
    http_status: int | None = Field(description="of the answer; null where there was none")
    reason: str = Field(description="why it failed; else empty")
    took_ms: int = Field(description="milliseconds until then")


class DeliveryBody(Answer):
    """Something that was to be sent to one target."""

    delivery_id: str = Field(description="of a webhook: its header `webhook-id`, in every attempt")
    kind: str = Field(description="`webhook`, or `alert` for a channel of alerts")
    target: str = Field(description="the endpoint's `webhook_id`, or the channel's name")
    topic: str = Field(description="the event")
    state: Annotated[str, Described(DeliveryState)] = Field(description="where it stands")
    count: int = Field(description="how many times it came up; it is sent once for all of them")
    attempts: int = Field(description="how many times it was tried")
    created_at: Time = Field(description="when it was planned")
    due_at: Time = Field(description="when it is, or was, due next")
    delivered_at: Time | None = Field(description="when it was received; else null")
    alert_id: str | None = Field(description="of an alert; else null")
    session_id: str | None = Field(description="the attempt that it is about; null: none")
    verification_id: str | None = Field(description="the verification that it is about; null: none")


class DeliveryList(Answer):
    """Deliveries of the tenant."""

    deliveries: list[DeliveryBody] = Field(description="the newest first")
    count: int = Field(description="how many there are on this page")
    next: str | None = Field(description="for `after`, to read on; null: this is the last page")


class DeliveryTry(Answer):
    """One attempt to send it."""

    number: int = Field(description="from 1 on")
    at: Time = Field(description="when it began")
    ok: bool = Field(description="whether it was received")
    http_status: int | None = Field(description="of the answer; null where there was none")
    reason: str = Field(description="why it failed; else empty")
    took_ms: int = Field(description="milliseconds that it took")


class DeliveryDetailsBody(Answer):
    """A delivery with what is sent, and what became of it."""

    delivery: DeliveryBody = Field(description="as in the list")
    payload: dict[str, Any] = Field(
        description="what is sent, or what the message of an alert is made of"
    )
    tries: list[DeliveryTry] = Field(description="every attempt, in order")
