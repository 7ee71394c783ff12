"""People of the institution as callers: each role by a bearer and by a login, as the headers of a request."""

from __future__ import annotations

from kyc_rtc.access.logins import LoginService
from kyc_rtc.access.people import Person
from kyc_rtc.clock import Clock
from kyc_rtc.scopes import DEFAULT_TENANT, Role
from kyc_rtc.settings import Settings
from kyc_rtc.storage.logins import LoginRepository
from signaling.login_cookies import CSRF_HEADER, LoginCookies
from tests.support.fake_logins import MemoryLogins
from tests.support.fake_provider import FakeProvider


async def logged_in(
    rows: LoginRepository,
    settings: Settings,
    clock: Clock,
    *roles: Role,
    tenant_id: str = DEFAULT_TENANT,
) -> dict[str, str]:
    """The headers of a call from a page of the server, by somebody who logged in in production."""
    person = Person("subject-1", "ada", roles, tenant_id)
    login = await LoginService(rows, settings.oidc, clock).begin(person)
    secret = settings.secret_key.get_secret_value()
    cookies = LoginCookies(secret, settings.public_url, development=settings.development)
    name = "kyc_login" if settings.development else "__Host-kyc_login"
    return {
        "Cookie": f"{name}={login.secret}",
        CSRF_HEADER: cookies.csrf_token(login.login_id),
        "Origin": settings.public_url,
        "Sec-Fetch-Site": "same-origin",
    }


async def people(
    provider: FakeProvider, rows: MemoryLogins, settings: Settings, clock: Clock
) -> dict[str, dict[str, str]]:
    """Everybody, as `bearer_<role>` and `cookie_<role>`."""
    found = {}
    for role in Role:
        found[f"bearer_{role.value}"] = bearer(provider.token(roles=[role.value]))
        found[f"cookie_{role.value}"] = await logged_in(rows, settings, clock, role)
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
