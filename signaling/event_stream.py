"""A session's messages as server-sent events (HTML standard, 9.2), for clients without a data channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
_RETRY = b"retry: 3000\n\n"
"""For so many milliseconds a client whose stream ended waits: clients may displace each other."""

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
    request: web.Request,
    messages: AsyncIterator[Mapping[str, Any]],
    clock: Clock,
    may_read: Callable[[], Awaitable[bool]],
) -> web.StreamResponse:
    """Answer with the messages until they end. Every `KEEP_ALIVE_MS` a comment is sent, unless `may_read`
    says that the client's token counts no more: then the answer ends."""
    headers = {hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    response.content_type = EVENT_STREAM
    put_security_headers(response, secure=request.secure)  # the middleware comes too late for it
    try:
        await response.prepare(request)
        await response.write(_RETRY)
    except ConnectionError:
        return response  # the client went before the first event

    async def beat_once() -> bool:
        await clock.sleep_ms(KEEP_ALIVE_MS)
        return await may_read()

    upcoming: asyncio.Future[Mapping[str, Any] | None] = _next(messages)
    beat = asyncio.ensure_future(beat_once())
    try:
        while True:
            await asyncio.wait((upcoming, beat), return_when=asyncio.FIRST_COMPLETED)
            if beat.done():
                if not beat.result():
                    return response
                await response.write(_KEEP_ALIVE)
                beat = asyncio.ensure_future(beat_once())
            if upcoming.done():
                if (message := upcoming.result()) is None:
                    return response
                await response.write(as_event(message))
                upcoming = _next(messages)
    except ConnectionError:
        return response  # the client has gone
    finally:
        beat.cancel()
        upcoming.cancel()
        await asyncio.gather(beat, upcoming, return_exceptions=True)


def _next(
    messages: AsyncIterator[Mapping[str, Any]],
) -> asyncio.Future[Mapping[str, Any] | None]:
    async def read() -> Mapping[str, Any] | None:
        return await anext(messages, None)

    return asyncio.ensure_future(read())
