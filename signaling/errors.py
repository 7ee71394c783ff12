"""Errors as HTTP answers: the one place where the error tree meets status codes."""

from __future__ import annotations

import json

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from kyc_rtc import errors

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.KycError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorised: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TooSlow: 408,
    errors.Conflict: 409,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedContentType: 415,
    errors.Misdirected: 421,
    errors.RateLimited: 429,
    errors.IdempotencyMismatch: 422,
    errors.RestartUnsupported: 422,
    errors.AtCapacity: 503,
    errors.StorageUnavailable: 503,
}


def status_of(error: errors.KycError) -> int:
    """The HTTP status of an error: that of its nearest class in the table, else 500."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into `{"error": {code, message, hint}}`; none of them leaks its insides."""
    response = await _handled(request, handler)
    if request.can_read_body:  # refused before it was read: it is not drained either
        response.force_close()
    return response


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except errors.KycError as error:
        return _answer(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _plain(error.status, error.reason.lower().replace(" ", "_"), error.reason)
    except Exception:  # the root of the request
        log.exception("request_failed", method=request.method, path=request.path)
        return _plain(500, "internal_error", "the server failed on this request; it was logged")


def _answer(error: errors.KycError) -> web.Response:
    response = _plain(status_of(error), error.code, error.message, error.hint)
    if isinstance(error, errors.AtCapacity | errors.StorageUnavailable | errors.RateLimited):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.RateLimited):
        response.force_close()  # whoever comes again at once needs another place for it
    if isinstance(error, errors.Misdirected):
        response.headers["Retry-After"] = "2"
    if isinstance(error, errors.Unauthorised):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _plain(status: int, code: str, message: str, hint: str = "") -> web.Response:
    body = {"error": {"code": code, "message": message, "hint": hint}}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")
