"""An evaluation in pieces: which clips a piece has, and results kept on disk until all are there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import kyc_rtc
import media
from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.manifest import Clip
from kyc_rtc.evaluation.results import ClipResult, said_of
from kyc_rtc.evaluation.runner import Job

MAX_SHARDS = 10_000
_LIBRARIES = ("av", "mediapipe", "numpy", "onnxruntime", "opencv-python-headless", "scipy")
"""What decodes a clip and computes on it."""

_CODE = (Path(kyc_rtc.__file__).parent, Path(media.__file__).parent)


@dataclass(frozen=True, slots=True)
class Shard:
    """Piece `number` of `count`, from 1 on."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/8` as the second of eight pieces.

        Raises:
            BadRequest: it is nothing of the kind.
        """
        found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count <= MAX_SHARDS:
            raise BadRequest(f"a shard is K/N with 1 <= K <= N <= {MAX_SHARDS}, not {text[:40]!r}")
        return cls(number, count)

    def of(self, clips: Sequence[Clip]) -> Sequence[Clip]:
        """Every `count`-th clip, so that each piece has a share of every species."""
        return clips[self.number - 1 :: self.count]


class Records:
    """Results in a folder, one file for each content of a clip. A result is there whole or not at all,
    whenever the process is stopped; several processes, also on several machines, may write to one folder.
    What the manifest says of a clip comes from the manifest."""

    def __init__(self, folder: Path) -> None:
        """The folder is made if it is missing. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def load(self, clip: Clip) -> ClipResult | None:
        """None where the clip was not evaluated yet, or its record is not readable as a result."""
        try:
            result = ClipResult.of_fields(json.loads(self._path(clip).read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return replace(result, **said_of(clip))

    def save(self, clip: Clip, result: ClipResult) -> None:
        """Raises OSError."""
        target = self._path(clip)
        unfinished = target.with_suffix(f".{uuid4().hex}")
        unfinished.write_text(json.dumps(result.fields(), allow_nan=False), "utf-8")
        unfinished.replace(target)

    def _path(self, clip: Clip) -> Path:
        with clip.path.open("rb") as file:
            return self._folder / f"{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}.json"


def records_key(job: Job) -> str:
    """Names the results of this job, 16 hex digits: another condition, limit, weight, line of code or version
    of a library that counts has another key. Raises OSError where one of the files cannot be read."""
    review, detection = job.settings.reviewing_deepfake_score, job.settings.detection
    seen = detection.model_dump_json(
        exclude={"weights_dir"}
    )  # its files count, and not where they lie
    versions = [f"{name} {version(name)}" for name in _LIBRARIES]
    digest = hashlib.sha256(f"{job.conditions!r} {review} {seen} {versions}".encode())
    code = sorted(path for folder in _CODE for path in folder.rglob("*.py"))
    for path in (job.model, *sorted(job.learned.glob("*")), *code):
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
