"""What an endpoint is: enough to route it, to check its body, and to describe it in OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from kyc_rtc.errors import BadRequest, UnsupportedContentType
from kyc_rtc.keys import Scope
from kyc_rtc.sessions.interface import ClientView
from signaling.auth import Access, Authenticator, Principal

Handler = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]
MAX_USER_AGENT_CHARS = 512

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the API. `problems` are the error statuses that it may answer with.

    `scope` is what an API key has to be good for. `after_end`: an applicant may call it when the attempt
    is over. An endpoint without `answer` is no part of the
    described API: WHIP, pages, metrics.

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
    optional_query: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()
    scope: Scope = Scope.VERIFICATIONS
    after_end: bool = False

    def __post_init__(self) -> None:
        in_path = "{session_id}" in self.path
        in_body = self.body is not None and "session_id" in self.body.model_fields
        if self.access in (Access.APPLICANT, Access.LINK) and not in_path:
            raise ValueError(f"{self.path}: an applicant's path names the session")
        if self.access is Access.EITHER and not (in_path or in_body):
            raise ValueError(f"{self.path}: neither path nor body names the session")


def routes_of(endpoints: Iterable[Endpoint], authenticator: Authenticator) -> list[web.RouteDef]:
    """The endpoints as aiohttp routes, each behind the access that it declares."""
    return [web.route(e.method, e.path, _guarded(e, authenticator)) for e in endpoints]


def _guarded(
    endpoint: Endpoint, authenticator: Authenticator
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler, called with the principal; before anything of a body is read, others are refused."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        principal = authenticator.admit(request, endpoint.access, endpoint.scope)
        await authenticator.confirm(principal, after_end=endpoint.after_end)
        return await endpoint.handler(request, principal)

    return guarded


def check_routed(
    app: web.Application, endpoints: Iterable[Endpoint], static: frozenset[str]
) -> None:
    """Raises `RuntimeError` where a route is neither an endpoint nor one of the `static` folders."""
    declared = {(endpoint.method, endpoint.path) for endpoint in endpoints}
    for route in app.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        method = (
            "GET" if route.method == "HEAD" else route.method
        )  # aiohttp adds it, with its handler
        if (method, path) not in declared and path not in static:
            raise RuntimeError(f"{method} {path} is routed without a declared access")


async def read_body(request: web.Request, principal: Principal, model: type[Body]) -> Body:
    """The JSON body of a request, checked; an applicant's may name no other session than its own.

    Raises:
        Forbidden: it names another session.
        UnsupportedContentType: it is announced as something else.
        BadRequest: it is no JSON, or does not fit the model; the message names each wrong field.
        web.HTTPRequestEntityTooLarge: it is larger than the server accepts.
    """
    if request.content_type != "application/json":
        raise UnsupportedContentType("the body must be application/json")
    try:
        body = model.model_validate_json(await request.read())
    except ValidationError as error:
        raise BadRequest(_describe(error), hint="see /api/v1 for the schema") from None
    if "session_id" in model.model_fields:
        principal.require_session(getattr(body, "session_id"))  # noqa: B009  # not every model has it
    return body


def client_of(
    request: web.Request, *, whip: bool = False, instance: str = "", take_over: bool = False
) -> ClientView:
    """What a request says of its client; the user agent as printable text of a bounded length."""
    said = request.headers.get(hdrs.USER_AGENT, "")[:MAX_USER_AGENT_CHARS]
    agent = "".join(letter if letter.isprintable() else "?" for letter in said)
    return ClientView(agent, request.remote or "", whip, instance, take_over)


def _describe(error: ValidationError) -> str:
    """The wrong fields and why, without their values: those may be personal or huge."""
    details = error.errors(include_input=False, include_url=False, include_context=False)
    parts = (
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}"
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
