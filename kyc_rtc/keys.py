"""API keys: random, shown once, stored as hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What an API key may be used for."""

    VERIFICATIONS = "verifications"
    ALERTS = "alerts"
    LABELS = "labels"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the server knows it. `sha256`: of the key, in lower-case hexadecimal digits."""

    id: str
    name: str
    sha256: str
    scopes: frozenset[Scope]


def new_api_key() -> str:
    """A fresh API key with 256 bits of randomness."""
    return f"kyc_{secrets.token_urlsafe(32)}"


def new_key_id(name: str) -> str:
    """An id for a key: what is left of its name, and random digits, so that two keys differ."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].strip("-")
    return f"{words or 'key'}-{secrets.token_hex(3)}"


def api_key_hash(key: str) -> str:
    """SHA-256 (hex) of an API key. Keys are random and long, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()
