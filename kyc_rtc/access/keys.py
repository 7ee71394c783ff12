"""API keys in the storage. Implements `KeyInterface`."""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import asdict
from typing import Final

import structlog

from kyc_rtc.access.interface import (
    MAX_LIFETIME_S,
    MAX_OVERLAP_S,
    CreatedKey,
    KeyOrder,
    KeyView,
    is_over,
)
from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadRequest, Conflict, Forbidden, StorageUnavailable, Unauthorised
from kyc_rtc.keys import ApiKey, api_key_hash, new_stored_key, stored_key_id
from kyc_rtc.scopes import (
    DEFAULT_TENANT,
    NOT_IN_THE_SANDBOX,
    Scope,
    can_have_sandbox,
    is_tenant,
    sandbox_of,
    with_implied,
)
from kyc_rtc.storage.api_keys import ApiKeyRecord, ApiKeyRepository

USED_EVERY_MS: Final = 3_600_000
"""How exactly the last use is kept: a write for every call would cost more than it tells."""

MAX_KEYS_OF_TENANT: Final = 200

log = structlog.get_logger(__name__)


class KeyService:
    """Makes keys, ends them, and finds the one that a caller sent."""

    def __init__(self, keys: ApiKeyRepository, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def find(self, given: str) -> ApiKey | None:
        key_id = stored_key_id(given)
        record = None if key_id is None else await self._keys.get(key_id)
        if record is None or not hmac.compare_digest(record.sha256, api_key_hash(given)):
            return None
        now_ms = self._clock.now_ms()
        if is_over(_view(record), now_ms):
            word = "has expired" if record.revoked_at_ms is None else "was revoked"
            raise Unauthorised(f"the API key {word}", hint="use the key that took its place")
        if now_ms - (record.last_used_at_ms or 0) >= USED_EVERY_MS:
            with suppress(
                StorageUnavailable
            ):  # the call itself says so, where it needs the database
                await self._keys.used(record.key_id, now_ms)
        return _admitted(record)

    async def create(self, order: KeyOrder) -> CreatedKey:
        _check(order)
        now_ms, lifetime_s = self._clock.now_ms(), order.expires_in_s
        expires_at_ms = None if lifetime_s is None else now_ms + 1_000 * lifetime_s
        record, secret = _new(order, now_ms, expires_at_ms)
        return _created(record, secret, stored=await self._keys.add(record, MAX_KEYS_OF_TENANT))

    async def listed(self, tenant_id: str) -> tuple[KeyView, ...]:
        return tuple(map(_view, await self._keys.listed(tenant_id)))

    async def revoke(self, tenant_id: str, key_id: str) -> KeyView:
        record = await self._keys.revoke(tenant_id, key_id, self._clock.now_ms())
        log.info("key_revoked", key_id=key_id, tenant_id=tenant_id)
        return _view(record)

    async def rotate(
        self, tenant_id: str, key_id: str, overlap_s: int, by: str, allowed: frozenset[Scope]
    ) -> CreatedKey:
        if not 0 <= overlap_s <= MAX_OVERLAP_S:
            raise BadRequest(f"overlap: has to be 0 to {MAX_OVERLAP_S} s")
        old, now_ms = await self._keys.of_tenant(tenant_id, key_id), self._clock.now_ms()
        if is_over(_view(old), now_ms):
            raise Conflict("the key is over already", hint="create another one")
        scopes = frozenset(map(Scope, old.scopes))
        if not with_implied(scopes) <= allowed:
            raise Forbidden(
                "the key has a scope that you lack", hint="ask whoever has it to rotate"
            )
        lifetime_ms = None if old.expires_at_ms is None else old.expires_at_ms - old.created_at_ms
        order = KeyOrder(tenant_id, old.name, scopes, by, is_test=old.is_test)
        expires_at_ms = None if lifetime_ms is None else now_ms + lifetime_ms
        record, secret = _new(order, now_ms, expires_at_ms, old.key_id)
        until_ms = now_ms + 1_000 * overlap_s
        stored = await self._keys.replace(record, until_ms, MAX_KEYS_OF_TENANT)
        return _created(record, secret, stored=stored)


def _new(
    order: KeyOrder, now_ms: int, expires_at_ms: int | None, replaces: str | None = None
) -> tuple[ApiKeyRecord, str]:
    """The record of a new key, and the key itself."""
    made = new_stored_key(is_test=order.is_test)
    record = ApiKeyRecord(
        key_id=made.id,
        tenant_id=order.tenant_id,
        name=order.name,
        sha256=api_key_hash(made.secret),
        scopes=tuple(sorted(scope.value for scope in order.scopes)),
        is_test=order.is_test,
        created_at_ms=now_ms,
        created_by=order.by,
        expires_at_ms=expires_at_ms,
        replaces=replaces,
    )
    return record, made.secret


def _created(record: ApiKeyRecord, secret: str, *, stored: bool) -> CreatedKey:
    """Raises Conflict where the key was not stored, since its tenant has too many."""
    if not stored:
        raise Conflict(
            f"the tenant has {MAX_KEYS_OF_TENANT} keys that are valid", hint="revoke some first"
        )
    log.info("key_created", key_id=record.key_id, tenant_id=record.tenant_id)
    return CreatedKey(_view(record), secret)


def _check(order: KeyOrder) -> None:
    """Raises BadRequest for an order that makes no sense."""
    if not is_tenant(order.tenant_id):
        raise BadRequest("tenant: lower-case letters, digits, - and _, at most 64")
    if order.is_test and not can_have_sandbox(order.tenant_id):
        raise BadRequest("tenant: its id is too long for a sandbox", hint="at most 59 characters")
    if not order.name.strip():
        raise BadRequest("name: is empty", hint="say who is going to use the key")
    if not order.scopes:
        raise BadRequest("scopes: a key without one opens nothing")
    if Scope.METRICS in order.scopes and order.tenant_id != DEFAULT_TENANT:
        raise BadRequest(
            "scopes: metrics are those of the whole server",
            hint=f"only keys of the tenant {DEFAULT_TENANT} may read them",
        )
    if order.expires_in_s is not None and not 1 <= order.expires_in_s <= MAX_LIFETIME_S:
        raise BadRequest(f"expires_in: has to be 1 to {MAX_LIFETIME_S} s")


def _admitted(record: ApiKeyRecord) -> ApiKey:
    """What a key is good for: one of the sandbox sees the sandbox, and nothing else of its tenant."""
    scopes = with_implied(Scope(scope) for scope in record.scopes if scope in set(Scope))
    tenant_id = record.tenant_id
    if record.is_test:
        scopes, tenant_id = scopes - NOT_IN_THE_SANDBOX, sandbox_of(tenant_id)
    return ApiKey(record.key_id, record.name, record.sha256, scopes, tenant_id, record.is_test)


def _view(record: ApiKeyRecord) -> KeyView:
    fields = asdict(record)
    del fields["sha256"]
    return KeyView(**fields)
