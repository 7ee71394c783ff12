"""The application: routes, middlewares, and the life of the sessions behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from kyc_rtc.access.interface import KeyInterface
from kyc_rtc.access.local import LocalLogin
from kyc_rtc.access.logins import LoginInterface
from kyc_rtc.clock import Clock
from kyc_rtc.delivery.interface import DeliveryInterface
from kyc_rtc.scopes import Scope
from kyc_rtc.secret import resolve_secret
from kyc_rtc.sessions.alert_course import AlertCourseInterface
from kyc_rtc.sessions.alert_views import AlertViewsInterface
from kyc_rtc.sessions.creations import CreationInterface
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.sessions.labels import LabelInterface
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from signaling.alerts import AlertApi
from signaling.api import V1, KycApi
from signaling.auth import Authenticator
from signaling.bodies import Bodies
from signaling.consent import ConsentApi
from signaling.endpoints import BODIES, Admission, Endpoint, Handler, check_routed, routes_of
from signaling.entrance import make_entrance
from signaling.errors import error_middleware
from signaling.fetching import Fetch
from signaling.headers import security_headers
from signaling.idempotency import Creations
from signaling.keys import KeyApi
from signaling.labels import LabelApi
from signaling.links import LinkApi, Links
from signaling.openapi import describe
from signaling.origins import Origins
from signaling.pages import Pages, static_caching
from signaling.principals import Access, Principal
from signaling.rates import Rates
from signaling.tokens import Tokens
from signaling.webhooks import WebhookApi
from signaling.whip import Whip

STATIC = Path(__file__).parent.parent / "static"


@dataclass(frozen=True, slots=True)
class Interfaces:
    """What the HTTP side sees of the rest."""

    sessions: SessionInterface
    labels: LabelInterface
    creations: CreationInterface
    keys: KeyInterface
    deliveries: DeliveryInterface
    alerts: AlertViewsInterface
    alert_course: AlertCourseInterface
    logins: LoginInterface
    local: LocalLogin | None = None
    """For development without an OIDC provider; nobody else asks it."""


def create_app(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    interfaces: Interfaces,
    life: AbstractAsyncContextManager[None],
    fetch: Fetch | None = None,
) -> web.Application:
    """The application, ready to run. `life` spans the time between its start-up and its clean-up. `fetch`
    replaces the HTTP client for the OIDC provider."""
    origins = Origins(settings)
    app = web.Application(
        middlewares=[security_headers, origins.middleware(), error_middleware, static_caching]
    )
    bodies = app[BODIES] = Bodies(settings.http, clock)
    tokens = Tokens(resolve_secret(settings), settings.limits.client_token_ttl_s, clock)
    sessions, labels, keys = interfaces.sessions, interfaces.labels, interfaces.keys
    repeatable, links = Creations(interfaces.creations), Links(tokens, settings)
    entrance = make_entrance(
        app, settings, clock, links, interfaces.logins, interfaces.local, fetch,
        STATIC / "ops" / "login.html",
    )  # fmt: skip
    described = (
        *KycApi(sessions, links, settings, repeatable, clock).endpoints(),
        *LinkApi(sessions, links, clock).endpoints(),
        *ConsentApi(sessions, settings, STATIC / "i18n" / "en.json").endpoints(),
        *LabelApi(labels, repeatable).endpoints(),
        *KeyApi(keys, clock).endpoints(),
        *WebhookApi(interfaces.deliveries).endpoints(),
        *AlertApi(interfaces.alerts, interfaces.alert_course, clock).endpoints(),
        *entrance.endpoints,
        *Whip(sessions, settings, clock).endpoints(),
        _metrics(metrics, labels),
    )
    pages = Pages(STATIC, sessions, origins, development=settings.development)
    document = json.dumps(describe(described, settings.public_url))
    endpoints = (
        *described,
        *pages.endpoints(),
        Endpoint("GET", V1, _description(document), "OpenAPI", Access.ANYONE),
    )
    admission = Admission(
        settings,
        Authenticator(settings, tokens, sessions, keys, entrance.people),
        Rates(settings.http, settings.trusted_proxies, clock),
        bodies,
        origins,
    )
    app.add_routes(routes_of(endpoints, admission))
    for path, folder in pages.folders().items():
        app.router.add_static(path, folder)
    check_routed(app, endpoints, frozenset(pages.folders()))

    async def life_of_the_sessions(_app: web.Application) -> AsyncIterator[None]:
        async with life:
            yield

    app.cleanup_ctx.append(life_of_the_sessions)
    return app


def _description(document: str) -> Handler:
    body = document.encode()

    async def openapi(_request: web.Request, _principal: Principal) -> web.Response:
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    return openapi


def _metrics(metrics: Metrics, labels: LabelInterface) -> Endpoint:
    async def prometheus(_request: web.Request, _principal: Principal) -> web.Response:
        await labels.measure()
        metrics.tasks.set(len(asyncio.all_tasks()))
        headers = {"Content-Type": metrics.content_type}
        return web.Response(body=metrics.exposition(), headers=headers)

    return Endpoint(
        "GET", "/metrics", prometheus, "Metrics, in Prometheus' text format", Access.INSTITUTION,
        problems=(401, 403), scope=Scope.METRICS, produces="text/plain",
    )  # fmt: skip
