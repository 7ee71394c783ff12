"""HTTP to receivers that others run: bounded in time and size, and only to addresses that are allowed.

The address is checked where the socket is made, after the name was resolved: whatever a name resolves to,
and whatever a URL holds, passes here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

CONNECT_LIMIT_S: Final = 4.0
TOTAL_LIMIT_S: Final = 9.0
"""Less than the worker gives an attempt, so that the reason says more."""
MAX_ANSWER_BYTES: Final = 4_096
RESOLVERS: Final = 16
"""Threads of their own, so that names that do not resolve hold up nobody else's work."""
LOOK_UPS_OF_PARTY: Final = 4
"""Names of one party that are looked up at once: names that do not resolve leave threads for others."""
USER_AGENT: Final = "kyc-rtc webhooks"

_PARTY: ContextVar[str] = ContextVar("party", default="")
"""Whose request it is: aiohttp tells a resolver the name only."""
_Found = tuple[Any, Any, int, str, Any]


class AddressRefused(OSError):
    """An address that nothing may be sent to."""

    def __init__(self) -> None:
        super().__init__("the address is refused")


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, and the beginning of its body, at most 4 KiB."""

    status: int
    body: bytes


class Resolver(AbstractResolver):
    """`getaddrinfo` in threads of its own, of which a party has a share.

    A thread cannot be cancelled: one that waits for a name server counts until it returns, though whoever
    asked has given up. Who asks for a name that is being looked up for the same party waits for that answer.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhook-names")
        self._under_way: dict[tuple[str, str, int, int], asyncio.Future[list[_Found]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Waits for a place as long as the caller does. Raises OSError where the name does not resolve."""
        key = (_PARTY.get(), host, port, int(family))
        while (looked_up := self._under_way.get(key)) is None:
            others = [one for other, one in self._under_way.items() if other[0] == key[0]]
            if len(others) < LOOK_UPS_OF_PARTY:
                looked_up = self._begin(key)
                break
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        found = await asyncio.shield(looked_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    def _begin(self, key: tuple[str, str, int, int]) -> asyncio.Future[list[_Found]]:
        _, host, port, family = key
        look_up = partial(
            socket.getaddrinfo,
            host,
            port,
            family=family,
            type=socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        begun = asyncio.get_running_loop().run_in_executor(self._pool, look_up)
        self._under_way[key] = begun
        begun.add_done_callback(lambda _: self._under_way.pop(key, None))
        return begun

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class HttpClient:
    """Sends requests. Ends with `aclose`."""

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        """`allowed`: whether something may be sent to an address."""
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None
        self._resolver: Resolver | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], party: str) -> Answer:
        """POST, and read the beginning of the answer. Redirects are not followed. `party`: on whose share
        of the look-ups it counts.

        Raises:
            ClientError, TimeoutError, OSError: what `reason_of` puts in words.
        """
        token = _PARTY.set(party)
        try:
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return Answer(response.status, await _beginning(response.content))
        finally:
            _PARTY.reset(token)

    async def aclose(self) -> None:
        """Idempotent."""
        session, self._session = self._session, None
        resolver, self._resolver = self._resolver, None
        if session is not None:
            await session.close()
        if resolver is not None:  # the connector leaves what it was given to whoever gave it
            await resolver.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._resolver = Resolver()
            self._session = aiohttp.ClientSession(
                # Each connection is made anew, so that each address is checked.
                connector=aiohttp.TCPConnector(
                    resolver=self._resolver,
                    use_dns_cache=False,
                    force_close=True,
                    limit=0,
                    socket_factory=self._socket,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TOTAL_LIMIT_S, connect=CONNECT_LIMIT_S),
                auto_decompress=False,
                headers={"User-Agent": USER_AGENT},
            )
        return self._session

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Raises AddressRefused."""
        family, kind, protocol, _, address = info
        if not self._allowed(str(address[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)


async def _beginning(stream: aiohttp.StreamReader) -> bytes:
    read = bytearray()
    while len(read) < MAX_ANSWER_BYTES:
        chunk = await stream.read(MAX_ANSWER_BYTES - len(read))
        if not chunk:
            break
        read += chunk
    return bytes(read)


def reason_of(error: Exception) -> str:
    """Why there was no answer, without the URL, which may hold a secret."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "the certificate is not valid, or TLS failed"
        case aiohttp.ClientConnectorDNSError():
            return "the name does not resolve"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, AddressRefused):
            return "the address is not a public one"
        case aiohttp.ClientConnectorError():
            return "cannot connect"
        case TimeoutError():
            return f"no answer within {TOTAL_LIMIT_S:g} s"
        case _:
            return type(error).__name__
