"""The tables of docs/operations.md name what the code logs, and every reason."""

from __future__ import annotations

import re
from pathlib import Path

from kyc_rtc.decision.verdict import ReasonCode

REPOSITORY = Path(__file__).parent.parent.parent
LOGGED = re.compile(r'\blog\.\w+\(\s*"(\w+)"')
"""A call with the event as its first argument, on one line or on the next."""


def logged() -> set[str]:
    folders = ("kyc_rtc", "media", "signaling")
    sources = [path for name in folders for path in (REPOSITORY / name).rglob("*.py")]
    sources.append(REPOSITORY / "server.py")
    return {event for path in sources for event in LOGGED.findall(path.read_text("utf-8"))}


def documented(heading: str) -> set[str]:
    """What the first column of the table under a heading names."""
    text = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_log_has_every_event_and_no_other() -> None:
    assert documented("Logs") == logged()


def test_every_reason_is_explained() -> None:
    assert documented("What the reasons mean") == set(ReasonCode)
