"""The security headers of every answer."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling.rates import Quota

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


QUOTA: web.RequestKey[Quota | None] = web.RequestKey("quota")
"""What the caller may still ask for, where the call counts."""

_FRAMED: web.ResponseKey[bool] = web.ResponseKey("framed")


def allow_frames(response: web.StreamResponse, origins: Iterable[str]) -> None:
    """Let pages of these origins show the answer in a frame, and nobody else."""
    policy = CONTENT_SECURITY_POLICY.replace(
        "frame-ancestors 'none'", f"frame-ancestors {' '.join(origins)}"
    )
    response.headers["Content-Security-Policy"] = policy
    response[_FRAMED] = True


def put_security_headers(response: web.StreamResponse, *, secure: bool) -> None:
    """Put them on an answer that has none. `secure`: it goes over TLS."""
    for name, value in _HEADERS.items():
        if not (name == "X-Frame-Options" and response.get(_FRAMED)):
            response.headers.setdefault(name, value)
    if secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


@web.middleware
async def security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: errors are answers by the time that they get here."""
    response = await handler(request)
    if (quota := request.get(QUOTA)) is not None:
        response.headers.update(quota.headers)
    put_security_headers(response, secure=request.secure)
    return response
