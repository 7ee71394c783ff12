"""Errors as HTTP answers: the one place where the error tree meets status codes."""

from __future__ import annotations

import json

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from kyc_rtc import errors
from signaling.bearers import bearer_of
from signaling.expectations import check_expectation

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.KycError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorised: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TooSlow: 408,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedContentType: 415,
    errors.ExpectationFailed: 417,
    errors.Misdirected: 421,
    errors.PreconditionRequired: 428,
    errors.RateLimited: 429,
    errors.IdempotencyMismatch: 422,
    errors.RestartUnsupported: 422,
    errors.AtCapacity: 503,
    errors.StorageUnavailable: 503,
    errors.ProviderUnavailable: 503,
}
_WITH_RETRY_AFTER = (
    errors.AtCapacity | errors.StorageUnavailable | errors.ProviderUnavailable | errors.RateLimited
)


_OF_THE_BODY = frozenset({"content-type", "content-length"})
"""Headers of aiohttp's own answer that describe its body, which is replaced."""


def status_of(error: errors.KycError) -> int:
    """The HTTP status of an error: that of its nearest class in the table, else 500."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into `{"error": {code, message, hint}}`; none of them leaks its insides."""
    response = await _handled(request, handler)
    if not request.content.is_eof():  # the rest of the body is still to come, and is not waited for
        response.force_close()
    return response


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        check_expectation(request)
        return await handler(request)
    except errors.KycError as error:
        return _answer(error, request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _of_aiohttp(error)
    except Exception:  # the root of the request
        log.exception("request_failed", method=request.method, path=request.path)
        return _plain(500, "internal_error", "the server failed on this request; it was logged")


def _of_aiohttp(error: web.HTTPException) -> web.Response:
    """An error that aiohttp raises, with its headers: a 405 names the methods that are allowed."""
    response = _plain(error.status, error.reason.lower().replace(" ", "_"), error.reason)
    for name, value in error.headers.items():
        if name.lower() not in _OF_THE_BODY:
            response.headers.add(name, value)
    return response


def _answer(error: errors.KycError, request: web.Request) -> web.Response:
    response = _plain(status_of(error), error.code, error.message, error.hint)
    retry_after(response, error)
    if isinstance(error, errors.RateLimited):
        response.force_close()  # the next call needs another place
    if isinstance(error, errors.Misdirected):
        response.headers["Retry-After"] = "2"
    if isinstance(error, errors.Unauthorised):
        response.headers[hdrs.WWW_AUTHENTICATE] = _challenge(request)
    return response


def retry_after(response: web.Response, error: errors.KycError) -> None:
    """Say when to ask again, where the error knows it."""
    if isinstance(error, _WITH_RETRY_AFTER):
        response.headers["Retry-After"] = str(error.retry_after_s)


def _challenge(request: web.Request) -> str:
    """Whether a token is missing, or the one that was given is not valid (RFC 6750, 3)."""
    return 'Bearer error="invalid_token"' if bearer_of(request) else "Bearer"


def _plain(status: int, code: str, message: str, hint: str = "") -> web.Response:
    body = {"error": {"code": code, "message": message, "hint": hint}}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")
