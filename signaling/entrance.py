"""Wires together how people come in: the provider or the local login, cookies, and the calls about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from kyc_rtc.access.local import LocalLogin
from kyc_rtc.access.logins import LoginInterface
from kyc_rtc.clock import Clock
from kyc_rtc.secret import resolve_secret
from kyc_rtc.settings import Settings
from signaling.code_flow import Begins, CodeFlow
from signaling.endpoints import Endpoint
from signaling.fetching import Fetch, HttpFetch
from signaling.links import Links
from signaling.login import Entries, LocalLoginApi, PersonApi, ProviderLoginApi
from signaling.login_cookies import LoginCookies
from signaling.oidc import Oidc
from signaling.people import People


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who people are, and the endpoints by which they come in."""

    people: People
    endpoints: tuple[Endpoint, ...]


def make_entrance(
    app: web.Application,
    settings: Settings,
    clock: Clock,
    links: Links,
    logins: LoginInterface,
    local: LocalLogin | None,
    fetch: Fetch | None,
    page: Path,
) -> Entrance:
    """The provider's login where there is one, else `local` in development, else none at all.

    `fetch` None: an HTTP client of its own, which lives as long as the application. `page`: the login's.
    """
    secret = resolve_secret(settings)
    cookies = LoginCookies(secret, settings.public_url, development=settings.development)
    app.on_response_prepare.append(cookies.on_prepare)
    entries = Entries(logins, cookies)
    endpoints, oidc = PersonApi(entries).endpoints(), None
    if settings.oidc.enabled:
        oidc = Oidc(settings.oidc, fetch or _http(app), clock)
        begins = Begins(secret, clock)
        endpoints += ProviderLoginApi(CodeFlow(oidc), begins, entries, links, page).endpoints()
    elif settings.development and local is not None:
        endpoints += LocalLoginApi(local, entries, page).endpoints()
    return Entrance(People(oidc, logins, cookies), endpoints)


def _http(app: web.Application) -> Fetch:
    fetch = HttpFetch()
    app.cleanup_ctx.append(fetch.life)
    return fetch
