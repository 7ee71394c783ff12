"""Signed tokens of an OIDC provider (RFC 7515, 7517, 7519): read, matched with a key, verified.

Only algorithms with a public key count, and only with a key of their own type: with HMAC, anybody who can
read the provider's public keys could sign.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from kyc_rtc.errors import Unauthorised

MAX_TOKEN_CHARS: Final = 8_000
"""aiohttp takes no header of more than 8,190."""
MAX_KEYS: Final = 64
"""Of a provider's set; what comes after them is not read."""

_RSA, _P256, _ED25519 = ("RSA", None), ("EC", "P-256"), ("OKP", "Ed25519")
KEY_TYPES: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": _RSA,
    "PS256": _RSA,
    "ES256": _P256,
    "EdDSA": _ED25519,
    "Ed25519": _ED25519,
}
"""The algorithms that are accepted, and the type and curve of the keys that each takes."""

_MODULUS_CHARS: Final = range(342, 1_367)
"""Of an RSA key in base64url: 2,048 to 8,192 bits. A shorter one is weak, a longer one costs."""
_MAX_EXPONENT_CHARS: Final = 6


class _Registry(JWSRegistry):
    """joserfc's own warns of EdDSA, a name that RFC 9864 deprecates and providers use; and it refuses unknown
    headers, which are to be ignored (RFC 7515, 4)."""

    max_header_length = 4_096

    def get_alg(self, name: str) -> Any:
        if name not in KEY_TYPES:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY: Final = _Registry(strict_check_header=False)


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature is not verified yet. `kid`: of its key; None: it names none."""

    text: bytes
    algorithm: str
    kid: str | None
    kind: str
    unverified: dict[str, Any]

    def verified(self, key: Key) -> dict[str, Any]:
        """Its claims. Raises `Unauthorised` where this key did not sign it."""
        try:
            signed = jws.extract_compact(self.text, registry=_REGISTRY)
            is_good = jws.validate_compact(signed, key, registry=_REGISTRY)
        except Exception:  # noqa: BLE001 - of what strangers write, joserfc raises more than its own errors
            is_good = False
        if not is_good:
            raise refused()
        return self.unverified


def refused() -> Unauthorised:
    """What is raised for a token that proves nothing. It does not say which check failed."""
    return Unauthorised("the token is not valid", hint="get another one from the login provider")


def read_token(text: str) -> SignedToken:
    """A token of the compact form, as far as it can be read without a key. Raises `Unauthorised`."""
    if len(text) > MAX_TOKEN_CHARS or not text.isascii():
        raise refused()
    try:
        signed = jws.extract_compact(text.encode(), registry=_REGISTRY)
        header, claims = signed.headers(), json.loads(signed.payload)
    except Exception:  # noqa: BLE001 - as above
        raise refused() from None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm not in KEY_TYPES or not isinstance(claims, dict) or not isinstance(kind, str):
        raise refused()
    if not isinstance(kid, str | None):
        raise refused()
    return SignedToken(text.encode(), str(algorithm), kid, kind.lower(), claims)


def keys_of(published: Any) -> tuple[Key, ...]:
    """The keys of a set (RFC 7517, 5) that can verify a signature here; the others are left out."""
    listed = published.get("keys") if isinstance(published, Mapping) else None
    if not isinstance(listed, list):
        return ()
    found = (_imported(jwk) for jwk in listed[:MAX_KEYS] if isinstance(jwk, dict))
    return tuple(key for key in found if key is not None)


def key_for(token: SignedToken, keys: Iterable[Key]) -> Key | None:
    """The key that a token says it was signed with. Without a `kid`: the only one that it can be."""
    fitting = [key for key in keys if _admits(key, token.algorithm)]
    if token.kid is not None:
        return next((key for key in fitting if key.kid == token.kid), None)
    return fitting[0] if len(fitting) == 1 else None


def _imported(jwk: dict[str, Any]) -> Key | None:
    try:
        match jwk.get("kty"):
            case "RSA" if len(jwk["n"]) in _MODULUS_CHARS and len(jwk["e"]) <= _MAX_EXPONENT_CHARS:
                return RSAKey.import_key(jwk)
            case "EC":
                return ECKey.import_key(jwk)
            case "OKP":
                return OKPKey.import_key(jwk)
            case _:
                return None
    except Exception:  # noqa: BLE001 - one key that cannot be read hinders no other
        return None


def _admits(key: Key, algorithm: str) -> bool:
    """Whether a key may verify this algorithm: its type and curve, and its `use`, `key_ops` and `alg`
    (RFC 7517, 4.2 to 4.4)."""
    operations = key.get("key_ops")
    curve = key.get("crv") if key.key_type != "RSA" else None
    return (
        (key.key_type, curve) == KEY_TYPES[algorithm]
        and key.get("use") in (None, "sig")
        and (operations is None or "verify" in operations)
        and key.get("alg") in (None, algorithm)
    )
