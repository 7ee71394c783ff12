"""Credentials of every kind, good and bad, as the headers of a request."""

from __future__ import annotations

import base64
from pathlib import Path

from joserfc import jwt
from pydantic import SecretStr

from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.scopes import Scope
from kyc_rtc.settings import Settings
from kyc_rtc.settings.groups import ApiKeySettings
from signaling.tokens import Tokens
from tests.support.clock import ManualClock
from tests.support.fake_provider import OIDC

SECRET = "s" * 40
LINK_NUMBER = 2
"""Of the link that is valid: there was one before."""


class Credentials:
    """What callers send. `keys` go into the settings of the server.

    `of(session_id, other_id)` names each: `own` and `foreign` are client tokens of the one session and of
    the other, `link` and `foreign_link` those of their links; `key` may do everything, `key_<scope>` one
    thing, `key_elsewhere` everything that another tenant's key may; the rest are refused everywhere.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._tokens = Tokens(SECRET, 3_600, clock)
        self._elsewhere = Tokens("t" * 40, 3_600, clock)
        self._elsewhere_key = new_api_key()
        self._secrets = {"all": new_api_key()} | {scope.value: new_api_key() for scope in Scope}
        self.keys = (
            *(_key(name, secret) for name, secret in self._secrets.items()),
            ApiKeySettings(
                id="elsewhere",
                sha256=api_key_hash(self._elsewhere_key),
                scopes=tuple(scope for scope in Scope if scope is not Scope.METRICS),
                tenant="another-bank",
            ),
        )

    def production(self, folder: Path) -> Settings:
        """Settings of a server in production that knows the keys, and an OIDC provider."""
        return Settings(
            data_dir=folder,
            secret_key=SecretStr(SECRET),
            environment="production",
            public_url="https://kyc.example",
            api_keys=self.keys,
            oidc=OIDC,
        )

    def of(self, session_id: str, other_id: str) -> dict[str, dict[str, str]]:
        own = self._tokens.issue(session_id, LINK_NUMBER)
        head, claims, signature = own.split(".")
        none, odd = _encoded(b'{"alg":"none"}'), _encoded(b'{"alg":"HS256","crit":5}')
        key = self._secrets["all"]
        bad: dict[str, dict[str, str]] = {
            "nothing": {},
            "junk": _bearer("x"),
            "long": _bearer("x" * 7_000),
            "wrong_key": {"X-API-Key": f"{key}x"},
            "hash_as_key": {"X-API-Key": api_key_hash(key)},
            "key_as_basic": {"Authorization": f"Basic {key}"},
            "own_as_key": {"X-API-Key": own},
            "expired": _bearer(self._signed(session_id, ttl_s=-1)),
            "endless": _bearer(self._signed(session_id, ttl_s=None)),
            "other_secret": _bearer(self._elsewhere.issue(session_id, LINK_NUMBER)),
            "other_secret_link": _bearer(self._link(self._elsewhere, session_id)),
            "earlier_link": _bearer(self._link(self._tokens, session_id, LINK_NUMBER - 1)),
            "of_earlier_link": _bearer(self._tokens.issue(session_id, LINK_NUMBER - 1)),
            "of_no_link": _bearer(self._signed(session_id, link=None)),
            "expired_link": _bearer(self._link(self._tokens, session_id, ttl_s=-1)),
            "other_audience": _bearer(self._signed(session_id, audience="kyc-rtc/agent")),
            "unsigned": _bearer(f"{none}.{claims}."),
            "odd_header": _bearer(f"{odd}.e30.c2ln"),
            "not_ascii": {"X-API-Key": "schlüssel"},
            "cut": _bearer(f"{head}.{claims}.{signature[:-2]}"),
        }
        good = {
            "own": _bearer(own),
            "foreign": _bearer(self._tokens.issue(other_id, LINK_NUMBER)),
            "link": _bearer(self._link(self._tokens, session_id)),
            "foreign_link": _bearer(self._link(self._tokens, other_id)),
            "key": {"X-API-Key": key},
            "key_as_bearer": _bearer(key),
            "key_elsewhere": {"X-API-Key": self._elsewhere_key},
        }
        scoped = {f"key_{s.value}": {"X-API-Key": self._secrets[s.value]} for s in Scope}
        return bad | good | scoped

    def _link(
        self, tokens: Tokens, session_id: str, number: int = LINK_NUMBER, ttl_s: int = 86_400
    ) -> str:
        return tokens.issue_link(session_id, number, self._clock.now_ms() + 1000 * ttl_s)

    def _signed(
        self,
        session_id: str,
        *,
        ttl_s: int | None = 3_600,
        audience: str = "kyc-rtc/applicant",
        link: int | None = LINK_NUMBER,
    ) -> str:
        """A token with a claim that is wrong."""
        now_s = self._clock.now_ms() // 1000
        claims: dict[str, str | int] = {"sub": session_id, "aud": audience, "iat": now_s}
        if ttl_s is not None:
            claims["exp"] = now_s + ttl_s
        if link is not None:
            claims["link"] = link
        return jwt.encode({"alg": "HS256"}, claims, self._tokens._key)


def _key(name: str, secret: str) -> ApiKeySettings:
    return ApiKeySettings(
        id=name.replace(":", "-"),
        name=f"the {name} desk",
        sha256=api_key_hash(secret),
        scopes=tuple(Scope) if name == "all" else (Scope(name),),
    )


def _encoded(header: bytes) -> str:
    return base64.urlsafe_b64encode(header).rstrip(b"=").decode()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
