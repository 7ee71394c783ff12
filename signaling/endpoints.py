"""What an endpoint is: enough to route it, to check its body, and to describe it in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from kyc_rtc.errors import BadRequest, UnsupportedContentType
from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.settings import Settings
from signaling.auth import Authenticator
from signaling.bodies import Bodies
from signaling.headers import QUOTA
from signaling.origins import Origins
from signaling.principals import OF_THE_INSTITUTION, Access, Principal
from signaling.rates import Rates

Handler = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]
MAX_USER_AGENT_CHARS = 512
SMALL_BODY_BYTES = 256 * 1024
"""Enough for an offer of the largest SDP, in JSON."""

MAX_KEY_CHARS, MAX_KEYS_NAMED = 64, 10
_PATTERN = re.compile(r"\{(\w+):[^}]*\}")
_SEE_SCHEMA = "see /api/v1 for the schema"

BODIES = web.AppKey("bodies", Bodies)
Confirm = Callable[[], Awaitable[None]]
CheckTenant = Callable[[str], Awaitable[None]]
_CHECK_TENANT: web.RequestKey[CheckTenant] = web.RequestKey("check_tenant")
_ADMIT_AGAIN: web.RequestKey[Confirm] = web.RequestKey("admit_again")
_CONFIRM_AGAIN: web.RequestKey[Confirm] = web.RequestKey("confirm_again")

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the API. `problems` are the error statuses that it may answer with; `other_status` is
    one that has the same body as success.

    `scope` is what an API key has to be good for. What `creates` something is limited in rate; an
    `idempotent` one takes an Idempotency-Key; a `large_body` may have `max_body_bytes`, others
    `SMALL_BODY_BYTES`. `after_end`: an applicant may call it when the attempt is over.

    `body` and `answer` are JSON; where they are not, `consumes` and `produces` are the content types.
    `headers`: those of success that a client has to read.

    Raises `ValueError` where an applicant's access could not be checked: an applicant's path names the
    session, and so does the body of what either may call.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access
    answer: type[BaseModel] | None = None
    status: int = 200
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    optional_query: type[BaseModel] | None = None
    problems: tuple[int, ...] = ()
    scope: Scope = Scope.VERIFICATIONS
    other_status: int | None = None
    creates: bool = False
    idempotent: bool = False
    large_body: bool = False
    after_end: bool = False
    consumes: str = ""
    produces: str = ""
    headers: tuple[str, ...] = ()

    @property
    def canonical(self) -> str:
        """The path as aiohttp names its resource: `{rest:.*}` is `{rest}`."""
        return _PATTERN.sub(r"{\1}", self.path)

    @property
    def all_problems(self) -> tuple[int, ...]:
        """`problems`, and those that come with a body, with a limited rate, and with keys and people, which
        database and OIDC provider know."""
        has_body = self.body is not None or self.consumes
        with_body = (400, 408, 413, 415, 503) if has_body else ()
        with_rate = (429,) if self.creates else ()
        with_people = (401, 403, 503) if self.access in OF_THE_INSTITUTION else ()
        return tuple(sorted({*self.problems, *with_body, *with_rate, *with_people}))

    def __post_init__(self) -> None:
        in_path = "{session_id}" in self.path
        in_body = self.body is not None and "session_id" in self.body.model_fields
        if self.access in (Access.APPLICANT, Access.LINK) and not in_path:
            raise ValueError(f"{self.path}: an applicant's path names the session")
        if self.access is Access.EITHER and not (in_path or in_body):
            raise ValueError(f"{self.path}: neither path nor body names the session")


class Admission:
    """What a request passes before its handler: its access, its rate, and room for its body."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator,
        rates: Rates,
        bodies: Bodies,
        origins: Origins,
    ) -> None:
        self._max_body_bytes = settings.limits.max_body_bytes
        self._authenticator = authenticator
        self._rates = rates
        self._bodies = bodies
        self._origins = origins

    def guarded(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler, called with the principal; others are refused before anything of a body is read."""
        small = min(SMALL_BODY_BYTES, self._max_body_bytes)
        max_bytes = self._max_body_bytes if endpoint.large_body else small

        async def admitted(request: web.Request) -> web.StreamResponse:
            principal = await self._authenticator.admit(request, endpoint.access, endpoint.scope)
            if endpoint.access is not Access.ANYONE:
                self._origins.check(request, principal.tenant_id, has_token=principal.has_token)
            if endpoint.creates:
                self._check_rate(request, principal)
            confirm: Confirm = partial(
                self._authenticator.confirm, principal, after_end=endpoint.after_end
            )
            await confirm()
            if endpoint.creates:
                self._rates.check_session(principal)
                request[QUOTA] = self._rates.quota(principal, request.remote or "")
            await self._check_tenant(request, endpoint, principal)
            again: Confirm = partial(
                self._authenticator.check_again, request, principal, endpoint.access, endpoint.scope
            )
            request[_ADMIT_AGAIN] = again
            if not request.content.is_eof():  # the link may be replaced before the body is complete
                request[_CONFIRM_AGAIN] = confirm
            with self._bodies.place(
                request, max_bytes, large=endpoint.large_body, session_id=principal.session_id
            ):
                return await endpoint.handler(request, principal)

        return admitted

    def _check_rate(self, request: web.Request, principal: Principal) -> None:
        """Count the call, and note for its answer what is left."""
        address = request.remote or ""
        try:
            self._rates.check_source(principal, address)
        finally:
            request[QUOTA] = self._rates.quota(principal, address)

    async def _check_tenant(
        self, request: web.Request, endpoint: Endpoint, principal: Principal
    ) -> None:
        """Refuse a session of another tenant that path or query names; `read_body` refuses one in a body."""
        check: CheckTenant = partial(self._authenticator.check_tenant, principal)
        request[_CHECK_TENANT] = check
        named = request.match_info.get("session_id")
        if "session_id" in endpoint.query:
            given = request.query.getall("session_id", [])
            named = given[0] if len(given) == 1 else None  # of two, the handler refuses both
        if named:
            await check(named)


def routes_of(endpoints: Iterable[Endpoint], admission: Admission) -> list[web.RouteDef]:
    """The endpoints as aiohttp routes, each behind the access that it declares."""
    return [web.route(e.method, e.path, admission.guarded(e)) for e in endpoints]


def check_routed(
    app: web.Application, endpoints: Iterable[Endpoint], static: frozenset[str]
) -> None:
    """Raises `RuntimeError` where a route is neither an endpoint nor one of the `static` folders."""
    declared = {(endpoint.method, endpoint.canonical) for endpoint in endpoints}
    for route in app.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        # aiohttp adds HEAD to GET, with the same handler.
        method = "GET" if route.method == "HEAD" else route.method
        if (method, path) not in declared and path not in static:
            raise RuntimeError(f"{method} {path} is routed without a declared access")


async def read_body(
    request: web.Request, principal: Principal, model: type[Body], *, lenient: bool = False
) -> Body:
    """The JSON body of a request, checked; an applicant's may name no other session than its own.

    `lenient`: unknown keys stay in the body's `model_extra`.

    Raises:
        Forbidden: it names another session. NotFound: it names one of another tenant.
        UnsupportedContentType: it is announced as something else.
        BadRequest: it is not JSON, or does not fit the model; the message names each wrong field, and
            each unknown one.
        Besides, what `Bodies.read` raises.
    """
    if request.content_type != "application/json":
        raise UnsupportedContentType("the body must be application/json")
    try:
        body = model.model_validate_json(await read_bytes(request))
    except ValidationError as error:
        raise BadRequest(described(error), hint=_SEE_SCHEMA) from None
    if body.model_extra and not lenient:
        raise BadRequest("; ".join(unknown_keys(body.model_extra)), hint=_SEE_SCHEMA)
    if "session_id" in model.model_fields:
        named: str = getattr(body, "session_id")  # noqa: B009  # not every model has it
        principal.require_session(named)
        await request[_CHECK_TENANT](named)
    return body


async def read_bytes(request: web.Request) -> bytearray:
    """The body of a request as it came. Raises as `Bodies.read`, and as `Authenticator.confirm` where the
    credential was revoked while the body arrived."""
    body = await request.app[BODIES].read(request)
    if (confirm := request.get(_CONFIRM_AGAIN)) is not None:
        await confirm()
    return body


async def may_go_on(request: web.Request) -> None:
    """For an answer that lasts: raises as its admission did, where the credential counts no more."""
    await request[_ADMIT_AGAIN]()


def client_of(
    request: web.Request, *, whip: bool = False, instance: str = "", take_over: bool = False
) -> ClientView:
    """What a request says of its client; the user agent as printable text of a bounded length."""
    said = request.headers.get(hdrs.USER_AGENT, "")[:MAX_USER_AGENT_CHARS]
    agent = "".join(letter if letter.isprintable() else "?" for letter in said)
    return ClientView(agent, request.remote or "", whip, instance, take_over)


def unknown_keys(names: Iterable[str]) -> list[str]:
    """A sentence for each of the first unknown keys, which are cut: they may be huge."""
    return [f"unknown key: {name[:MAX_KEY_CHARS]}" for name in sorted(names)[:MAX_KEYS_NAMED]]


def warnings_of(body: BaseModel) -> list[str]:
    """What is said of the unknown keys that were accepted."""
    return unknown_keys(body.model_extra or ())


def described(error: ValidationError) -> str:
    """The wrong fields and why, without their values: those may be personal or huge."""
    details = error.errors(include_input=False, include_url=False, include_context=False)
    parts = (
        f"{'.'.join(str(part)[:MAX_KEY_CHARS] for part in item['loc']) or 'body'}: {item['msg']}"
        for item in details[:5]
    )
    return "; ".join(parts)


def answer(model: BaseModel, status: int = 200) -> web.Response:
    """A model as a JSON answer, never cached."""
    return web.Response(
        status=status,
        text=model.model_dump_json(),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
