"""What an OIDC provider publishes of itself (OpenID Connect Discovery 1.0), and its keys, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from joserfc.jwk import Key

from kyc_rtc.clock import Clock
from kyc_rtc.errors import ProviderUnavailable
from signaling.fetching import Fetch, away
from signaling.signatures import SignedToken, key_for, keys_of, refused

FRESH_MS: Final = 600_000.0
"""So old may keys and endpoints be before they are asked for again."""
STALE_MS: Final = 3_600_000.0
"""So old may keys be while the provider is away; then nobody can be checked."""
ASK_AGAIN_MS: Final = 30_000.0
"""Keys that are not known make the server ask once in this time."""
TRY_AGAIN_MS: Final = 5_000.0
"""While the provider is away the server asks once in this time."""
_MAX_URL_CHARS: Final = 2_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What of the discovery document is used. `basic`: whether a client proves itself by HTTP's Basic
    scheme; `names_itself`: whether every answer to a login has an `iss` (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool
    names_itself: bool


@dataclass(frozen=True, slots=True)
class _Published:
    configuration: Configuration
    keys: tuple[Key, ...]
    at_ms: float


class Provider:
    """Asks the provider when it must. Any number of callers wait for one question."""

    def __init__(self, issuer: str, fetch: Fetch, clock: Clock) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._asking = asyncio.Lock()
        self._published: _Published | None = None
        self._asked_at_ms = -ASK_AGAIN_MS

    async def configuration(self) -> Configuration:
        """Its endpoints. Raises `ProviderUnavailable`."""
        return (await self._known()).configuration

    async def exchange(
        self, form: Mapping[str, str], basic: tuple[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        """What its token endpoint answers. Raises `ProviderUnavailable`."""
        return await self._fetch.post((await self.configuration()).token_endpoint, form, basic)

    async def claims(self, token: SignedToken) -> dict[str, Any]:
        """What a token of the provider says, its signature verified.

        Raises:
            Unauthorised: none of its keys signed it. ProviderUnavailable: its keys are not to be had.
        """
        known = await self._known()
        key = key_for(token, known.keys)
        if key is None:
            known = await self._renewed(known)
            key = key_for(token, known.keys)
        if key is None:
            raise refused()
        return token.verified(key)

    async def _known(self) -> _Published:
        known = self._published
        if known is not None:
            age_ms = self._age_ms(known)
            if age_ms < FRESH_MS or (self._asking.locked() and age_ms < STALE_MS):
                return known  # somebody asks already, and nobody waits for a provider that hangs
        try:
            return await self._renewed(known)
        except ProviderUnavailable:
            if known is None or self._age_ms(known) >= STALE_MS:
                raise
            return known

    def _age_ms(self, known: _Published) -> float:
        return self._clock.monotonic_ms() - known.at_ms

    async def _renewed(self, known: _Published | None) -> _Published:
        """What is published now, unless it was asked for just before.

        Raises `ProviderUnavailable` where it does not answer, or did not when it was asked last.
        """
        async with self._asking:
            if self._published is not None and self._published is not known:
                return self._published  # somebody else asked meanwhile
            now_ms = self._clock.monotonic_ms()
            since_ms = now_ms - self._asked_at_ms
            if known is not None and known.at_ms == self._asked_at_ms:
                if since_ms < ASK_AGAIN_MS:
                    return known
            elif since_ms < TRY_AGAIN_MS:
                raise away()  # the last question had no answer
            self._asked_at_ms = now_ms
            try:
                self._published = await self._ask(now_ms)
            except ProviderUnavailable:
                self._asked_at_ms = self._clock.monotonic_ms()  # from when it was given up
                raise
            return self._published

    async def _ask(self, now_ms: float) -> _Published:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        status, document = await self._fetch.get(url)
        if status != 200 or document.get("issuer") != self._issuer:
            log.warning("provider_unusable", status=status, reason="discovery")
            raise away()
        configuration = self._read(document)
        status, published = await self._fetch.get(configuration.jwks_uri)
        keys = keys_of(published)
        if status != 200 or not keys:
            log.warning("provider_unusable", status=status, reason="keys")
            raise away()
        return _Published(configuration, keys, now_ms)

    def _read(self, document: Mapping[str, Any]) -> Configuration:
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        urls = [document.get(name) for name in names]
        authorization, token, jwks = (url if self._is_usable(url) else "" for url in urls)
        if not (authorization and token and jwks):
            log.warning("provider_unusable", reason="endpoints")
            raise away()
        # Where the document says nothing, Basic is meant (Discovery 1.0, 3).
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Configuration(
            str(authorization),
            str(token),
            str(jwks),
            basic="client_secret_basic" in methods,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _is_usable(self, url: Any) -> bool:
        """Whether it is a URL that is no less protected than the issuer's."""
        schemes = ("https://",) if self._issuer.startswith("https:") else ("https://", "http://")
        return isinstance(url, str) and len(url) <= _MAX_URL_CHARS and url.startswith(schemes)
