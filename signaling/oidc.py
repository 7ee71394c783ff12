"""People who come by way of an OIDC provider: by an access token (RFC 9068), or by an ID token at login."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from kyc_rtc.access.people import Person, person_of, require_role
from kyc_rtc.clock import Clock
from kyc_rtc.settings import OidcSettings
from signaling.fetching import Fetch
from signaling.login_cookies import same
from signaling.provider import Provider
from signaling.signatures import read_token, refused

ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt", "jwt"})
"""`typ` of a bearer, in lower case. Many providers write JWT; their ID tokens have another audience."""
ID_TOKEN_TYPES: Final = frozenset({"jwt"})


class Oidc:
    """Checks the tokens of one provider."""

    def __init__(self, settings: OidcSettings, fetch: Fetch, clock: Clock) -> None:
        self.settings = settings
        self.provider = Provider(settings.issuer, fetch, clock)
        self._clock = clock

    async def bearer(self, text: str) -> Person:
        """Whose access token it is.

        Raises:
            Unauthorised: it is not one, or not for this server, or not valid now.
            Forbidden: its owner has no role, or no tenant.
            ProviderUnavailable: it cannot be checked now.
        """
        audience = self.settings.audience
        if not audience:
            raise refused()
        claims = await self._verified(text, ACCESS_TOKEN_TYPES, audience)
        person = person_of(claims, self.settings)
        require_role(person)
        return person

    async def logged_in(self, id_token: str, nonce: str) -> Person:
        """Whom an ID token describes, which came straight from the provider. Raises as `bearer`."""
        claims = await self._verified(id_token, ID_TOKEN_TYPES, self.settings.client_id)
        said = claims.get("nonce")
        if not isinstance(said, str) or not same(said, nonce):
            raise refused()
        # OpenID Connect Core, 3.1.3.7, points 4 and 5.
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise refused()
        person = person_of(claims, self.settings)
        require_role(person)
        return person

    async def _verified(self, text: str, kinds: frozenset[str], audience: str) -> dict[str, Any]:
        """The claims of a token. What can be refused without its key is, before the provider is asked."""
        token = read_token(text)
        now_s = self._clock.now_ms() / 1_000
        if token.kind not in kinds or token.unverified.get("iss") != self.settings.issuer:
            raise refused()
        if not is_for(token.unverified, audience):
            raise refused()
        if not is_valid_at(token.unverified, now_s, self.settings.skew_s):
            raise refused()
        return await self.provider.claims(token)


def is_for(claims: Mapping[str, Any], audience: str) -> bool:
    """Whether `aud` names this audience (RFC 7519, 4.1.3)."""
    given = claims.get("aud")
    return audience in given if isinstance(given, list) else given == audience


def is_valid_at(claims: Mapping[str, Any], now_s: float, skew_s: int) -> bool:
    """Whether a token counts now: it ends, has not ended, and has begun."""
    begins_s = (_time(claims, "nbf", -math.inf), _time(claims, "iat", -math.inf))
    return now_s < _time(claims, "exp", math.nan) + skew_s and all(
        begin_s - skew_s <= now_s for begin_s in begins_s
    )


def _time(claims: Mapping[str, Any], name: str, absent: float) -> float:
    """A time in seconds (RFC 7519, 2: NumericDate). NaN, which compares with nothing, for what is none."""
    value = claims.get(name, absent)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
