"""Why a DTLS handshake failed: aiortc writes it to its debug log alone."""

# ruff: noqa: SLF001 - aiortc's transports have no public hooks for this

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from aiortc import RTCDtlsTransport, RTCPeerConnection
from OpenSSL import SSL

from media.aiortc_quirks import dtls_transports


class DtlsFailure(StrEnum):
    """At which step a connection's DTLS failed (RFC 8827, 6.5; RFC 5764)."""

    HANDSHAKE = "handshake"
    """The two have no version, suite or signature in common, or one of them sent an alert."""
    LINK = "link"
    FINGERPRINT = "fingerprint"
    """The certificate is another than the offer announced."""
    SRTP = "srtp"
    """No SRTP profile in common."""
    TIMEOUT = "timeout"
    """ICE is up, and the handshake did not end in time."""


Report = Callable[[DtlsFailure, str], None]
"""Takes a failure, and OpenSSL's words for it, which hold nothing of the client's."""


class _Noting:
    """OpenSSL's connection during the handshake; `why` says how it failed."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.why: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def do_handshake(self) -> None:
        try:
            self.inner.do_handshake()
        except SSL.WantReadError:
            raise
        except SSL.Error as error:
            self.why = _words(error) or f"in {self.inner.get_state_string().decode()}"
            raise


def _words(error: SSL.Error) -> str:
    stack = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[-1]) for entry in stack)


def watch_dtls(connection: RTCPeerConnection, report: Report) -> None:
    """Report every failure of a connection's DTLS. To be called before its transports come up. There is no
    upstream issue. Goes away when aiortc's transports say why they failed (`RTCDtlsTransport.onerror`)."""
    for transport in dtls_transports(connection):
        _watch(transport, report)


def _watch(transport: RTCDtlsTransport, report: Report) -> None:
    handshake: Any = transport._do_handshake
    validate: Any = transport._validate_peer_identity
    set_up: Any = transport._setup_srtp

    async def watched_handshake() -> None:
        noting: Any = _Noting(transport._ssl)
        transport._ssl = noting
        try:
            await handshake()
        finally:
            transport._ssl = noting.inner
        if transport.state == "failed":
            failed = DtlsFailure.LINK if noting.why is None else DtlsFailure.HANDSHAKE
            report(failed, noting.why or "the link closed")

    def watched_validation(parameters: Any) -> None:
        validate(parameters)
        if transport.state == "failed":
            report(DtlsFailure.FINGERPRINT, "the certificate is not the one of the offer")

    def watched_set_up() -> None:
        set_up()
        if transport.state == "failed":
            report(DtlsFailure.SRTP, "no SRTP profile in common")

    for name, watched in (
        ("_do_handshake", watched_handshake),
        ("_validate_peer_identity", watched_validation),
        ("_setup_srtp", watched_set_up),
    ):
        setattr(transport, name, watched)
