"""The bearer token of a request."""

from __future__ import annotations

from aiohttp import web


def bearer_of(request: web.Request) -> str:
    """The bearer token of a request (RFC 6750, 2.1); empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
