"""TLS: real certificates, or a self-signed one for trying the page on a phone."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import segno
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kyc_rtc.clock import Clock
from kyc_rtc.errors import SettingsError
from kyc_rtc.files import complete_file
from kyc_rtc.settings import Settings

_VALID_DAYS = 30


def server_context(settings: Settings, clock: Clock, *, self_signed: bool) -> ssl.SSLContext | None:
    """The TLS context to serve with, or None for plain HTTP.

    Raises:
        SettingsError: only one of certificate and key is given, or they cannot be read.
    """
    certificate, key = settings.tls_cert, settings.tls_key
    if (certificate is None) != (key is None):
        raise SettingsError("tls_cert and tls_key belong together")
    if certificate is None or key is None:
        if not self_signed:
            return None
        now = datetime.fromtimestamp(clock.now_ms() / 1_000, UTC)
        certificate = key = _self_signed(settings.data_dir / "tls" / "self-signed.pem", now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"the certificate cannot be used: {error}") from None
    return context


def announce(settings: Settings, *, secure: bool) -> None:
    """Print where the server can be reached, and a QR code for a phone where that can work."""
    scheme = "https" if secure else "http"
    urls = [f"{scheme}://{host}:{settings.port}" for host in _reachable_hosts(settings.host)]
    out = sys.stdout
    out.write("kyc-rtc serves at\n" + "".join(f"  {url}\n" for url in urls))
    on_network = [url for url in urls if "127.0.0.1" not in url and "localhost" not in url]
    if secure and on_network:
        out.write(f"\nOpen {on_network[0]} on a phone in the same network:\n")
        segno.make(on_network[0], error="m").terminal(out=out, compact=True)
        if settings.tls_cert is None:
            out.write("The certificate is self-signed: the phone will ask once whether to go on.\n")
    elif on_network:
        out.write("Browsers give the camera to https pages only: add --https for phones.\n")
    out.flush()


def _reachable_hosts(host: str) -> list[str]:
    if host not in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return [f"[{host}]" if ":" in host else host]
    return ["127.0.0.1", *local_addresses()]


def local_addresses() -> list[str]:
    """This machine's address on the way to the rest of its network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737): only the route is looked up
            return [str(probe.getsockname()[0])]
        except OSError:
            return []


def _self_signed(path: Path, now: datetime) -> Path:
    """The file of a certificate for this machine's names and its key; made anew when it is about to end.

    Both are in one file, which is replaced as a whole: what is found is always a pair.
    """
    names = ["localhost", socket.gethostname()]
    addresses = ["127.0.0.1", "::1", *local_addresses()]
    if _still_good(path, addresses, now):
        return path
    private = ec.generate_private_key(ec.SECP256R1())
    key = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    made = _certificate(private, names, addresses, now)
    with complete_file(path, made.public_bytes(serialization.Encoding.PEM) + key) as file:
        file.replace(path)
    return path


def _certificate(
    private: ec.EllipticCurvePrivateKey, names: list[str], addresses: list[str], now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kyc-rtc development")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )


def _still_good(path: Path, addresses: list[str], now: datetime) -> bool:
    """Whether an earlier certificate names all addresses and lasts a day longer."""
    try:
        known = x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    extension = known.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    named = {str(address) for address in extension.value.get_values_for_type(x509.IPAddress)}
    lasts = known.not_valid_after_utc - now > timedelta(days=1)
    return lasts and set(addresses) <= named
