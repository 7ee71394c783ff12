"""axe-core in a page: the rules of WCAG 2.2 A and AA, and its best practices."""

from __future__ import annotations

from functools import cache
from importlib import resources

from playwright.async_api import Page

SOURCE_RUN = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}"""

"""A function that gives the violations: the rule and the element of each."""


async def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now: the rule and the element. Nothing is changed in it."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(source())
    found: list[str] = await page.evaluate(SOURCE_RUN)
    return found


@cache
def source() -> str:
    """Of axe-core, which puts `axe` into the window."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
