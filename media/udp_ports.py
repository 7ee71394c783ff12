"""ICE on ports of a chosen range, so that firewalls and containers can let just these through.

aioice binds its host candidates to port 0, which takes the operating system's ephemeral range (aioice
issue 47). Like `aiortc_quirks` this reaches into aioice; it goes away when aioice or aiortc takes a range.
The connection to a TURN server is made by the server and keeps an ephemeral port.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Collection, Iterator

import structlog
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, server_reflexive_candidate
from aioice.turn import UDP_SOCKET_BUFFER_SIZE
from aiortc import RTCIceTransport

log = structlog.get_logger(__name__)


def use_ports(transports: Collection[RTCIceTransport], ports: range) -> None:
    """Let these transports bind their host candidates within `ports`. To be called before they gather."""
    for transport in transports:
        connection: Connection = transport._connection  # noqa: SLF001
        setattr(connection, "get_component_candidates", _Gatherer(connection, ports).gather)  # noqa: B010


def in_turn(ports: range) -> Iterator[int]:
    """Every port once, from a random one on: which one a camera gets is not to be guessed."""
    start = secrets.randbelow(len(ports))
    return (ports[(start + step) % len(ports)] for step in range(len(ports)))


class _Gatherer:
    """Takes the place of `Connection.get_component_candidates`."""

    def __init__(self, connection: Connection, ports: range) -> None:
        self._connection = connection
        self._relayed = connection.get_component_candidates
        self._ports = ports

    async def gather(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - aioice's signature
    ) -> list[Candidate]:
        """The host candidates of `addresses`, and what STUN and TURN servers give within `timeout` (s)."""
        bound = [p for address in addresses if (p := await self._bind(component, address))]
        reflexive, relayed = await asyncio.gather(
            self._reflexive(bound, timeout), self._relayed(component, [], timeout)
        )
        return [p.local_candidate for p in bound] + reflexive + relayed

    async def _bind(self, component: int, address: str) -> StunProtocol | None:
        """A socket at the first port that is free; None, and a warning, where none is. The connection has it
        at once, so that closing the connection frees the port, whatever fails next."""
        loop = asyncio.get_running_loop()
        for port in in_turn(self._ports):
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: StunProtocol(self._connection), local_addr=(address, port)
                )
            except OSError:
                continue
            self._connection._protocols.append(protocol)  # noqa: SLF001
            opened = transport.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_SOCKET_BUFFER_SIZE)
            protocol.local_candidate = _host_candidate(component, address, port)
            return protocol
        log.warning("no_udp_port_free", setting="media.udp_ports", ports=len(self._ports))
        return None

    async def _reflexive(self, bound: list[StunProtocol], limit_s: int) -> list[Candidate]:
        """What the STUN server sees of the IPv4 sockets (aioice asks no other)."""
        server = self._connection.stun_server
        asking = [
            asyncio.create_task(server_reflexive_candidate(protocol, server))
            for protocol in bound
            if server is not None and "." in protocol.local_candidate.host
        ]
        if not asking:
            return []
        try:
            done, _ = await asyncio.wait(asking, timeout=limit_s)
        finally:  # also where nobody waits for the answers any more
            for task in asking:
                task.cancel()
        return [task.result()[0] for task in done if task.exception() is None]


def _host_candidate(component: int, address: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", address),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=address,
        port=port,
        type="host",
    )
