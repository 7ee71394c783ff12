"""People of the institution, as a provider's claims or a login describe them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kyc_rtc.errors import Forbidden, Unauthorised
from kyc_rtc.scopes import DEFAULT_TENANT, Role, Scope, is_tenant, scopes_of
from kyc_rtc.settings import OidcSettings

MAX_NAME_LENGTH: Final = 128
MAX_SUBJECT_LENGTH: Final = 255
"""OpenID Connect Core, 2."""
MAX_ROLES_READ: Final = 200
"""Of a claim: a provider may list all groups of a company."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the institution. `subject` is the provider's name for them, which never changes; `name`
    is what records keep."""

    subject: str
    name: str
    roles: tuple[Role, ...]
    tenant_id: str = DEFAULT_TENANT

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the roles open. Metrics are those of the whole server: for the operator's people only."""
        scopes = scopes_of(self.roles)
        return scopes if self.tenant_id == DEFAULT_TENANT else scopes - {Scope.METRICS}

    @property
    def person_id(self) -> str:
        """A stable id that tells nothing of them: for logs, rates and idempotency keys."""
        text = f"{self.tenant_id}\n{self.subject}"
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Whom verified claims describe; perhaps without a role.

    Raises:
        Unauthorised: they name nobody. Forbidden: they name no tenant, where the settings want one.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH:
        raise Unauthorised("the token names nobody")
    subject = _printable(subject)
    preferred = claims.get("preferred_username")
    name = _printable(preferred) if isinstance(preferred, str) else ""
    return Person(
        subject=subject,
        name=(name.strip() or subject)[:MAX_NAME_LENGTH],
        roles=_roles(claim_at(claims, settings.roles_claim), settings.role_names),
        tenant_id=_tenant(claims, settings.tenant_claim),
    )


def require_role(person: Person) -> None:
    """Raises `Forbidden` for somebody without a role."""
    if not person.roles:
        raise Forbidden(
            "you have no role here", hint="ask your administrator for one of the roles of kyc-rtc"
        )


def claim_at(claims: Mapping[str, Any], name: str) -> Any:
    """A claim of this name; else dots lead into objects, as in `realm_access.roles`. None: there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _roles(claim: Any, names: Mapping[str, Role]) -> tuple[Role, ...]:
    known = names or {role.value: role for role in Role}
    given = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    found = {
        known[name] for name in given[:MAX_ROLES_READ] if isinstance(name, str) and name in known
    }
    return tuple(role for role in Role if role in found)


def _tenant(claims: Mapping[str, Any], name: str) -> str:
    if not name:
        return DEFAULT_TENANT
    tenant = claim_at(claims, name)
    if not isinstance(tenant, str) or not is_tenant(tenant):
        raise Forbidden(
            "you belong to no tenant", hint="ask your administrator to set the claim of the tenant"
        )
    return tenant


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
