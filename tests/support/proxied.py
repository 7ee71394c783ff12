"""nginx and coturn with the files of `deploy/`, on ports of a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import ifaddr
import pytest

REPOSITORY = Path(__file__).parent.parent.parent
DEPLOY = REPOSITORY / "deploy"
START_LIMIT_S = 10.0
STOP_LIMIT_S = 5.0
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program(name: str, *folders: str) -> str:
    """Its path; the test is skipped without it."""
    found = shutil.which(name) or next(
        (p for f in folders if (p := shutil.which(f"{f}/{name}"))), None
    )
    if found is None:
        pytest.skip(f"no nginx or coturn: {name} is not installed")
    return found


def host_address() -> str:
    """An IPv4 address of this host other than the loopback's, which ICE does not use."""
    addresses = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips)
    found = [a for a in addresses if isinstance(a, str) and not a.startswith("127.")]
    if not found:
        pytest.skip("no nginx or coturn: this host has no address but the loopback's")
    return found[0]


def replaced(text: str, changes: dict[str, str]) -> str:
    """A deployed file for this host. Each change has to fit exactly once: nothing else differs."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, port: int, plain_port: int, app_port: int, pem: Path) -> Iterator[None]:
    """`deploy/nginx.conf` before an application; `pem` holds certificate and key."""
    temporary = "".join(f"{name}_temp_path {folder / name};" for name in _TEMPORARY)
    conf = folder / "nginx.conf"
    changes = {
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "/var/log/nginx/error.log": str(folder / "error.log"),
        "access_log /var/log/nginx/access.log": f"{temporary} access_log {folder / 'access.log'}",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{app_port};",
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen [::]:80;": "",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "listen [::]:443 ssl http2;": "",
        "/etc/nginx/tls/fullchain.pem": str(pem),
        "/etc/nginx/tls/privkey.pem": str(pem),
    }
    conf.write_text(replaced((DEPLOY / "nginx.conf").read_text(), changes))
    command = [program("nginx", "/usr/sbin"), "-c", str(conf), "-g", "daemon off;"]
    with _running(command, folder / "nginx.log", ("127.0.0.1", port)):
        yield


@contextmanager
def coturn(folder: Path, address: str, port: int, secret: str) -> Iterator[Path]:
    """`deploy/turnserver.conf` on this host, for peers on this host; the file that it logs to."""
    log = folder / "turn.log"
    command = [
        program("turnserver"),
        "-c", str(DEPLOY / "turnserver.conf"),
        f"--static-auth-secret={secret}",
        f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={port}",
        f"--allowed-peer-ip={address}", "--verbose",
        f"--pidfile={folder / 'turn.pid'}", f"--userdb={folder / 'turndb'}",
    ]  # fmt: skip
    with _running(command, log, (address, port)):
        yield log


@contextmanager
def _running(command: Sequence[str], log: Path, listens: tuple[str, int]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own
    try:
        deadline_s = time.monotonic() + START_LIMIT_S
        while not _accepts(listens):
            if process.poll() is not None or time.monotonic() > deadline_s:
                pytest.fail(f"{command[0]} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)  # polling a process, bounded by the deadline
        yield
    finally:
        process.terminate()
        process.wait(STOP_LIMIT_S)


def _accepts(listens: tuple[str, int]) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(listens) == 0
