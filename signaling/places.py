"""How many connections there may be: over all, and of one address."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from typing import Any

from kyc_rtc.addresses import Network, is_trusted, party_of

RESERVED_DESCRIPTORS = 64
"""For the database, log files, models and pipes."""

DESCRIPTORS_A_SESSION = 4
"""UDP sockets of a peer: one for each address of the machine, IPv4 and IPv6, and one for a relay."""

BACKLOG = 1_024
"""Connections that the kernel holds until they are accepted, enough for a flood between two turns."""

_LAST_PLACES = 8
"""One place in so many is kept for addresses that have at most one connection."""

_REFUSED_AT_ONCE = 64
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for 0 s: closed by a reset, nothing stays behind


def connection_limit(wanted: int, descriptors: int, live_sessions: int) -> int:
    """How many connections of `wanted` the descriptors suffice for, others being reserved.

    Where they are few, at most half of them are reserved: a server without connections is none.
    """
    reserved = RESERVED_DESCRIPTORS + DESCRIPTORS_A_SESSION * live_sessions
    return max(1, min(wanted, descriptors - min(reserved, descriptors // 2)))


def descriptors() -> int:
    """How many descriptors this process may have open (getrlimit(2))."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**20 if soft == resource.RLIM_INFINITY else soft


class Places:
    """Counts connections, by the party that their address belongs to.

    The last eighth of all places is for parties that have one connection at most. So a few parties that
    hold many connections cannot keep all others out. Trusted proxies have no limit of their own.
    """

    def __init__(self, limit: int, per_address: int, trusted: Iterable[Network]) -> None:
        self._limit = limit
        self._per_address = per_address
        self._trusted = tuple(trusted)
        self._by_party: Counter[str] = Counter()
        self._taken = 0
        self._refused = 0

    @property
    def taken(self) -> int:
        """Connections at this time."""
        return self._taken

    def take(self, address: str) -> str | None:
        """A place for a connection from this address, to be given back by `free`; None: there is none."""
        party = party_of(address)
        if self._has_place(party, address):
            self._by_party[party] += 1
            self._taken += 1
            return party
        self._refused += 1
        return None

    def free(self, party: str) -> None:
        """The connection is closed."""
        self._taken -= 1
        self._by_party[party] -= 1
        if not self._by_party[party]:
            del self._by_party[party]

    def refused(self) -> int:
        """How many were refused since the last call."""
        refused, self._refused = self._refused, 0
        return refused

    def _has_place(self, party: str, address: str) -> bool:
        left = self._limit - self._taken
        if is_trusted(address, self._trusted):
            return left > 0
        own = self._by_party[party]
        return left > (0 if own <= 1 else self._limit // _LAST_PLACES) and own < self._per_address


class Listener(socket.socket):
    """A listening socket whose connections have places. One without is reset as it is accepted: before
    TLS, and before anything is made for it."""

    def __init__(self, family: int, places: Places) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._places = places

    def listen(self, backlog: int = BACKLOG, /) -> None:
        """Listen with our own backlog: what asyncio names here is also how many it accepts at once."""
        super().listen(max(backlog, BACKLOG))

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that has a place.

        Raises:
            BlockingIOError: there is none, or so many were refused that others have to have a turn.
        """
        for _ in range(_REFUSED_AT_ONCE):
            connection, address = super().accept()
            party = self._places.take(str(address[0]))
            if party is not None:
                return _Connection(connection, self._places, party), address
            with contextlib.suppress(OSError):  # it may be gone already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
        raise BlockingIOError


class _Connection(socket.socket):
    """An accepted connection; when it is closed its place is free again."""

    def __init__(self, accepted: socket.socket, places: Places, party: str) -> None:
        self._place: tuple[Places, str] | None = (places, party)
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())

    def close(self) -> None:
        if self._place is not None:
            (places, party), self._place = self._place, None
            places.free(party)
        super().close()
