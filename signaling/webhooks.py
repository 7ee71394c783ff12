"""The REST API of webhooks and deliveries: register endpoints, try them, see what was sent, send again."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from kyc_rtc.delivery.interface import (
    CreatedWebhook,
    DeliveryFilter,
    DeliveryInterface,
    DeliveryView,
    WebhookOrder,
    WebhookView,
)
from kyc_rtc.scopes import Scope
from signaling import schemas
from signaling.answers import iso, iso_or_none
from signaling.api import V1
from signaling.endpoints import Endpoint, answer, read_body
from signaling.principals import Access, Principal
from signaling.queries import DeliveriesQuery, read_query


class WebhookApi:
    """Handlers of the endpoints of webhooks and deliveries, each within the caller's tenant."""

    def __init__(self, deliveries: DeliveryInterface) -> None:
        self._deliveries = deliveries

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        return (*self._webhook_endpoints(), *self._delivery_endpoints())

    def _webhook_endpoints(self) -> tuple[Endpoint, ...]:
        one = f"{V1}/webhooks/{{webhook_id}}"
        return (
            Endpoint(
                "GET", f"{V1}/webhooks", self.listed, "Endpoints of webhooks", Access.INSTITUTION,
                schemas.WebhookList, problems=(401, 403, 503), scope=Scope.WEBHOOKS,
            ),
            Endpoint(
                "POST", f"{V1}/webhooks", self.create, "Register an endpoint", Access.INSTITUTION,
                schemas.CreatedWebhookBody, 201, schemas.CreateWebhook,
                problems=(400, 401, 403, 409, 503), scope=Scope.WEBHOOKS, creates=True,
            ),
            Endpoint(
                "DELETE", one, self.delete, "Delete an endpoint", Access.INSTITUTION,
                status=204, problems=(401, 403, 404, 503), scope=Scope.WEBHOOKS,
            ),
            Endpoint(
                "POST", f"{one}/rotate", self.rotate, "Give it another secret", Access.INSTITUTION,
                schemas.CreatedWebhookBody, 200, schemas.RotateWebhook,
                problems=(400, 401, 403, 404, 503), scope=Scope.WEBHOOKS, creates=True,
            ),
            Endpoint(
                "POST", f"{one}/test", self.test, "Send it webhook.test now", Access.INSTITUTION,
                schemas.WebhookTested, problems=(401, 403, 404, 409, 503), scope=Scope.WEBHOOKS,
                creates=True,
            ),
        )  # fmt: skip

    def _delivery_endpoints(self) -> tuple[Endpoint, ...]:
        one = f"{V1}/deliveries/{{delivery_id}}"
        return (
            Endpoint(
                "GET", f"{V1}/deliveries", self.sent, "What was sent to whom", Access.INSTITUTION,
                schemas.DeliveryList, optional_query=DeliveriesQuery,
                problems=(400, 401, 403, 503), scope=Scope.DELIVERIES_READ,
            ),
            Endpoint(
                "GET", one, self.details, "A delivery with its attempts", Access.INSTITUTION,
                schemas.DeliveryDetailsBody, problems=(401, 403, 404, 503),
                scope=Scope.DELIVERIES_READ,
            ),
            Endpoint(
                "POST", f"{one}/replay", self.replay, "Send it again", Access.INSTITUTION,
                schemas.DeliveryBody, problems=(401, 403, 404, 409, 503), scope=Scope.WEBHOOKS,
                creates=True,
            ),
        )  # fmt: skip

    async def listed(self, _request: web.Request, principal: Principal) -> web.Response:
        found = await self._deliveries.webhooks(principal.tenant_id)
        return answer(schemas.WebhookList(webhooks=list(map(_webhook, found))))

    async def create(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.CreateWebhook)
        events = tuple(event.value for event in body.events)
        order = WebhookOrder(principal.tenant_id, body.url, events, principal.name)
        return answer(_created(await self._deliveries.create_webhook(order)), status=201)

    async def delete(self, request: web.Request, principal: Principal) -> web.Response:
        webhook_id = request.match_info["webhook_id"]
        await self._deliveries.delete_webhook(principal.tenant_id, webhook_id)
        return web.Response(status=204)

    async def rotate(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.RotateWebhook)
        webhook_id = request.match_info["webhook_id"]
        made = await self._deliveries.rotate_webhook(principal.tenant_id, webhook_id, body.overlap)
        return answer(_created(made))

    async def test(self, request: web.Request, principal: Principal) -> web.Response:
        webhook_id = request.match_info["webhook_id"]
        found = await self._deliveries.test_webhook(principal.tenant_id, webhook_id)
        return answer(
            schemas.WebhookTested(
                ok=found.ok, http_status=found.status, reason=found.reason, took_ms=found.took_ms
            )
        )

    async def sent(self, request: web.Request, principal: Principal) -> web.Response:
        query = read_query(request, DeliveriesQuery)
        fields = query.model_dump(include=set(DeliveryFilter.__dataclass_fields__))
        wanted = DeliveryFilter(principal.tenant_id, **fields)
        page = await self._deliveries.deliveries(wanted, query.after, query.limit)
        found = list(map(_delivery, page.deliveries))
        return answer(schemas.DeliveryList(deliveries=found, count=len(found), next=page.next))

    async def details(self, request: web.Request, principal: Principal) -> web.Response:
        delivery_id = request.match_info["delivery_id"]
        found = await self._deliveries.delivery(principal.tenant_id, delivery_id)
        tries = []
        for attempt in found.attempts:
            fields = asdict(attempt)
            at, status = iso(fields.pop("at_ms")), fields.pop("status")
            tries.append(schemas.DeliveryTry(**fields, at=at, http_status=status))
        return answer(
            schemas.DeliveryDetailsBody(
                delivery=_delivery(found.delivery), payload=dict(found.payload), tries=tries
            )
        )

    async def replay(self, request: web.Request, principal: Principal) -> web.Response:
        delivery_id = request.match_info["delivery_id"]
        return answer(_delivery(await self._deliveries.replay(principal.tenant_id, delivery_id)))


def _created(made: CreatedWebhook) -> schemas.CreatedWebhookBody:
    return schemas.CreatedWebhookBody(webhook=_webhook(made.webhook), secret=made.secret)


def _webhook(view: WebhookView) -> schemas.WebhookBody:
    return schemas.WebhookBody(
        webhook_id=view.webhook_id,
        url=view.url,
        events=list(view.events),
        enabled=view.disabled_at_ms is None,
        created_at=iso(view.created_at_ms),
        created_by=view.created_by,
        disabled_at=iso_or_none(view.disabled_at_ms),
        previous_secret_until=iso_or_none(view.previous_until_ms),
    )


def _delivery(view: DeliveryView) -> schemas.DeliveryBody:
    fields = asdict(view)
    return schemas.DeliveryBody(
        created_at=iso(fields.pop("created_at_ms")),
        due_at=iso(fields.pop("due_at_ms")),
        delivered_at=iso_or_none(fields.pop("delivered_at_ms")),
        **fields,
    )
