"""A login at the provider: authorization code with PKCE (OpenID Connect Core 3.1, RFC 7636, RFC 9700).

    GET /login ── state, nonce, challenge ──▶ provider ── code, state ──▶ GET /login/callback
    ── code, verifier ──▶ provider ── ID token ──▶ a login

What the callback needs of the first step is in a sealed cookie of the browser that began it: any process can
answer, and no answer can be brought to another browser (RFC 9700, 4.7).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlencode

from joserfc import jwe
from joserfc.jwk import OctKey

from kyc_rtc.access.people import Person
from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadRequest, Forbidden, Unauthorised
from signaling.fetching import away
from signaling.login_cookies import same
from signaling.oidc import Oidc

BEGUN_TTL_S: Final = 600
"""So long somebody has to log in at the provider."""
_MAX_SEALED_CHARS: Final = 4_096
_MAX_CODE_CHARS: Final = 4_096
_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was begun in a browser. `next_path`: where it goes on afterwards."""

    state: str
    nonce: str
    verifier: str
    next_path: str
    expires_at_ms: int


class Begins:
    """Seals what was begun into a cookie's value, and opens it."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._key = OctKey.import_key(hashlib.sha256(f"kyc-rtc/login\n{secret}".encode()).digest())
        self._clock = clock

    def begin(self, next_path: str) -> Begun:
        until_ms = self._clock.now_ms() + 1_000 * BEGUN_TTL_S
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return Begun(state, nonce, verifier, next_path, until_ms)

    def seal(self, begun: Begun) -> str:
        return jwe.encrypt_compact(_HEADER, json.dumps(asdict(begun)), self._key)

    def open(self, sealed: str) -> Begun:
        """Raises `BadRequest` where it is not ours, or too old."""
        try:
            if len(sealed) > _MAX_SEALED_CHARS:
                raise ValueError
            opened = jwe.decrypt_compact(sealed, self._key, algorithms=["dir", "A256GCM"])
            begun = Begun(**json.loads(opened.plaintext or b""))
        except Exception:  # noqa: BLE001 - of what strangers write, joserfc raises more than its own errors
            raise not_begun() from None
        if begun.expires_at_ms <= self._clock.now_ms():
            raise not_begun()
        return begun


def not_begun() -> BadRequest:
    """What is raised for an answer of the provider that belongs to no login of this browser."""
    return BadRequest("no login was begun in this browser, or too long ago", hint="log in again")


class CodeFlow:
    """The two steps of a login."""

    def __init__(self, oidc: Oidc) -> None:
        self._oidc = oidc
        self._settings = oidc.settings

    async def address(self, begun: Begun, redirect_uri: str) -> str:
        """Where the browser goes to log in. Raises `ProviderUnavailable`."""
        endpoint = (await self._oidc.provider.configuration()).authorization_endpoint
        digest = hashlib.sha256(begun.verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._settings.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self._settings.login_scopes),
                "state": begun.state,
                "nonce": begun.nonce,
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    async def person(self, begun: Begun, answer: Mapping[str, str], redirect_uri: str) -> Person:
        """Who came back. `answer`: the query of the callback.

        Raises:
            BadRequest: it answers another login. Unauthorised: it proves nothing.
            Forbidden: the provider refused, or the person has no role or tenant.
            ProviderUnavailable: it does not answer.
        """
        if not same(answer.get("state", ""), begun.state):
            raise not_begun()
        configuration = await self._oidc.provider.configuration()
        said = answer.get("iss")
        if said != self._settings.issuer and (said is not None or configuration.names_itself):
            raise not_begun()  # RFC 9207, 2.4: the answer of another provider
        if "error" in answer:
            raise Forbidden("the login provider refused", hint="log in again, or ask who runs it")
        code = answer.get("code", "")
        if not 0 < len(code) <= _MAX_CODE_CHARS:
            raise not_begun()
        id_token = await self._exchanged(code, begun.verifier, redirect_uri)
        return await self._oidc.logged_in(id_token, begun.nonce)

    async def _exchanged(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code (RFC 6749, 4.1.3)."""
        settings, configuration = self._settings, await self._oidc.provider.configuration()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        secret, basic = settings.client_secret.get_secret_value(), None
        if secret and configuration.basic:
            basic = (_encoded(settings.client_id), _encoded(secret))
        else:
            form["client_id"] = settings.client_id
            if secret:
                form["client_secret"] = secret
        status, tokens = await self._oidc.provider.exchange(form, basic)
        if status >= 500:
            raise away()
        id_token = tokens.get("id_token")
        if status != 200 or not isinstance(id_token, str):
            raise Unauthorised("the login provider did not confirm the login", hint="log in again")
        return id_token


def _encoded(text: str) -> str:
    """A client's id or secret as HTTP's Basic scheme takes it (RFC 6749, 2.3.1)."""
    return urlencode({"": text})[1:]
