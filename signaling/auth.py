"""Who makes a request: the applicant by a short-lived token, the institution by an API key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from kyc_rtc.clock import Clock
from kyc_rtc.errors import Forbidden, Unauthorised
from kyc_rtc.keys import ApiKey, Scope, api_key_hash
from kyc_rtc.settings import Settings

_AUDIENCE = "kyc-rtc/applicant"
_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 4_096


class Access(StrEnum):
    """Whose credential a route wants.

    `EITHER`: the institution's, or that of the applicant whose session path or body name. `KNOWN`: the
    institution's, or any applicant's.
    """

    ANYONE = "anyone"
    APPLICANT = "applicant"
    INSTITUTION = "institution"
    EITHER = "either"
    KNOWN = "known"


class Kind(StrEnum):
    """What kind of caller a principal is."""

    ANYONE = "anyone"
    APPLICANT = "applicant"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as far as its credential proves it.

    `session_id` is set for an applicant: the session that the token is for. `key_id`, `name` and
    `scopes` are set for an institution; `name` is what the journal and the records keep.
    """

    kind: Kind
    session_id: str = ""
    key_id: str = ""
    name: str = ""
    scopes: frozenset[Scope] = frozenset()

    @property
    def is_institution(self) -> bool:
        return self.kind is Kind.INSTITUTION

    def require_session(self, session_id: str) -> None:
        """Raises `Forbidden` for an applicant of another session."""
        if self.kind is Kind.APPLICANT and self.session_id != session_id:
            raise Forbidden("the token belongs to another session")


ANYONE = Principal(Kind.ANYONE)
DEVELOPER = Principal(
    Kind.INSTITUTION, key_id="development", name="development", scopes=frozenset(Scope)
)
"""Everybody, where development has no keys."""


class Tokens:
    """Issues and reads the applicant's token: a JWT (RFC 7519) bound to one session."""

    def __init__(self, secret: str, ttl_s: int, clock: Clock) -> None:
        self._key = OctKey.import_key(hashlib.sha256(secret.encode()).digest())
        self._ttl_s = ttl_s
        self._clock = clock

    def issue(self, session_id: str) -> str:
        """A token for the applicant of `session_id`."""
        now_s = self._clock.now_ms() // 1000
        claims = {"sub": session_id, "aud": _AUDIENCE, "iat": now_s, "exp": now_s + self._ttl_s}
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def session_of(self, token: str) -> str:
        """The session that the token is for. Raises `Unauthorised` where it is not ours, or has run out."""
        if len(token) > _MAX_TOKEN_CHARS:
            raise Unauthorised("the token is too long")
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError):
            raise Unauthorised("the token is not valid", hint="open the link again") from None
        expires_s, session_id = claims.get("exp"), claims.get("sub")
        in_time = isinstance(expires_s, int) and expires_s > self._clock.now_ms() // 1000
        if claims.get("aud") != _AUDIENCE or not in_time or not isinstance(session_id, str):
            raise Unauthorised("the token has expired", hint="ask for a new link")
        return session_id


class Authenticator:
    """Finds the principal of a request, and refuses one that the route does not admit."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._tokens = tokens
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
                return self._applicant(request)
            case Access.EITHER | Access.KNOWN:
                try:
                    return self._institution(request, scope)
                except Unauthorised:
                    return self._applicant(request)

    def _institution(self, request: web.Request, scope: Scope) -> Principal:
        """By `X-API-Key`, or by the key as a bearer."""
        if self._open:
            return DEVELOPER
        key = self._known(request.headers.get("X-API-Key") or _bearer(request))
        if key is None:
            raise Unauthorised("an API key is needed", hint="send it as X-API-Key")
        if scope not in key.scopes:
            raise Forbidden(f"the API key lacks the scope {scope.value}")
        return Principal(Kind.INSTITUTION, key_id=key.id, name=key.name, scopes=key.scopes)

    def _known(self, given: str) -> ApiKey | None:
        """The configured key, found in a time that does not depend on which one it is."""
        digest, found = api_key_hash(given), None
        for key in self._keys:
            if hmac.compare_digest(digest, key.sha256):
                found = key
        return found

    def _applicant(self, request: web.Request) -> Principal:
        token = _bearer(request)
        if not token:
            raise Unauthorised(
                "the client token is needed", hint="send Authorization: Bearer <token>"
            )
        principal = Principal(Kind.APPLICANT, session_id=self._tokens.session_of(token))
        in_path = request.match_info.get("session_id")
        if in_path is not None:
            principal.require_session(in_path)
        return principal


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def resolve_secret(settings: Settings) -> str:
    """The signing secret: the setting, or in development one that is kept in the data folder.

    It survives a restart, so that an applicant whose session was interrupted can go on.
    """
    configured = settings.secret_key.get_secret_value()
    if configured:
        return configured
    path = settings.data_dir / "secret_key"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return _keep_secret(path)


def _keep_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    path.touch(mode=0o600)
    path.write_text(secret + "\n", "ascii")
    return secret
