"""IP addresses of clients: read, and grouped by whose they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network

_IPV6_PREFIX = 64
"""The least that one client has (RFC 6177): it may use as many single addresses of it as it likes."""


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address without its zone (RFC 4007, 11), which a socket may name; an IPv4 address inside IPv6, as a
    socket for both has it, as IPv4. None for other text."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def is_trusted(address: str, trusted: Iterable[Network]) -> bool:
    """Whether an address is that of a trusted proxy."""
    known = parsed(address)
    return known is not None and any(known in network for network in trusted)


def party_of(address: str) -> str:
    """Whose address it is, for limits: an IPv4 address, or the /64 of an IPv6 address. Other text, as of a
    Unix socket, is a party by itself."""
    known = parsed(address)
    if isinstance(known, IPv6Address):
        return str(ip_network((int(known), _IPV6_PREFIX), strict=False))
    return address if known is None else str(known)
