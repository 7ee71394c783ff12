"""Who makes a request: the applicant by a token, the institution by an API key or as a person."""

from __future__ import annotations

import hmac
from contextlib import suppress

import structlog
from aiohttp import web

from kyc_rtc.access.interface import KeyInterface
from kyc_rtc.errors import Forbidden, NotFound, Unauthorised
from kyc_rtc.keys import ApiKey, api_key_hash, stored_key_id
from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.settings import Settings
from signaling.bearers import bearer_of
from signaling.people import People
from signaling.principals import ANYONE, DEVELOPER, Access, Kind, Principal
from signaling.tokens import Tokens

log = structlog.get_logger(__name__)


class Authenticator:
    """Finds the principal of a request, and refuses one that the route does not admit."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        sessions: SessionInterface,
        keys: KeyInterface,
        people: People,
    ) -> None:
        self._tokens = tokens
        self._people = people
        self._sessions = sessions
        self._stored = keys
        self._keys = settings.institution_keys
        self._open = settings.development and not self._keys and not settings.oidc.enabled

    async def admit(self, request: web.Request, access: Access, scope: Scope) -> Principal:
        """The principal of a request to a route of this access. Reads no body.

        Raises:
            Unauthorised: there is no credential of the right kind, or it is not valid.
            Forbidden: key or person lack the scope, a call with a login's cookie may come from another site,
            or the token is for another session than the path's.
            StorageUnavailable: the key may be one of the store's, and the database is away.
            ProviderUnavailable: it may be a token of the OIDC provider, which cannot be checked now.
        """
        match access:
            case Access.ANYONE:
                return ANYONE
            case Access.INSTITUTION:
                return await self._institution(request, scope)
            case Access.PERSON:
                return await self._people.required(request)
            case Access.APPLICANT | Access.LINK:
                return self._by_token(request, Kind(access.value))
            case Access.EITHER | Access.KNOWN:
                return await self._either(request, scope)

    async def _either(self, request: web.Request, scope: Scope) -> Principal:
        """The institution, or an applicant. Where everybody is the developer, whoever has a token is not."""
        if self._open:
            with suppress(Unauthorised):
                return self._by_token(request, Kind.APPLICANT)
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

    async def check_again(
        self, request: web.Request, principal: Principal, access: Access, scope: Scope
    ) -> None:
        """Make sure that the credential of an answer that lasts still counts. A login is looked up only:
        that does not count as use, and a new value of its cookie could not be sent any more. Raises as
        `admit`."""
        if principal.login_id:
            await self._people.check_login(principal.login_id)
        else:
            await self.admit(request, access, scope)

    async def check_tenant(self, principal: Principal, session_id: str) -> None:
        """Make sure that an institution's call names a session of its own tenant. Raises `NotFound`."""
        if (
            principal.is_institution
            and await self._sessions.tenant_of(session_id) != principal.tenant_id
        ):
            raise NotFound("no such session")

    async def _institution(self, request: web.Request, scope: Scope) -> Principal:
        """By an API key, or as one of its people."""
        principal = await self._of_institution(request)
        if scope not in principal.scopes:
            is_person = principal.kind is Kind.PERSON
            if is_person:
                log.info("person_refused", person_id=principal.key_id, scope=scope.value)
            raise Forbidden(
                f"{'your roles lack' if is_person else 'the API key lacks'} the scope {scope.value}",
                hint="use a key that has it; see scopes in docs/api.md",
            )
        return principal

    async def _of_institution(self, request: web.Request) -> Principal:
        """By `X-API-Key`; by a bearer, which is a key or a token of the provider; or by a login's cookie."""
        as_key, bearer = request.headers.get("X-API-Key", ""), bearer_of(request)
        given = as_key or bearer
        key = await self._known(given)
        if key is not None:
            return _of_key(key)
        person = None if given else await self._people.by_cookie(request)
        if person is not None:
            return person
        if self._open and stored_key_id(given) is None:
            return DEVELOPER
        if not given:
            raise Unauthorised(
                "an API key or a login is needed", hint="send X-API-Key, or log in at /login"
            )
        if as_key or bearer.startswith("kyc_"):
            raise Unauthorised("the API key is not valid", hint="see python -m kyc_rtc keys")
        return await self._people.by_bearer(bearer)

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


def _of_key(key: ApiKey) -> Principal:
    return Principal(
        Kind.INSTITUTION,
        key_id=key.id,
        name=key.name,
        scopes=key.scopes,
        tenant_id=key.tenant_id,
        is_test=key.is_test,
    )
