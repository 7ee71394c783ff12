"""A PostgreSQL of one's own, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


class NotInstalled(Exception):
    """PostgreSQL's server programs are not here."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL that can be stopped and started again."""

    pg_ctl: str
    folder: Path
    user: str | None

    @property
    def url(self) -> str:
        return f"postgresql://kyc@/postgres?host={self.folder}"

    def start(self) -> None:
        server = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        self._run("start", "-w", "-D", self._data, "-l", str(self.folder / "log"), "-o", server)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it as a crash would; the next start has to recover. Nothing where it does not run."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            return
        self._run("stop", "-w", "-m", mode, "-D", self._data)

    def make(self) -> None:
        """The files of a new one."""
        options = "--auth=trust --username=kyc --locale=C --encoding=UTF8 --no-sync"
        self._run("initdb", "-D", self._data, "-o", options)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of its processes stand still, as behind a network that swallows everything."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        processes = [first, *map(int, children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, *words: str) -> None:
        subprocess.run(  # noqa: S603 - our own words
            [self.pg_ctl, *words],
            cwd=self.folder,
            user=self.user,
            extra_groups=None if self.user is None else [],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )


@contextmanager
def cluster() -> Iterator[Cluster]:
    """As `running`; skips the test where PostgreSQL's server programs are not installed."""
    try:
        with running() as made:
            yield made
    except NotInstalled as error:
        pytest.skip(str(error))


@contextmanager
def running() -> Iterator[Cluster]:
    """A PostgreSQL on a Unix socket in a temporary folder; stopped and deleted at the end.

    Raises NotInstalled.
    """
    pg_ctl = _pg_ctl()
    if pg_ctl is None:
        raise NotInstalled("PostgreSQL's server programs are not installed")
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="kyc-rtc-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    made = Cluster(pg_ctl, folder, user)
    try:
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()
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
