"""JSON from an OIDC provider: within seconds, within a size, and from where it was asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Protocol

import aiohttp
import structlog
from aiohttp import web

from kyc_rtc.errors import ProviderUnavailable

MAX_ANSWER_BYTES: Final = 256 * 1024
_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0, connect=3.0)
_MAX_CONNECTIONS: Final = 8

log = structlog.get_logger(__name__)


class Fetch(Protocol):
    """An HTTP client for one provider. Both methods give the status and the JSON object that came.

    Raises `ProviderUnavailable` where none came.
    """

    async def get(self, url: str) -> tuple[int, dict[str, Any]]: ...

    async def post(
        self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        """`basic`: user and password of HTTP's Basic scheme."""


class HttpFetch:
    """`Fetch` by aiohttp. It lives as long as the application whose `cleanup_ctx` has its `life`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def life(self, _app: web.Application) -> AsyncIterator[None]:
        """Open meanwhile."""
        # A connection that the provider has closed meanwhile would fail a POST, which is not repeated.
        connector = aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, force_close=True)
        async with aiohttp.ClientSession(
            timeout=_TIMEOUT, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
        ) as self._session:
            yield
        self._session = None

    async def get(self, url: str) -> tuple[int, dict[str, Any]]:
        return await self._ask("GET", url)

    async def post(
        self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {} if basic is None else {"Authorization": aiohttp.encode_basic_auth(*basic)}
        return await self._ask("POST", url, data=dict(form), headers=headers)

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            raise away()
        try:
            # A redirect is not followed: whoever can redirect could have the server ask anybody.
            async with self._session.request(method, url, allow_redirects=False, **more) as answer:
                text = await _bounded(answer.content)
                found = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("provider_did_not_answer", error=type(error).__name__)
            raise away() from None
        if not isinstance(found, dict):
            raise away()
        return answer.status, found


def away() -> ProviderUnavailable:
    """What is raised while nothing of use comes from the provider."""
    return ProviderUnavailable(
        "the login provider does not answer", hint="try again after Retry-After seconds"
    )


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """All of a body. Raises ValueError where it is too large."""
    text = bytearray()
    async for part in content.iter_chunked(16 * 1024):
        text += part
        if len(text) > MAX_ANSWER_BYTES:
            raise ValueError("too large")
    return bytes(text)
