"""A PostgreSQL of one's own, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a PostgreSQL on a Unix socket in a temporary folder; stopped and deleted at the end.

    Skips the test where PostgreSQL's server programs are not installed.
    """
    pg_ctl = _pg_ctl()
    if pg_ctl is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="kyc-rtc-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    data, log = str(folder / "data"), str(folder / "log")
    initdb = "--auth=trust --username=kyc --locale=C --encoding=UTF8 --no-sync"
    server = f"-k {folder} -c listen_addresses= -c fsync=off"
    try:
        _run([pg_ctl, "initdb", "-D", data, "-o", initdb], folder, user)
        _run([pg_ctl, "start", "-w", "-D", data, "-l", log, "-o", server], folder, user)
        try:
            yield f"postgresql://kyc@/postgres?host={folder}"
        finally:
            _run([pg_ctl, "stop", "-w", "-m", "immediate", "-D", data], folder, user)
    finally:
        shutil.rmtree(folder)


def _pg_ctl() -> str | None:
    """On the path, or where Debian puts it; the newest version."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return shutil.which("pg_ctl") or (str(installed[-1]) if installed else None)


def _unprivileged_user() -> str | None:
    """Who runs PostgreSQL, which refuses to run as root; None: whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[str], folder: Path, user: str | None) -> None:
    subprocess.run(  # noqa: S603 - our own words
        command,
        cwd=folder,
        user=user,
        extra_groups=None if user is None else [],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
