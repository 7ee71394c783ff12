"""The model files: which ones, where they lie, how to fetch them, and that they are the right ones.

`models.lock.toml`, in this folder, names each model's size and SHA-256; nothing else is accepted.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kyc_rtc.errors import ModelError
from kyc_rtc.vision.model_sources import Source, SourceError, UrlSource, WheelSource

FACE_LANDMARKER = "face_landmarker"

_LOCK = Path(__file__).with_name("models.lock.toml")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LockedModel:
    """One entry of the lock: `size` in bytes, `sha256` in lower-case hex."""

    name: str
    file: str
    size: int
    sha256: str
    licence: str
    sources: tuple[Source, ...]


def read_lock(path: Path = _LOCK) -> tuple[LockedModel, ...]:
    """Read a lock file.

    Raises:
        ModelError: the file is missing or is not a lock.
    """
    try:
        entries = tomllib.loads(path.read_text("utf-8"))["model"]
        return tuple(_locked_model(entry) for entry in entries)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: no list of models: {error}") from error


def _locked_model(entry: dict[str, Any]) -> LockedModel:
    fields = dict(entry)
    sources = tuple(_source(source) for source in fields.pop("source"))
    return LockedModel(**fields, sources=sources)


def _source(entry: dict[str, str]) -> Source:
    if "url" in entry:
        return UrlSource(entry["url"])
    return WheelSource(entry["wheel"], entry["member"])


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file whose content was verified, and what it looked like then."""

    path: Path
    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> VerifiedFile:
        """Note a file that was verified just now. Raises OSError."""
        found = path.stat()
        return cls(path, found.st_size, found.st_mtime_ns, found.st_ino)

    def is_intact(self) -> bool:
        """Whether it is still there as it was. Looks at the file's entry and reads nothing."""
        try:
            return self.of(self.path) == self
        except OSError:
            return False


class ModelStore:
    """A folder with the model files.

    Without `cache_dir`: `$XDG_CACHE_HOME/kyc-rtc/models`, or `~/.cache/kyc-rtc/models`.
    """

    def __init__(
        self, cache_dir: Path | None = None, lock: Sequence[LockedModel] | None = None
    ) -> None:
        self._folder = cache_dir or _default_folder()
        self._models = {model.name: model for model in (read_lock() if lock is None else lock)}

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def names(self) -> tuple[str, ...]:
        """The models of the lock, in its order."""
        return tuple(self._models)

    def path(self, name: str) -> Path:
        """The verified file of the model `name`.

        Raises:
            ModelError: it is not in the lock, not in the folder, or not the file of the lock; the
                message says which file to put where.
        """
        model = self._model(name)
        path = self._folder / model.file
        wrong = _wrong(model, path)
        if wrong:
            raise ModelError(f"{path}: {wrong}", hint=f"fetch it, or put it there: {_wants(model)}")
        return path

    def verify(self, name: str) -> None:
        """Check the file of the model `name`.

        Raises:
            ModelError: as `path` does.
        """
        self.path(name)

    def fetch(self, name: str) -> Path:
        """The file of the model `name`; downloaded where the folder has no right one.

        Blocks for as long as the sources' time limits. Raises:
            ModelError: no source gave the right file, or the folder cannot be written.
        """
        model = self._model(name)
        path = self._folder / model.file
        if not _wrong(model, path):
            return path
        failures = []
        for source in model.sources:
            try:
                data = source.read(model.size)
                _require(model, data)
            except SourceError as error:
                failures.append(f"{source.label}: {error}")
                continue
            _write(path, data)
            return path
        raise ModelError(
            f"{model.file} could not be fetched: {'; '.join(failures)}",
            hint=f"put the file at {path}: {_wants(model)}",
        )

    def _model(self, name: str) -> LockedModel:
        try:
            return self._models[name]
        except KeyError:
            known = ", ".join(self._models)
            raise ModelError(f"no model is called {name!r}; there are: {known}") from None


def _default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache else Path.home() / ".cache") / "kyc-rtc" / "models"


def _wants(model: LockedModel) -> str:
    return f"{model.file}, {model.size} bytes, SHA-256 {model.sha256}"


def _wrong(model: LockedModel, path: Path) -> str:
    """What is wrong with the file, or nothing."""
    try:
        size = path.stat().st_size
        if size != model.size:
            return f"has {size} bytes, expected {model.size}"
        got = _sha256(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if got == model.sha256 else f"has SHA-256 {got}, expected {model.sha256}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _require(model: LockedModel, data: bytes) -> None:
    got = hashlib.sha256(data).hexdigest()
    if got != model.sha256:
        raise SourceError(
            f"refused: SHA-256 {got}, expected {model.sha256} ({len(data)} of {model.size} bytes)"
        )


def _write(path: Path, data: bytes) -> None:
    """Write into the target's folder, then rename, so that no reader ever sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be written: {error.strerror}", hint="set KYC_RTC_CACHE_DIR"
        ) from error
