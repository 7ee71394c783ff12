"""The REST API of API keys: make them, look at them, end them."""

from __future__ import annotations

from aiohttp import web

from kyc_rtc.access.interface import CreatedKey, KeyInterface, KeyOrder, KeyView, is_over
from kyc_rtc.clock import Clock
from kyc_rtc.errors import Forbidden
from kyc_rtc.scopes import Scope, with_implied
from signaling import schemas
from signaling.answers import iso, iso_or_none
from signaling.api import V1
from signaling.endpoints import Endpoint, answer, read_body
from signaling.principals import Access, Principal


class KeyApi:
    """Handlers of the endpoints of keys. Everybody sees those of their own tenant only."""

    def __init__(self, keys: KeyInterface, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        one = f"{V1}/keys/{{key_id}}"
        return (
            Endpoint(
                "GET", f"{V1}/keys", self.listed, "API keys of the tenant",
                Access.INSTITUTION, schemas.KeyList, problems=(401, 403, 503), scope=Scope.KEYS,
            ),
            Endpoint(
                "POST", f"{V1}/keys", self.create, "Make an API key",
                Access.INSTITUTION, schemas.CreatedKeyBody, 201, schemas.CreateKey,
                problems=(400, 401, 403, 409, 503), scope=Scope.KEYS, creates=True,
            ),
            Endpoint(
                "POST", f"{one}/rotate", self.rotate, "Make the key that takes its place",
                Access.INSTITUTION, schemas.CreatedKeyBody, 201, schemas.RotateKey,
                problems=(400, 401, 403, 404, 409, 503), scope=Scope.KEYS, creates=True,
            ),
            Endpoint(
                "POST", f"{one}/revoke", self.revoke, "End an API key at once",
                Access.INSTITUTION, schemas.KeyBody, problems=(401, 403, 404, 503), scope=Scope.KEYS,
            ),
        )  # fmt: skip

    async def listed(self, _request: web.Request, principal: Principal) -> web.Response:
        keys = await self._keys.listed(principal.tenant_id)
        return answer(schemas.KeyList(keys=[self._body(key) for key in keys]))

    async def create(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.CreateKey)
        scopes = frozenset(body.scopes)
        if not with_implied(scopes) <= principal.scopes:
            raise Forbidden(
                "scopes: nobody can give what they do not have",
                hint="leave out the scopes that your own key lacks",
            )
        order = KeyOrder(
            principal.tenant_id, body.name, scopes, principal.name, body.expires_in, body.test
        )
        return self._created(await self._keys.create(order))

    async def rotate(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.RotateKey)
        key_id = request.match_info["key_id"]
        made = await self._keys.rotate(
            principal.tenant_id, key_id, body.overlap, principal.name, principal.scopes
        )
        return self._created(made)

    async def revoke(self, request: web.Request, principal: Principal) -> web.Response:
        key = await self._keys.revoke(principal.tenant_id, request.match_info["key_id"])
        return answer(self._body(key))

    def _created(self, made: CreatedKey) -> web.Response:
        body = schemas.CreatedKeyBody(key=self._body(made.key), secret=made.secret)
        return answer(body, status=201)

    def _body(self, key: KeyView) -> schemas.KeyBody:
        return schemas.KeyBody(
            key_id=key.key_id,
            name=key.name,
            scopes=list(key.scopes),
            test=key.is_test,
            valid=not is_over(key, self._clock.now_ms()),
            created_at=iso(key.created_at_ms),
            created_by=key.created_by,
            expires_at=iso_or_none(key.expires_at_ms),
            revoked_at=iso_or_none(key.revoked_at_ms),
            last_used_at=iso_or_none(key.last_used_at_ms),
            replaces=key.replaces,
        )
