"""Who may call: the applicant by a short-lived token, the institution by an API key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from kyc_rtc.clock import Clock
from kyc_rtc.errors import Forbidden, Unauthorised
from kyc_rtc.keys import api_key_hash
from kyc_rtc.settings import Settings

_AUDIENCE = "kyc-rtc/applicant"
_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 4_096


class Tokens:
    """Issues and checks the applicant's token: a JWT (RFC 7519) bound to one session."""

    def __init__(self, secret: str, ttl_s: int, clock: Clock) -> None:
        self._key = OctKey.import_key(hashlib.sha256(secret.encode()).digest())
        self._ttl_s = ttl_s
        self._clock = clock

    def issue(self, session_id: str) -> str:
        """A token for the applicant of `session_id`."""
        now_s = self._clock.now_ms() // 1000
        claims = {"sub": session_id, "aud": _AUDIENCE, "iat": now_s, "exp": now_s + self._ttl_s}
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key)

    def check(self, token: str, session_id: str) -> None:
        """Make sure that the token is ours, in time, and for this session.

        Raises:
            Unauthorised: it is not ours, or has run out.
            Forbidden: it belongs to another session.
        """
        if len(token) > _MAX_TOKEN_CHARS:
            raise Unauthorised("the token is too long")
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError):
            raise Unauthorised("the token is not valid", hint="open the link again") from None
        expires_s = claims.get("exp")
        in_time = isinstance(expires_s, int) and expires_s > self._clock.now_ms() // 1000
        if claims.get("aud") != _AUDIENCE or not in_time:
            raise Unauthorised("the token has expired", hint="ask for a new link")
        if claims.get("sub") != session_id:
            raise Forbidden("the token belongs to another session")


class Gate:
    """Checks the credentials of a request."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self.tokens = tokens
        self._hashes = tuple(h.lower() for h in settings.api_key_hashes)
        self._open = settings.development and not self._hashes

    def require_institution(self, request: web.Request) -> None:
        """Let the institution's backend through, by `X-API-Key` or as a bearer.

        Without configured keys, which only development allows, everybody passes.

        Raises:
            Unauthorised: no key, or a wrong one.
        """
        if self._open:
            return
        key = request.headers.get("X-API-Key") or _bearer(request)
        given = api_key_hash(key)
        matches = [
            hmac.compare_digest(given, known) for known in self._hashes
        ]  # all, in equal time
        if not any(matches):
            raise Unauthorised("an API key is needed", hint="send it as X-API-Key")

    def require_applicant(self, request: web.Request, session_id: str) -> None:
        """Let the applicant of a session through. Raises `Unauthorised`, `Forbidden`."""
        token = _bearer(request)
        if not token:
            raise Unauthorised(
                "the client token is needed", hint="send Authorization: Bearer <token>"
            )
        self.tokens.check(token, session_id)


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
