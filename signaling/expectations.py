"""`Expect: 100-continue` (RFC 9110, 10.1.1): a client asks before it sends a body.

aiohttp answers it before middlewares and handlers run, and so before access is checked. Therefore the
header is taken out of each request when the request is made. An expectation that cannot be met is refused
like any other error; `100 Continue` is sent when the body is about to be read, after the access check.
"""

from __future__ import annotations

from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

from kyc_rtc.errors import ExpectationFailed

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_EXPECTED = web.RequestKey("expected", str)


def split_expectation(message: Any) -> tuple[Any, str]:
    """aiohttp's head of a request without its `Expect`, and what that said; empty where it does not count,
    as in HTTP/1.0."""
    if hdrs.EXPECT not in message.headers:
        return message, ""
    said = message.headers.getall(hdrs.EXPECT)
    others = CIMultiDict(message.headers)
    del others[hdrs.EXPECT]
    without = message._replace(headers=CIMultiDictProxy(others))
    return without, ",".join(said).lower() if message.version >= HttpVersion11 else ""


def keep_expectation(request: web.BaseRequest, said: str) -> None:
    """Keep what was expected of the answer to a request, for the two functions below."""
    if said:
        request[_EXPECTED] = said


def check_expectation(request: web.Request) -> None:
    """Raises `ExpectationFailed` where anything but 100-continue is expected."""
    members = {member.strip() for member in request.get(_EXPECTED, "").split(",")}
    if not members <= {"100-continue", ""}:
        raise ExpectationFailed("nothing but 100-continue can be expected", hint="leave Expect out")


async def ask_for_body(request: web.Request) -> None:
    """Send `100 Continue` to a client that waits for it. Whose body has come already does not."""
    if request.get(_EXPECTED) is None or request.content.is_eof():
        return
    writer = request.writer
    await writer.write(_CONTINUE)
    writer.output_size = 0  # nothing of the answer is sent yet
