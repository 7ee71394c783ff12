"""Bodies of requests: how large, how slow, and how many bytes of them at one time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import StreamReader, hdrs, web

from kyc_rtc.clock import Clock
from kyc_rtc.errors import AtCapacity, BadRequest, PayloadTooLarge, TooManyUploads, TooSlow
from kyc_rtc.settings import LARGEST_SHARE, HttpSettings
from signaling.expectations import ask_for_body

BUSY_RETRY_S = 2
"""Retry-After of a refused body: most bodies are read in less."""

LOOK_EVERY_MS = 250.0
"""How often a body's rate is looked at."""

_MAX_BODY = web.RequestKey("max_body", int)


class Bodies:
    """Reads bodies, within a time and a size each and a size for all of them together.

    Three quarters of that size are for large bodies, so that there is always room for small ones. The
    applicant of one session has `LARGEST_SHARE` at most; all applicants together have seven eighths, and
    the rest is the institution's.
    """

    def __init__(self, settings: HttpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._in_flight = 0
        self._of_session: Counter[str] = Counter()

    @property
    def in_flight(self) -> int:
        """Bytes that are taken by requests under way."""
        return self._in_flight

    @contextmanager
    def place(
        self, request: web.Request, max_bytes: int, *, large: bool, session_id: str = ""
    ) -> Iterator[None]:
        """Room for the body of a request, until its handler is done. `session_id`: of an applicant.

        Raises:
            PayloadTooLarge: the body is announced as larger than `max_bytes`.
            AtCapacity: there is no room now.
        """
        size = self._size(request, max_bytes)
        room = self._settings.body_bytes_in_flight
        limit = room * 3 // 4 if large else room * 7 // 8 if session_id else room
        own = self._of_session[session_id] + size if session_id else 0
        share, of = LARGEST_SHARE
        if size and (self._in_flight + size > limit or own > room * share // of):
            raise AtCapacity("too many requests have a body", retry_after_s=BUSY_RETRY_S)
        request[_MAX_BODY] = max_bytes
        held = Counter({session_id: size} if session_id and size else {})
        self._in_flight += size
        self._of_session += held
        try:
            yield
        finally:
            self._in_flight -= size
            self._of_session -= held  # which leaves no zeros behind

    def _size(self, request: web.Request, max_bytes: int) -> int:
        """What the body may take: as announced, or where that says nothing, the most."""
        if not request.body_exists:
            return 0
        announced = request.content_length
        if announced is not None and announced > max_bytes:
            raise _too_large(max_bytes)
        if announced is None or hdrs.CONTENT_ENCODING in request.headers:
            return max_bytes
        return announced

    async def read(self, request: web.Request) -> bytearray:
        """The whole body, which a client that waits to be asked for it is asked for.

        Raises:
            TooSlow: it did not come in time, or not at the least rate.
            PayloadTooLarge: it is larger than its endpoint accepts.
            BadRequest: it is malformed, or the connection ended first.
        """
        await ask_for_body(request)
        body = bytearray()
        try:
            await self._fill(body, request)
        except BaseException:
            body.clear()  # at once: a traceback may hold it until garbage is collected
            raise
        return body

    async def _fill(self, body: bytearray, request: web.Request) -> None:
        collecting = asyncio.ensure_future(_collect(request.content, body, request[_MAX_BODY]))
        try:
            if not request.content.is_eof():
                await self._watch(collecting, body)
            await collecting
        except web.RequestPayloadError:
            raise BadRequest("the body is malformed") from None
        except ConnectionError:
            raise BadRequest("the connection ended before the body did") from None
        finally:
            await _end(collecting)

    async def _watch(self, collecting: asyncio.Future[None], body: bytearray) -> None:
        """Until the body is there; raises `TooSlow` before, where it does not come."""
        began_ms = self._clock.monotonic_ms()
        while not collecting.done():
            elapsed_ms = self._clock.monotonic_ms() - began_ms
            if is_too_slow(elapsed_ms, len(body), self._settings):
                raise TooSlow("the body did not come in time", hint="send it at once")
            look = asyncio.ensure_future(self._clock.sleep_ms(LOOK_EVERY_MS))
            both: set[asyncio.Future[None]] = {collecting, look}
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _end(look)


async def _end(task: asyncio.Future[None]) -> None:
    """Cancel a task, and wait until it is done; what it raised was looked at by then."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _collect(stream: StreamReader, body: bytearray, max_bytes: int) -> None:
    while chunk := await stream.readany():
        if len(body) + len(chunk) > max_bytes:
            raise _too_large(max_bytes)
        body += chunk


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {max_bytes} bytes")


def is_too_slow(elapsed_ms: float, received: int, settings: HttpSettings) -> bool:
    """Whether a body that has come so far is given up: after its time, or below the least rate."""
    if elapsed_ms >= settings.body_timeout_s * 1_000:
        return True
    least = settings.body_min_bytes_per_s * elapsed_ms / 1_000
    return elapsed_ms >= settings.body_grace_s * 1_000 and received < least


class UploadPlaces:
    """How many requests with a picture each session may have under way."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def place(self, session_id: str) -> Iterator[None]:
        """A place until the answer. Raises `TooManyUploads`."""
        if self._under_way[session_id] >= self._limit:
            raise TooManyUploads(
                f"{self._limit} pictures of this session are under way",
                hint="wait for an answer before you send the next picture",
                retry_after_s=1,
            )
        self._under_way[session_id] += 1
        try:
            yield
        finally:
            self._under_way[session_id] -= 1
            if not self._under_way[session_id]:
                del self._under_way[session_id]
