"""What a tenant of the server may have of its own."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from kyc_rtc.settings.groups import Group

_ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9]\d{0,4})?", re.ASCII)
_LOCAL = ("localhost", "127.0.0.1")
"""Hosts that browsers treat as secure without TLS (W3C Secure Contexts, 3.1)."""


def _check_origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454, 6.2): lower-case, without a default port or a path."""
    if not _ORIGIN.fullmatch(text):
        raise ValueError("is not an origin; write it like https://bank.example")
    parts = urlsplit(text)
    default = {"http": 80, "https": 443}[parts.scheme]
    if parts.port == default or (parts.port or 0) > 65_535:
        raise ValueError("has a port that a browser would not write")
    local = parts.hostname in _LOCAL or str(parts.hostname).endswith(".localhost")
    if parts.scheme == "http" and not local:
        raise ValueError("has to be https, unless it is localhost")
    return text


Origin = Annotated[str, AfterValidator(_check_origin)]


class TenantSettings(Group):
    """Of one tenant."""

    allowed_origins: tuple[Origin, ...] = Field(
        (),
        description="origins whose pages may call the server, and show the applicant's page in a frame",
        examples=['["https://bank.example"]'],
    )
