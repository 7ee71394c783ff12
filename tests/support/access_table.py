"""The table of who may what: read from its file, and rendered for the documentation."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from kyc_rtc.scopes import Role

PATH: Final = Path(__file__).parent.parent / "unit" / "signaling" / "access.tsv"
_WORDS: Final = {"yes": True, "no": False}


def access_table() -> dict[str, dict[Role, bool]]:
    """By route: whether each role is admitted. Raises `ValueError` or `KeyError` for a malformed table."""
    with PATH.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", strict=True))
    table = {row["route"]: {role: _WORDS[row[role.value]] for role in Role} for row in rows}
    if len(table) != len(rows):
        raise ValueError("a route is listed twice")
    return table


def rendered() -> str:
    """The same in Markdown."""
    head = ["| call | " + " | ".join(Role) + " |", "|---|" + "---|" * len(Role)]
    body = [
        f"| {route} | {' | '.join('yes' if row[role] else '' for role in Role)} |"
        for route, row in access_table().items()
    ]
    return "\n".join(head + body)
