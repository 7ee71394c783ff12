"""The applicant's tokens: JWTs that are bound to one session and to the link that they come from.

    link ── link token, as long as the verification ──▶ open ──▶ client token, short-lived ──▶ everything else

Kinds of tokens differ by their audience.
"""

from __future__ import annotations

import hashlib

from joserfc import jwt
from joserfc.jwk import OctKey

from kyc_rtc.clock import Clock
from kyc_rtc.errors import LinkExpired, Unauthorised
from kyc_rtc.scopes import DEFAULT_TENANT
from signaling.principals import Kind, Principal

_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 4_096

_AUDIENCES = {Kind.APPLICANT: "kyc-rtc/applicant", Kind.LINK: "kyc-rtc/link"}


class Tokens:
    """Issues and reads the applicant's tokens: JWTs (RFC 7519) bound to one session and one link.

    `ttl_s`: the life of a client token.
    """

    def __init__(self, secret: str, ttl_s: int, clock: Clock) -> None:
        self._key = OctKey.import_key(hashlib.sha256(secret.encode()).digest())
        self.ttl_s = ttl_s
        self._clock = clock

    def issue(self, session_id: str, link_number: int, tenant_id: str = DEFAULT_TENANT) -> str:
        """A client token: it lives for `ttl_s`, and opens the session."""
        expires_s = self._now_s() + self.ttl_s
        return self._sign(Kind.APPLICANT, session_id, link_number, expires_s, tenant_id)

    def issue_link(
        self,
        session_id: str,
        link_number: int,
        expires_at_ms: int,
        tenant_id: str = DEFAULT_TENANT,
    ) -> str:
        """A link's token: it lives until then (Unix milliseconds), and opens nothing but the exchange."""
        return self._sign(Kind.LINK, session_id, link_number, expires_at_ms // 1000, tenant_id)

    def read(self, token: str, kind: Kind) -> Principal:
        """Who a token of this kind is for.

        Raises:
            LinkExpired: a link's time is over. Unauthorised: the token is not ours, of another kind, or
            has run out.
        """
        if len(token) > _MAX_TOKEN_CHARS:
            raise Unauthorised("the token is too long")
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except Exception:  # noqa: BLE001 - of what strangers write, joserfc raises more than its own errors
            raise Unauthorised("the token is not valid", hint="open the link again") from None
        expires_s, session_id, number = (claims.get(name) for name in ("exp", "sub", "link"))
        tenant_id = claims.get("tenant", DEFAULT_TENANT)
        if (
            claims.get("aud") != _AUDIENCES[kind]
            or not isinstance(session_id, str)
            or not isinstance(expires_s, int)
            or not isinstance(number, int)
            or not isinstance(tenant_id, str)
        ):
            raise Unauthorised("the token is not valid here", hint="open the link again")
        if expires_s <= self._now_s():
            if kind is Kind.LINK:
                raise LinkExpired(
                    "the link has expired", hint="ask the institution for another check"
                )
            raise Unauthorised("the token has expired", hint="open the link again")
        return Principal(kind, session_id=session_id, link_number=number, tenant_id=tenant_id)

    def _sign(
        self, kind: Kind, session_id: str, link_number: int, expires_s: int, tenant_id: str
    ) -> str:
        claims = {
            "sub": session_id,
            "aud": _AUDIENCES[kind],
            "link": link_number,
            "iat": self._now_s(),
            "exp": expires_s,
            "tenant": tenant_id,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000
