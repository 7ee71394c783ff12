"""The log's events in docs/operations.md are those that the code logs."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
LOGGED = re.compile(r'\blog\.\w+\(\s*"(\w+)"')
"""A call with the event as its first argument, on one line or on the next."""


def logged() -> set[str]:
    folders = ("kyc_rtc", "media", "signaling")
    sources = [path for name in folders for path in (REPOSITORY / name).rglob("*.py")]
    return {event for path in sources for event in LOGGED.findall(path.read_text("utf-8"))}


def documented() -> set[str]:
    """What the first column of the table under "Logs" names."""
    text = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
    section = text.partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {event for row in rows for event in re.findall(r"`(\w+)`", row)}


def test_the_table_names_every_event_and_no_other() -> None:
    assert documented() == logged()
