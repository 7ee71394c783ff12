"""Decides which of a client's ICE candidates are tried.

Each candidate makes the server send STUN checks to an address of the client's choice. Inside an
institution's network that is a port scan by proxy (RFC 8445, 19.5; RFC 8828, 3 for the browser's side).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aioice.mdns import is_mdns_hostname
from aiortc import RTCIceCandidate

from kyc_rtc.errors import CandidatesRefused

PRIVATE_SETTING = "media.allow_private_candidates"

MAX_NAMES = 8
"""The most mDNS names that are resolved for one message. A browser makes one for each address."""


class Reach(Enum):
    """Where an address leads."""

    PUBLIC = "public"
    PRIVATE = "private"
    """RFC 1918, RFC 6598 (carriers' NAT), RFC 4193 (ULA) and the site-local addresses before them."""
    LOCAL = "local"
    """This host or link, and what IANA reserves for other than hosts."""
    NOWHERE = "nowhere"
    """Unspecified, multicast, broadcast, or no address at all."""


_PRIVATE_V4 = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
_PRIVATE_V6 = tuple(map(IPv6Network, ("fc00::/7", "fec0::/10")))
_GLOBAL_V6 = IPv6Network("2000::/3")
"""All that IANA has given out for hosts so far."""


def reach_of(text: str) -> Reach:
    """The reach of an address. For IPv4 inside IPv6 (mapped, 6to4) it is that of the IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return Reach.NOWHERE
    return _reach_v4(address) if isinstance(address, IPv4Address) else _reach_v6(address)


def _reach_v4(address: IPv4Address) -> Reach:
    if address.is_unspecified or address.is_multicast or address == IPv4Address("255.255.255.255"):
        return Reach.NOWHERE
    if any(address in network for network in _PRIVATE_V4):
        return Reach.PRIVATE
    return Reach.PUBLIC if address.is_global else Reach.LOCAL


def _reach_v6(address: IPv6Address) -> Reach:
    if (inside := address.ipv4_mapped or address.sixtofour) is not None:
        return _reach_v4(inside)
    if address.is_unspecified or address.is_multicast:
        return Reach.NOWHERE
    if any(address in network for network in _PRIVATE_V6):
        return Reach.PRIVATE
    return Reach.PUBLIC if address in _GLOBAL_V6 and address.is_global else Reach.LOCAL


@dataclass(frozen=True, slots=True)
class CandidateRule:
    """Which addresses are tried besides public ones."""

    private: bool
    local: bool

    def admits(self, address: str) -> bool:
        """Whether packets may be sent to an address."""
        match reach_of(address):
            case Reach.PUBLIC:
                return True
            case Reach.PRIVATE:
                return self.private
            case Reach.LOCAL:
                return self.local
            case Reach.NOWHERE:
                return False

    def names_of(self, candidates: Iterable[RTCIceCandidate]) -> tuple[str, ...]:
        """The mDNS names to resolve: none where private addresses are not tried, else `MAX_NAMES`."""
        if not self.private:
            return ()
        named = dict.fromkeys(c.ip for c in candidates if is_mdns_hostname(c.ip))
        return tuple(named)[:MAX_NAMES]

    def admitted(
        self, candidates: Collection[RTCIceCandidate], addresses: dict[str, str]
    ) -> list[RTCIceCandidate]:
        """The candidates to try; `addresses` replace names. Candidates that aioice cannot use are left out:
        transports other than UDP, a second component, impossible ports."""
        found = (replace(c, ip=addresses.get(c.ip, c.ip)) for c in candidates if _is_usable(c))
        return [candidate for candidate in found if self.admits(candidate.ip)]


def _is_usable(candidate: RTCIceCandidate) -> bool:
    return (
        candidate.protocol.lower() == "udp"
        and candidate.component == 1
        and 0 < candidate.port < 65_536
        and candidate.type in ("host", "srflx", "relay")
    )


def no_candidates() -> CandidatesRefused:
    """What a client hears that came with none that may be tried."""
    return CandidatesRefused(
        "none of the connection's ICE candidates may be tried, and none of its checks arrived",
        hint=f"use a STUN or TURN server; where clients share the server's network, set {PRIVATE_SETTING}",
    )
