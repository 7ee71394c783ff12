"""A file of JSON lines that an interrupted run goes on with, and that several processes may share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def append(path: Path, fields: Mapping[str, Any]) -> None:
    """Write a line down at once, in one call. A line before it that was cut off is ended first."""
    line = json.dumps(fields) + "\n"
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else "\n" + line
        file.write(line.encode())


def read(path: Path) -> list[dict[str, Any]]:
    """Every line that is whole; none where there is no file."""
    found: list[dict[str, Any]] = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(fields, dict):
            found.append(fields)
    return found
