"""What an endpoint is: enough to route it, to check its body, and to describe it in OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from kyc_rtc.errors import BadRequest, UnsupportedContentType
from kyc_rtc.sessions.interface import ClientView

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MAX_USER_AGENT_CHARS = 512

Body = TypeVar("Body", bound=BaseModel)


class Access(StrEnum):
    """Whose credential an endpoint wants."""

    ANYONE = "anyone"
    APPLICANT = "applicant"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the API. `problems` are the error statuses that it may answer with."""

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access
    answer: type[BaseModel]
    status: int = 200
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    optional_query: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()


def routes_of(endpoints: tuple[Endpoint, ...]) -> list[web.RouteDef]:
    """The endpoints as aiohttp routes."""
    return [web.route(e.method, e.path, e.handler) for e in endpoints]


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """The JSON body of a request, checked.

    Raises:
        UnsupportedContentType: it is announced as something else.
        BadRequest: it is no JSON, or does not fit the model; the message names each wrong field.
        web.HTTPRequestEntityTooLarge: it is larger than the server accepts.
    """
    if request.content_type != "application/json":
        raise UnsupportedContentType("the body must be application/json")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise BadRequest(_describe(error), hint="see /api/v1 for the schema") from None


def client_of(request: web.Request, *, whip: bool = False) -> ClientView:
    """What a request says of its client; the user agent as printable text of a bounded length."""
    said = request.headers.get(hdrs.USER_AGENT, "")[:MAX_USER_AGENT_CHARS]
    agent = "".join(letter if letter.isprintable() else "?" for letter in said)
    return ClientView(user_agent=agent, address=request.remote or "", whip=whip)


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
