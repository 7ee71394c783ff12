"""Where webhooks may go: no address inside of the institution's network, or of this machine. Pure.

Names are judged by what they resolve to when a connection is made, and so are addresses in URLs: a name that
resolved to something else a moment ago (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final
from urllib.parse import urlsplit

from kyc_rtc.addresses import parsed
from kyc_rtc.errors import BadRequest
from kyc_rtc.storage.records import MAX_URL_LENGTH

_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?", re.ASCII)
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NAT64: Final = ip_network("64:ff9b::/96")
"""RFC 6052, 2.1: the last 32 bits are an IPv4 address, which a translator may reach."""
_HINT: Final = "see docs/webhooks.md, Endpoints"


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, with every IPv4 address that is inside of it.
    False for what is no address."""
    address = parsed(text)
    return address is not None and all(map(_is_public, _with_embedded(address)))


def _with_embedded(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    yield address
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFFFFFF)
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo
        if int(address) >> 32 == 0:  # IPv4-compatible (RFC 4291, 2.5.5.1, deprecated)
            yield IPv4Address(int(address))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return True  # what is inside of it is judged
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def check_url(url: str, *, allow_private: bool, allow_plain_local: bool) -> None:
    """Raise BadRequest unless webhooks may be sent to this URL.

    `allow_private`: addresses that are not public too. `allow_plain_local`: http for localhost.
    """
    if not 0 < len(url) <= MAX_URL_LENGTH or not _PRINTABLE.fullmatch(url):
        raise BadRequest(f"url: 1 to {MAX_URL_LENGTH} printable ASCII characters", hint=_HINT)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadRequest("url: is not a URL", hint=_HINT) from None
    address = parsed(host)
    if port == 0 or (address is None and not _HOST.fullmatch(host)):
        raise BadRequest("url: names no host", hint=_HINT)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadRequest("url: no user, password or fragment", hint=_HINT)
    local = host in _LOCAL or host.endswith(".localhost")
    plain = parts.scheme == "http" and local and allow_plain_local
    if parts.scheme != "https" and not plain:
        raise BadRequest("url: has to begin with https://", hint=_HINT)
    if not allow_private and (local or (address is not None and not is_public(host))):
        raise BadRequest("url: is not a public address", hint=_HINT)
