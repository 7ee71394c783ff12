"""API keys: random, shown once, stored as hashes.

kyc_live_7f3k2m9x4qzd_pV3…   a key that the store knows by the twelve characters in the middle
kyc_test_…                   the same, for the sandbox
kyc_…                        a key that the settings know by its hash alone
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from kyc_rtc.scopes import DEFAULT_TENANT, Scope

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH = 12
_STORED = re.compile(r"kyc_(?:live|test)_([a-z2-9]{12})_[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the server knows it. `sha256`: of the key, in lower-case hexadecimal digits. `is_test`: it
    belongs to the sandbox."""

    id: str
    name: str
    sha256: str
    scopes: frozenset[Scope]
    tenant_id: str = DEFAULT_TENANT
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `secret` is the key itself: nobody can show it again."""

    id: str
    secret: str


def new_stored_key(*, is_test: bool = False) -> NewKey:
    """A key for the store: its id is part of it, and 256 bits of it are random."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    kind = "test" if is_test else "live"
    return NewKey(key_id, f"kyc_{kind}_{key_id}_{secrets.token_urlsafe(32)}")


def stored_key_id(given: str) -> str | None:
    """The id in a key of the store; None where it is of another form."""
    found = _STORED.fullmatch(given)
    return None if found is None else found.group(1)


def new_api_key() -> str:
    """A fresh API key for the settings, with 256 bits of randomness."""
    return f"kyc_{secrets.token_urlsafe(32)}"


def new_key_id(name: str) -> str:
    """An id for a key: what is left of its name, and random digits, so that two keys differ."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].strip("-")
    return f"{words or 'key'}-{secrets.token_hex(3)}"


def api_key_hash(key: str) -> str:
    """SHA-256 (hex) of an API key. Keys are random and long, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()
