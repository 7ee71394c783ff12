"""Who makes a request: the applicant by a token, the institution by an API key or as a person."""

from __future__ import annotations

import hmac

from aiohttp import web

from kyc_rtc.access.interface import KeyInterface
from kyc_rtc.errors import Forbidden, NotFound, Unauthorised
from kyc_rtc.keys import ApiKey, api_key_hash, stored_key_id
from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.settings import Settings
from signaling.principals import ANYONE, DEVELOPER, Access, Kind, Principal
from signaling.tokens import Tokens


class Authenticator:
    """Finds the principal of a request, and refuses one that the route does not admit."""

    def __init__(
        self, settings: Settings, tokens: Tokens, sessions: SessionInterface, keys: KeyInterface
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._stored = keys
        self._keys = settings.institution_keys
        self._open = settings.development and not self._keys

    async def admit(self, request: web.Request, access: Access, scope: Scope) -> Principal:
        """The principal of a request to a route of this access. Reads no body.

        Raises:
            Unauthorised: there is no credential of the right kind, or it is not valid.
            Forbidden: the key lacks the scope, or the token is for another session than the path's.
            StorageUnavailable: the key may be one of the store's, and the database is away.
        """
        match access:
            case Access.ANYONE:
                return ANYONE
            case Access.INSTITUTION:
                return await self._institution(request, scope)
            case Access.APPLICANT:
                return self._by_token(request, Kind.APPLICANT)
            case Access.LINK:
                return self._by_token(request, Kind.LINK)
            case Access.EITHER | Access.KNOWN:
                try:
                    return await self._institution(request, scope)
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

    async def check_tenant(self, principal: Principal, session_id: str) -> None:
        """Make sure that an institution's call names a session of its own tenant. Raises `NotFound`."""
        if (
            principal.is_institution
            and await self._sessions.tenant_of(session_id) != principal.tenant_id
        ):
            raise NotFound("no such session")

    async def _institution(self, request: web.Request, scope: Scope) -> Principal:
        """By `X-API-Key`, or by the key as a bearer."""
        given = request.headers.get("X-API-Key") or bearer_of(request)
        key = await self._known(given)
        if key is None and self._open and stored_key_id(given) is None:
            return DEVELOPER
        if not given:
            raise Unauthorised("an API key is needed", hint="send it as X-API-Key")
        if key is None:
            raise Unauthorised("the API key is not valid", hint="see python -m kyc_rtc keys")
        if scope not in key.scopes:
            raise Forbidden(
                f"the API key lacks the scope {scope.value}",
                hint="use a key that has it; see scopes in docs/api.md",
            )
        return Principal(
            Kind.INSTITUTION,
            key_id=key.id,
            name=key.name,
            scopes=key.scopes,
            tenant_id=key.tenant_id,
            is_test=key.is_test,
        )

    async def _known(self, given: str) -> ApiKey | None:
        """The key of the settings, found in a time that does not depend on which one it is; else of the
        store."""
        if not given.isascii():
            return None
        digest, found = api_key_hash(given), None
        for key in self._keys:
            if hmac.compare_digest(digest, key.sha256):
                found = key
        return found or await self._stored.find(given)

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
