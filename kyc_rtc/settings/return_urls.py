"""Where an applicant may be sent back to: a URL that begins with an allowed one.

A URL is read here and by the browser that follows it, and the two must not differ: what RFC 3986 does
not allow as it stands, or what browsers rewrite (WHATWG URL: backslashes, dot segments), is refused.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_CHARACTER: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})"
_TEXT: Final = re.compile(rf"{_CHARACTER}+(?:#{_CHARACTER}*)?", re.ASCII)
"""What may stand in a URL (RFC 3986, 3.3 to 3.5). Brackets do so only around an IPv6 address, which is not
accepted as a host here."""

_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII)
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2e){1,2}(?:[/?#]|$)", re.IGNORECASE)


def check_prefix(text: str) -> str:
    """An allowed beginning: an origin, or one with a path. Raises ValueError."""
    parts = _split(text)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("an origin, or one with a path, without a query or fragment")
    return text


def begins_with_one(url: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a URL has the origin of one of the prefixes, and its path or one below it."""
    try:
        parts = _split(url)
    except ValueError:
        return False
    return any(_lies_below(parts, _split(prefix)) for prefix in prefixes)


def _lies_below(parts: SplitResult, prefix: SplitResult) -> bool:
    same_origin = _origin(parts) == _origin(prefix)
    path, root = parts.path or "/", prefix.path or "/"
    return same_origin and (path == root or path.startswith(root.rstrip("/") + "/"))


def _origin(parts: SplitResult) -> tuple[str | None, int]:
    return parts.hostname, parts.port or 443


def _split(text: str) -> SplitResult:
    """Raises ValueError for anything but a plain https URL."""
    if not _TEXT.fullmatch(text):
        raise ValueError("has characters that cannot stand there in a URL (RFC 3986, 3)")
    parts = urlsplit(text)
    if parts.scheme != "https" or not text.lower().startswith("https://"):
        raise ValueError("is not an https URL")
    if "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError("has no plain host name")
    if parts.port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has no port that can be used")
    if _DOT_SEGMENT.search(parts.path):
        raise ValueError("has a path with dot segments")
    return parts
