"""Where a request comes from: the connection's address, or what trusted proxies say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from kyc_rtc.addresses import Network, is_trusted, parsed
from kyc_rtc.errors import BadRequest

_WITH_PORT = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::\d{1,5})?|(?P<v4>[\d.]+):\d{1,5}", re.ASCII)
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?\.?|\[[0-9a-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request comes from. `secure`: whether a proxy got it over TLS; None where none says so."""

    address: str
    secure: bool | None = None


def source_of(
    peer: str,
    forwarded_for: Sequence[str],
    forwarded: Sequence[Mapping[str, str]],
    forwarded_proto: Sequence[str],
    trusted: Iterable[Network],
) -> Source:
    """The client behind a connection from `peer`.

    `forwarded_for` and `forwarded_proto` are the values of X-Forwarded-For and X-Forwarded-Proto, one
    for each header; `forwarded` the elements of Forwarded (RFC 7239), which count where X-Forwarded-For
    is missing or empty. All are ignored where the peer is not a trusted proxy. Each proxy appends what it
    saw, so the client is the right-most address that is not a trusted proxy: anybody may have written
    what stands left of it. An entry that is not an address ends the search at the proxy that wrote it.
    Whether the request came over TLS is what the nearest proxy says, which wrote the last entry.
    """
    networks = tuple(trusted)
    if not is_trusted(peer, networks):
        return Source(peer)
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    proto = forwarded_proto[-1].split(",")[-1] if forwarded_proto else ""
    if not any(hop.strip() for hop in hops):
        hops = [element.get("for", "") for element in forwarded]
        if forwarded and not any(value.strip() for value in forwarded_proto):
            proto = forwarded[-1].get("proto", "")
    return Source(_client(peer, hops, networks), _is_secure(proto))


def _client(peer: str, hops: Sequence[str], trusted: Sequence[Network]) -> str:
    found = peer
    for hop in reversed(hops):
        address = _address(hop)
        if address is None:
            break
        found = str(address)
        if not is_trusted(found, trusted):
            break
    return found


def _is_secure(proto: str) -> bool | None:
    said = proto.strip().lower()
    return said == "https" if said in ("http", "https") else None


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    """One entry, with or without a port (RFC 7239, 6); None for `unknown` and other text."""
    text = hop.strip().strip('"')
    match = _WITH_PORT.fullmatch(text)
    return parsed(match["v6"] or match["v4"]) if match else parsed(text)


def check_host(host: str) -> str:
    """A Host header that can stand in a link (RFC 9110, 7.2). Raises `BadRequest`."""
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 0) > 65_535:
        raise BadRequest("the Host header is malformed", hint="set public_url, or send a host name")
    return host
