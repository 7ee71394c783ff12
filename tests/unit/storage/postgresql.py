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


class NotInstalled(Exception):
    """PostgreSQL's server programs are not here."""


class Cluster:
    """A PostgreSQL on a Unix socket in a folder; it can be stopped and started again."""

    def __init__(self, pg_ctl: str, folder: Path, user: str | None) -> None:
        self.url = f"postgresql://kyc@/postgres?host={folder}"
        self.running = False
        self._pg_ctl, self._folder, self._user = pg_ctl, folder, user

    def create(self) -> None:
        initdb = "--auth=trust --username=kyc --locale=C --encoding=UTF8 --no-sync"
        self._do("initdb", "-o", initdb)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        log = str(self._folder / "log")
        server = f"-k {self._folder} -c listen_addresses= -c fsync=off"
        self._do("start", "-w", "-l", log, "-o", server)
        self.running = True

    def stop(self) -> None:
        """Stop it as a crash would: connections break, and the next start has to recover."""
        if self.running:
            self._do("stop", "-w", "-m", "immediate")
            self.running = False

    def _do(self, action: str, *arguments: str) -> None:
        command = [self._pg_ctl, action, "-D", str(self._folder / "data"), *arguments]
        _run(command, self._folder, self._user)


@contextmanager
def running() -> Iterator[Cluster]:
    """A fresh one, stopped and deleted at the end. Raises NotInstalled."""
    pg_ctl = _pg_ctl()
    if pg_ctl is None:
        raise NotInstalled("PostgreSQL's server programs are not installed")
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="kyc-rtc-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    made = Cluster(pg_ctl, folder, user)
    try:
        made.create()
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a fresh one. Skips the test where PostgreSQL's server programs are not installed."""
    try:
        with running() as made:
            yield made.url
    except NotInstalled as error:
        pytest.skip(str(error))


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
