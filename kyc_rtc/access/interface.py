"""The interface of the API keys, in plain values: what the HTTP side may ask of them.

It keeps the rule of the interface of the sessions: nothing that passes through it is bound to this
process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from kyc_rtc.keys import ApiKey
from kyc_rtc.scopes import Scope

MAX_OVERLAP_S: Final = 30 * 86_400
MAX_LIFETIME_S: Final = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key, without its secret. Times are Unix milliseconds; `expires_at_ms` None: never.

    `replaces`: the key that it was rotated from. `last_used_at_ms` is exact to an hour.
    """

    key_id: str
    tenant_id: str
    name: str
    scopes: tuple[str, ...]
    is_test: bool
    created_at_ms: int
    created_by: str
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    last_used_at_ms: int | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key that was just made; `secret` is shown once and kept nowhere."""

    key: KeyView
    secret: str


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key that is to be made. `by`: who orders it; `expires_in_s` None: it never expires."""

    tenant_id: str
    name: str
    scopes: frozenset[Scope]
    by: str
    expires_in_s: int | None = None
    is_test: bool = False


class KeyInterface(Protocol):
    """Every method raises `StorageUnavailable` while the database is away."""

    async def find(self, given: str) -> ApiKey | None:
        """The stored key that a caller sent; None where there is no such key.

        Raises `Unauthorised` for one that has expired or was revoked.
        """

    async def create(self, order: KeyOrder) -> CreatedKey:
        """Raises `BadRequest`, and `Conflict` where the tenant has too many."""

    async def listed(self, tenant_id: str) -> tuple[KeyView, ...]:
        """All keys of a tenant, the newest first, those that are over too."""

    async def revoke(self, tenant_id: str, key_id: str) -> KeyView:
        """End a key at once. Raises `NotFound`."""

    async def rotate(
        self, tenant_id: str, key_id: str, overlap_s: int, by: str, allowed: frozenset[Scope]
    ) -> CreatedKey:
        """A key like this one, in whose place it comes; the old one works for `overlap_s` more.

        Raises `NotFound`, `Conflict` where the key is over already, and `Forbidden` where it has a scope that
        is not `allowed`.
        """


def is_over(key: KeyView, now_ms: int) -> bool:
    """Whether it was revoked or has expired."""
    expired = key.expires_at_ms is not None and key.expires_at_ms <= now_ms
    return expired or key.revoked_at_ms is not None
