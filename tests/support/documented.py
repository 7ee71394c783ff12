"""The examples of the documentation, as they are written there."""

from __future__ import annotations

import re

from tests.support.browser_server import REPOSITORY


def example(page: str, heading: str, language: str) -> str:
    """The first block of code in a language under a `##` heading of a page of `docs/`."""
    text = (REPOSITORY / "docs" / page).read_text("utf-8")
    _, _, section = text.partition(f"\n## {heading}\n")
    section, _, _ = section.partition("\n## ")
    found = re.search(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError(f"{page} has no {language} under {heading!r}")
    return found[1]
