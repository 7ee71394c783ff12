"""`Idempotency-Key` on calls that create: a repeated call gives the same thing and the same answer.

After the IETF draft on the Idempotency-Key header field; the key is taken as given, without quotes.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from pydantic import BaseModel

from kyc_rtc.errors import BadRequest
from kyc_rtc.sessions.creations import CreationInterface, StoredAnswer
from signaling.principals import Principal

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}", re.ASCII)

Create = Callable[[str | None], Awaitable[BaseModel]]
"""Creates a thing with the given id, or finds it under that id; None: with an id of its own."""


class Creations:
    """Answers creating calls with 201, once for each principal and key.

    An applicant's keys leave no rows, which a stranger with a link could make by the thousand: the id of
    what is created follows from the key, so that a repeat finds it. Its answer is made anew.
    """

    def __init__(self, creations: CreationInterface) -> None:
        self._creations = creations

    async def answer(
        self, request: web.Request, principal: Principal, body: BaseModel | None, create: Create
    ) -> web.Response:
        """The answer of `create`, or that of the first call with the same key.

        Raises:
            BadRequest: the key cannot be one. IdempotencyMismatch: it came with another body before.
        """
        key = _key_of(request)
        if key is None or principal.has_token:
            new_id = None if key is None else _id_of(principal, key)
            return _response(StoredAnswer(201, (await create(new_id)).model_dump_json()))
        creation = await self._creations.begin(
            principal.tenant_id, _identity(principal), key, _described(request, body)
        )
        kept = creation.answer
        if kept is None:
            made = StoredAnswer(201, (await create(creation.new_id)).model_dump_json())
            kept = await self._creations.keep(creation, made)
        return _response(kept)


def _key_of(request: web.Request) -> str | None:
    given = request.headers.getall(HEADER, [])
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise BadRequest(
            f"{HEADER}: one key of 1 to {MAX_KEY_LENGTH} printable ASCII characters, without spaces"
        )
    return given[0]


def _identity(principal: Principal) -> str:
    """Whose key it is: two principals may choose the same one."""
    return f"{principal.kind.value} {principal.key_id}"


def _id_of(applicant: Principal, key: str) -> str:
    """The id that a key stands for (UUID version 5, RFC 9562)."""
    return str(uuid.uuid5(uuid.UUID(applicant.session_id), key))


def _described(request: web.Request, body: BaseModel | None) -> str:
    """All that has to be the same when the call is repeated; the order of the body's keys is not."""
    fields = None if body is None else body.model_dump(mode="json")
    return f"{request.method} {request.path}\n{json.dumps(fields, sort_keys=True)}"


def _response(stored: StoredAnswer) -> web.Response:
    return web.Response(
        status=stored.status,
        text=stored.body,
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
