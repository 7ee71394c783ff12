"""One HTTP connection: aiohttp's, with limits on what it may take and how long."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from http import HTTPStatus
from typing import cast

import structlog
from aiohttp import StreamReader, web

from kyc_rtc.clock import Clock
from kyc_rtc.settings import HttpSettings
from signaling.headers import put_security_headers

MAX_HEADER_BYTES = 32 * 1024
"""Of one request; and of what comes after a request before that is answered (pipelining)."""

MAX_PIPELINED = 8
"""Requests that may wait for the answer to an earlier one. Browsers and proxies do not pipeline."""

READ_BUFFER_BYTES = 16 * 1024
"""aiohttp keeps up to twice as much of a body that is not read yet, and then reads no more of it."""

LINGER_S = 0.5
"""How long the connection stays open after the answer to a request whose body was not complete. The client
reads the answer before the reset that follows on what it still sends (RFC 9112, 9.6), of which nothing is
read. The same after a 429, so that the client holds its place meanwhile."""

log = structlog.get_logger(__name__)


class Overdue(StrEnum):
    """Why a connection is cut."""

    HEADER = "header"
    ANSWER = "answer"


class Connection(web.RequestHandler):
    """aiohttp's protocol of a connection.

    aiohttp closes a connection that is idle for too long. It limits neither the time of a header nor that
    of an answer that the client does not read. `overdue` says when to cut the connection; the server's
    sweep calls it regularly.
    """

    def __init__(
        self,
        manager: web.Server,
        settings: HttpSettings,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=settings.keepalive_timeout_s,
            max_headers=64,
            lingering_time=0.0,
            read_bufsize=READ_BUFFER_BYTES,
        )
        self._limits = settings
        self._clock = clock
        self._wire: asyncio.Transport | None = None
        self._payload: StreamReader | None = None
        self._header_since_ms: float | None = None
        self._stuck_since_ms: float | None = None
        self._unasked = 0
        self._malformed: web.StreamResponse | None = None

    # What aiohttp calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = cast("asyncio.Transport", transport)
        self._header_since_ms = self._clock.monotonic_ms()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._wire = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        complete = self._payload is not None and self._payload.is_eof()
        super().data_received(data)
        if not data:  # aiohttp's own call, to go on with what it has
            return
        if self._payload is None and not self._messages:  # a header that is not complete
            if self._header_since_ms is None:
                self._header_since_ms = self._clock.monotonic_ms()
            self._unasked += len(data)
        elif complete:  # the next request, before this one is answered
            self._unasked += len(data)
        if self._unasked > MAX_HEADER_BYTES or len(self._messages) > MAX_PIPELINED:
            self.cut()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, within its time."""
        try:
            async with asyncio.timeout(self._limits.answer_timeout_s):
                sent = await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.cut()
            return resp, True
        else:
            await self._linger(resp.status)
            return sent
        finally:
            self._payload = None
            if self._unasked and not self._messages:  # half of the next header is here
                self._header_since_ms = self._clock.monotonic_ms()

    async def _linger(self, status: int) -> None:
        """Wait after an answer that ends the connection, while its client may still be sending."""
        unread = self._payload is not None and not self._payload.is_eof()
        if self._wire is not None and (unread or status == HTTPStatus.TOO_MANY_REQUESTS):
            self._wire.pause_reading()
            await asyncio.sleep(LINGER_S)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Malformed HTTP costs one line of log; nothing of what the client sent is logged."""
        if status >= 500 or request.writer.output_size > 0:
            response = super().handle_error(request, status, exc, message)
            put_security_headers(response, secure=request.secure)
            return response
        log.info("malformed_request", address=request.remote, error=type(exc).__name__)
        error = {"code": "bad_request", "message": "the request is malformed", "hint": ""}
        response = web.Response(
            status=status, text=json.dumps({"error": error}), content_type="application/json"
        )
        put_security_headers(response, secure=request.secure)
        response.force_close()
        self._malformed = response
        return response

    def log_access(
        self, request: web.BaseRequest, response: web.StreamResponse, time: float | None
    ) -> None:
        """One line for each answer; malformed HTTP has had its own."""
        if response is not self._malformed:
            super().log_access(request, response, time)

    # What the server calls

    def request_began(self, payload: StreamReader) -> None:
        """A header is complete, and its request is handled next."""
        self._payload = payload
        self._header_since_ms = None
        self._unasked = 0

    def overdue(self, now_ms: float) -> Overdue | None:
        """Why the connection has to be cut at this time; None where it may go on."""
        if self._wire is None:
            return None
        if not self._wire.get_write_buffer_size():
            self._stuck_since_ms = None
        elif self._stuck_since_ms is None:
            self._stuck_since_ms = now_ms
        for since_ms, limit_s, why in (
            (self._header_since_ms, self._limits.headers_timeout_s, Overdue.HEADER),
            (self._stuck_since_ms, self._limits.answer_timeout_s, Overdue.ANSWER),
        ):
            if since_ms is not None and now_ms - since_ms >= limit_s * 1_000:
                return why
        return None

    def cut(self) -> None:
        """End the connection now; what was not sent is thrown away."""
        if self._wire is not None:
            self._wire.abort()
