"""An OIDC provider in memory: what it publishes, and the tokens that it signs or that somebody forges."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key
from joserfc.util import urlsafe_b64encode

from kyc_rtc.clock import Clock
from kyc_rtc.settings import OidcSettings
from signaling.fetching import away

ISSUER = "https://login.example/realms/kyc"
AUDIENCE = "https://kyc.example/api"
CLIENT = "kyc-rtc"
OIDC = OidcSettings(issuer=ISSUER, client_id=CLIENT, audience=AUDIENCE)
_TERMS = ("use", "alg", "key_ops")
"""What a key is for, as far as honest signers care."""

_RSA: RSAKey = RSAKey.generate_key(2_048, parameters={"kid": "rsa", "use": "sig"})
"""Made once: it takes a while."""


class FakeProvider:
    """Implements `Fetch`. `asked` counts the questions by URL; while it is `away` none is answered,
    and while it is `hanging` none before the event.

    `codes`: what its token endpoint gives for a code, once.
    """

    def __init__(self, clock: Clock, issuer: str = ISSUER) -> None:
        self._clock = clock
        self.issuer = issuer
        self.keys: dict[str, Key] = {"rsa": _RSA}
        self.away = False
        self.hanging: asyncio.Event | None = None
        self.asked: dict[str, int] = {}
        self.forms: list[tuple[dict[str, str], tuple[str, str] | None]] = []
        self.codes: dict[str, dict[str, Any]] = {}
        self.document: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
        }
        self.published: dict[str, Any] | None = None

    def add_key(self, key: Key) -> Key:
        """Publish another key."""
        assert key.kid is not None
        self.keys[key.kid] = key
        return key

    async def get(self, url: str) -> tuple[int, dict[str, Any]]:
        self.asked[url] = self.asked.get(url, 0) + 1
        if self.hanging is not None:
            await self.hanging.wait()
        if self.away:
            raise away()
        if url.endswith("/.well-known/openid-configuration"):
            return 200, self.document
        keys = [key.as_dict(private=False) for key in self.keys.values()]
        return 200, self.published or {"keys": keys}

    async def post(
        self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        self.asked[url] = self.asked.get(url, 0) + 1
        if self.away:
            raise away()
        self.forms.append((dict(form), basic))
        tokens = self.codes.pop(form["code"], None)
        return (400, {"error": "invalid_grant"}) if tokens is None else (200, tokens)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of an admin's access token; a change to None leaves one out."""
        now_s = self._clock.now_ms() // 1_000
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "subject-1",
            "preferred_username": "ada",
            "roles": ["admin"],
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + 300,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        *,
        key: Key | None = None,
        alg: str = "RS256",
        header: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A signed token. `changes`: of the claims."""
        signing = key or self.keys["rsa"]
        head = {"alg": alg, "kid": signing.kid, "typ": "at+jwt"} | dict(header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return signed(head, self.claims(**changes), signing)

    def id_token(self, **changes: Any) -> str:
        """What a login leads to."""
        return self.token(header={"typ": "JWT"}, **{"aud": CLIENT} | changes)

    def logged_in(self, address: str, code: str = "code-1", **changes: Any) -> dict[str, str]:
        """Somebody logs in where the browser was sent: the query of the way back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.codes[code] = {"id_token": self.id_token(**{"nonce": query["nonce"], **changes})}
        return {"code": code, "state": query["state"]}


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: Key) -> str:
    """A token of any algorithm that joserfc has."""
    free = {name: value for name, value in key.as_dict(private=True).items() if name not in _TERMS}
    signing = import_key(free)
    return jws.serialize_compact(dict(header), json.dumps(claims), signing, registry=_Everything())


class _Everything(jws.JWSRegistry):
    """Warns of nothing, and refuses nothing."""

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def check_header(self, header: Any) -> None:
        pass

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def unsigned(claims: Mapping[str, Any]) -> str:
    """`alg: none`."""
    return f"{_part({'alg': 'none', 'kid': 'rsa', 'typ': 'at+jwt'})}.{_part(claims)}."


def signed_with_the_public_key(claims: Mapping[str, Any]) -> str:
    """HS256, its secret the PEM of the public key, which everybody can read."""
    text = f"{_part({'alg': 'HS256', 'kid': 'rsa', 'typ': 'at+jwt'})}.{_part(claims)}"
    pem = _RSA.as_pem(private=False)
    digest = hmac.new(pem, text.encode(), "sha256").digest()
    return f"{text}.{urlsafe_b64encode(digest).decode()}"


def new_keys() -> dict[str, Key]:
    """One of each type that is accepted besides RSA, and one that signs nothing here."""
    return {
        "ES256": ECKey.generate_key("P-256", parameters={"kid": "ec"}),
        "EdDSA": OKPKey.generate_key("Ed25519", parameters={"kid": "okp"}),
        "HS256": OctKey.generate_key(256, parameters={"kid": "oct"}),
    }


def _part(value: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()
