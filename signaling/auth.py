"""Who makes a request: the applicant by a token, the institution by an API key.

    link ── link token, as long as the verification ──▶ open ──▶ client token, short-lived ──▶ everything else

Kinds of tokens differ by their audience. Each carries the number of the link that it comes from.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey

from kyc_rtc.clock import Clock
from kyc_rtc.errors import Forbidden, LinkExpired, Unauthorised
from kyc_rtc.keys import ApiKey, Scope, api_key_hash
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.settings import Settings

_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 4_096


class Access(StrEnum):
    """Whose credential a route wants.

    `LINK`: the link token of the session that the path names. `EITHER`: the institution's,
    or that of the applicant whose session path or body name. `KNOWN`: the institution's, or any applicant's.
    """

    ANYONE = "anyone"
    LINK = "link"
    APPLICANT = "applicant"
    INSTITUTION = "institution"
    EITHER = "either"
    KNOWN = "known"


class Kind(StrEnum):
    """What kind of caller a principal is."""

    ANYONE = "anyone"
    LINK = "link"
    APPLICANT = "applicant"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as far as its credential proves it.

    `session_id` and `link_number` are set for an applicant and for a link token: the session that
    the token is for, and the link that it comes from. `key_id`, `name` and `scopes` are set for an
    institution; `name` is what the journal and the records keep.
    """

    kind: Kind
    session_id: str = ""
    link_number: int = 0
    key_id: str = ""
    name: str = ""
    scopes: frozenset[Scope] = frozenset()

    @property
    def is_institution(self) -> bool:
        return self.kind is Kind.INSTITUTION

    @property
    def has_token(self) -> bool:
        """Whether it is an applicant's, by a token of either kind."""
        return self.kind in (Kind.APPLICANT, Kind.LINK)

    def require_session(self, session_id: str) -> None:
        """Raises `Forbidden` for an applicant of another session."""
        if self.has_token and self.session_id != session_id:
            raise Forbidden("the token belongs to another session")


ANYONE = Principal(Kind.ANYONE)
DEVELOPER = Principal(
    Kind.INSTITUTION, key_id="development", name="development", scopes=frozenset(Scope)
)
"""Everybody, where development has no keys."""


_AUDIENCES = {Kind.APPLICANT: "kyc-rtc/applicant", Kind.LINK: "kyc-rtc/link"}


class Tokens:
    """Issues and reads the applicant's tokens: JWTs (RFC 7519) bound to one session and one link.

    `ttl_s`: the life of a client token.
    """

    def __init__(self, secret: str, ttl_s: int, clock: Clock) -> None:
        self._key = OctKey.import_key(hashlib.sha256(secret.encode()).digest())
        self.ttl_s = ttl_s
        self._clock = clock

    def issue(self, session_id: str, link_number: int) -> str:
        """A client token: it lives for `ttl_s`, and opens the session."""
        return self._sign(Kind.APPLICANT, session_id, link_number, self._now_s() + self.ttl_s)

    def issue_link(self, session_id: str, link_number: int, expires_at_ms: int) -> str:
        """A link's token: it lives until then (Unix milliseconds), and opens nothing but the exchange."""
        return self._sign(Kind.LINK, session_id, link_number, expires_at_ms // 1000)

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
        if (
            claims.get("aud") != _AUDIENCES[kind]
            or not isinstance(session_id, str)
            or not isinstance(expires_s, int)
            or not isinstance(number, int)
        ):
            raise Unauthorised("the token is not valid here", hint="open the link again")
        if expires_s <= self._now_s():
            if kind is Kind.LINK:
                raise LinkExpired(
                    "the link has expired", hint="ask the institution for another check"
                )
            raise Unauthorised("the token has expired", hint="open the link again")
        return Principal(kind, session_id=session_id, link_number=number)

    def _sign(self, kind: Kind, session_id: str, link_number: int, expires_s: int) -> str:
        claims = {
            "sub": session_id,
            "aud": _AUDIENCES[kind],
            "link": link_number,
            "iat": self._now_s(),
            "exp": expires_s,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000


class Authenticator:
    """Finds the principal of a request, and refuses one that the route does not admit."""

    def __init__(self, settings: Settings, tokens: Tokens, sessions: SessionInterface) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._keys = settings.institution_keys
        self._open = settings.development and not self._keys

    def admit(self, request: web.Request, access: Access, scope: Scope) -> Principal:
        """The principal of a request to a route of this access. Reads no body.

        Raises:
            Unauthorised: there is no credential of the right kind, or it is not valid.
            Forbidden: the key lacks the scope, or the token is for another session than the path's.
        """
        match access:
            case Access.ANYONE:
                return ANYONE
            case Access.INSTITUTION:
                return self._institution(request, scope)
            case Access.APPLICANT:
                return self._by_token(request, Kind.APPLICANT)
            case Access.LINK:
                return self._by_token(request, Kind.LINK)
            case Access.EITHER | Access.KNOWN:
                try:
                    return self._institution(request, scope)
                except Unauthorised:
                    return self._by_token(request, Kind.APPLICANT)

    async def confirm(self, principal: Principal, *, after_end: bool) -> None:
        """Make sure that the token of an applicant still counts. `after_end`: also where its attempt is
        over.

        Raises:
            Unauthorised: there is a newer link, or the verification was deleted.
            Conflict: the attempt is over.
        """
        if principal.has_token:
            await self._sessions.check_token(
                principal.session_id, principal.link_number, after_end=after_end
            )

    def _institution(self, request: web.Request, scope: Scope) -> Principal:
        """By `X-API-Key`, or by the key as a bearer."""
        if self._open:
            return DEVELOPER
        given = request.headers.get("X-API-Key") or bearer_of(request)
        if not given:
            raise Unauthorised("an API key is needed", hint="send it as X-API-Key")
        key = self._known(given)
        if key is None:
            raise Unauthorised("the API key is not valid", hint="see python -m kyc_rtc keys")
        if scope not in key.scopes:
            raise Forbidden(
                f"the API key lacks the scope {scope.value}",
                hint="use a key that has it; see scopes in docs/api.md",
            )
        return Principal(Kind.INSTITUTION, key_id=key.id, name=key.name, scopes=key.scopes)

    def _known(self, given: str) -> ApiKey | None:
        """The configured key, found in a time that does not depend on which one it is."""
        if not given.isascii():
            return None
        digest, found = api_key_hash(given), None
        for key in self._keys:
            if hmac.compare_digest(digest, key.sha256):
                found = key
        return found

    def _by_token(self, request: web.Request, kind: Kind) -> Principal:
        token = bearer_of(request)
        if not token:
            name = "link's" if kind is Kind.LINK else "client"
            raise Unauthorised(
                f"the {name} token is needed", hint="send Authorization: Bearer <token>"
            )
        principal = self._tokens.read(token, kind)
        in_path = request.match_info.get("session_id")
        if in_path is not None:
            principal.require_session(in_path)
        return principal


def bearer_of(request: web.Request) -> str:
    """The bearer token of a request (RFC 6750, 2.1); empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
