"""What a caller may do, in scopes; and what a person may do, by role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

DEFAULT_TENANT: Final = "default"
"""Whose data it is where nobody says otherwise: the operator's."""

MAX_TENANT_LENGTH: Final = 64
TENANT_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_TENANT = re.compile(TENANT_PATTERN, re.ASCII)
SANDBOX_SUFFIX: Final = ":test"
"""No tenant's id has a colon."""


class Scope(StrEnum):
    """What a credential may be used for; see `IMPLIED` for what each includes."""

    VERIFICATIONS = "verifications"
    """Start verifications, and end them; with `ASSIST` and `VERIFICATIONS_READ`."""
    ASSIST = "verifications:assist"
    """Command one that is under way."""
    VERIFICATIONS_READ = "verifications:read"
    ALERTS = "alerts"
    """Acknowledge alerts, assign and resolve them; with `ALERTS_READ`."""
    ALERTS_READ = "alerts:read"
    LABELS = "labels"
    """Say what a session turned out to be; with `LABELS_READ`."""
    LABELS_READ = "labels:read"
    DELIVERIES_READ = "deliveries:read"
    WEBHOOKS = "webhooks"
    """Register endpoints and send again; with `DELIVERIES_READ`."""
    KEYS = "keys"
    """List API keys, create, rotate and revoke them."""
    METRICS = "metrics"
    """Metrics of the whole server: for keys of the operator's tenant only."""


IMPLIED: Final[Mapping[Scope, frozenset[Scope]]] = {
    Scope.VERIFICATIONS: frozenset({Scope.ASSIST, Scope.VERIFICATIONS_READ}),
    Scope.ASSIST: frozenset({Scope.VERIFICATIONS_READ}),
    Scope.ALERTS: frozenset({Scope.ALERTS_READ}),
    Scope.LABELS: frozenset({Scope.LABELS_READ}),
    Scope.WEBHOOKS: frozenset({Scope.DELIVERIES_READ}),
}
"""Scopes that come with another one."""

READING: Final = frozenset(
    {Scope.VERIFICATIONS_READ, Scope.ALERTS_READ, Scope.LABELS_READ, Scope.DELIVERIES_READ}
)

INTEGRATION: Final = (
    Scope.VERIFICATIONS,
    Scope.ALERTS,
    Scope.LABELS,
    Scope.WEBHOOKS,
    Scope.METRICS,
)
"""Scopes of a key that names none: all but the power to make further keys."""


NOT_IN_THE_SANDBOX: Final = frozenset({Scope.KEYS, Scope.METRICS, Scope.LABELS, Scope.LABELS_READ})
"""What no key of the sandbox is good for, whatever it was made with."""


class Role(StrEnum):
    """What a person is to the institution."""

    INTEGRATOR = "integrator"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"


ROLE_SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.INTEGRATOR: frozenset({Scope.VERIFICATIONS, Scope.WEBHOOKS, *READING}),
    Role.AGENT: frozenset({Scope.ASSIST, Scope.ALERTS, Scope.LABELS}),
    Role.SUPERVISOR: frozenset(
        {Scope.VERIFICATIONS, Scope.ALERTS, Scope.LABELS, Scope.DELIVERIES_READ}
    ),
    Role.AUDITOR: READING,
    Role.ADMIN: frozenset(Scope),
}
"""The scopes of each role, without those that they imply. `docs/api.md` shows what they open."""


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes, and all that come with them."""
    given = frozenset(scopes)
    return given.union(*(IMPLIED.get(scope, frozenset()) for scope in given))


def scopes_of(roles: Iterable[Role]) -> frozenset[Scope]:
    """All that somebody of these roles may do."""
    return with_implied(scope for role in roles for scope in ROLE_SCOPES[role])


def is_tenant(text: str) -> bool:
    """Whether it can be the id of a tenant: lower-case letters, digits, `-` and `_`, at most 64."""
    return _TENANT.match(text) is not None


def sandbox_of(tenant_id: str) -> str:
    """The sandbox of a tenant: a tenant of its own, so that its verifications, alerts, webhooks and
    statistics are apart from the tenant's like those of any other."""
    return f"{tenant_id}{SANDBOX_SUFFIX}"


def is_sandbox(tenant_id: str) -> bool:
    """Whether it is the sandbox of a tenant."""
    return tenant_id.endswith(SANDBOX_SUFFIX)


def without_sandbox(tenant_id: str) -> str:
    """The tenant whose sandbox it is; any other as it is."""
    return tenant_id.removesuffix(SANDBOX_SUFFIX)


def can_have_sandbox(tenant_id: str) -> bool:
    """Whether the id leaves room for that of its sandbox."""
    return len(sandbox_of(tenant_id)) <= MAX_TENANT_LENGTH
