"""A session's messages as server-sent events (HTML standard, 9.2), for clients without a data channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import hdrs, web

from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadRequest
from signaling.headers import put_security_headers

EVENT_STREAM = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
KEEP_ALIVE_MS = 10_000.0
"""Proxies cut connections on which nothing comes: nginx after 60 s."""

_KEEP_ALIVE = b": keep-alive\n\n"
_MAX_ID = 2**31


def last_event_of(request: web.Request) -> int:
    """The journal's entry up to which a client has read; 0 where it has read nothing.

    Raises:
        BadRequest: the header is not an id that this stream gives.
    """
    text = request.headers.get(LAST_EVENT_ID, "") or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < _MAX_ID):
        raise BadRequest(
            f"{LAST_EVENT_ID} is not the id of an event", hint="send the latest id, or none"
        )
    return int(text)


def as_event(message: Mapping[str, Any]) -> bytes:
    """One message; those that are entries of the journal have their number as the id."""
    body = {name: value for name, value in message.items() if name != "seq"}  # of the channel's
    number = f"id: {message['event']}\n" if "event" in message else ""
    data = json.dumps(body, separators=(",", ":"), allow_nan=False)
    return f"{number}event: {message['type']}\ndata: {data}\n\n".encode()


async def write_events(
    request: web.Request, messages: AsyncIterator[Mapping[str, Any]], clock: Clock
) -> web.StreamResponse:
    """Answer with the messages until they end; a comment where none came for a while."""
    headers = {hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    response.content_type = EVENT_STREAM
    put_security_headers(response, secure=request.secure)  # the middleware comes too late for it
    try:
        await response.prepare(request)
        await response.write(_KEEP_ALIVE)
    except ConnectionError:
        return response  # the client went before the first event
    upcoming: asyncio.Future[Mapping[str, Any] | None] = _next(messages)
    idle: asyncio.Future[None] = asyncio.ensure_future(clock.sleep_ms(KEEP_ALIVE_MS))
    try:
        while True:
            await asyncio.wait((upcoming, idle), return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            if not upcoming.done():
                await response.write(_KEEP_ALIVE)
            elif (message := upcoming.result()) is None:
                return response
            else:
                await response.write(as_event(message))
                upcoming = _next(messages)
            idle = asyncio.ensure_future(clock.sleep_ms(KEEP_ALIVE_MS))
    except ConnectionError:
        return response  # the client has gone
    finally:
        idle.cancel()
        upcoming.cancel()
        await asyncio.gather(idle, upcoming, return_exceptions=True)


def _next(
    messages: AsyncIterator[Mapping[str, Any]],
) -> asyncio.Future[Mapping[str, Any] | None]:
    async def read() -> Mapping[str, Any] | None:
        return await anext(messages, None)

    return asyncio.ensure_future(read())
